#!/usr/bin/env python3
"""Forward and backward of single functions and modules beside PyTorch eager, one thread, in one run.

    python benchmarks/operations.py            # all of them
    python benchmarks/operations.py conv pool  # those with these words in their names

A row gives the milliseconds of both and their ratio (medians of runs that take turns); above 2 it is marked.
"""
import gc
import os
import statistics
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import numpy as np
import torch

import tinygrad_core as tg

torch.set_num_threads(1)
rng = np.random.default_rng(0)
ROWS, IMAGE, TEXT, SIGNAL = (64, 1024), (16, 32, 28, 28), (16, 128, 256), (16, 32, 256)
tokens, labels, pixels = rng.integers(0, 5000, (16, 128)), rng.integers(0, 1000, 256), rng.integers(0, 10, (8, 32, 32))

# An expression of F (nn.functional), T (the engine), inputs x, y, z, and integers i; the inputs' shapes.
FUNCTIONS = {
    **{f"F.{name}(x)": [ROWS] for name in (
        "relu leaky_relu relu6 hardtanh hardsigmoid hardswish elu celu selu silu mish softplus logsigmoid softsign gelu "
        "sigmoid tanh glu").split()},
    "F.gelu(x, approximate='tanh')": [ROWS], "F.prelu(x, y)": [IMAGE, (32,)],
    "F.softmax(x, -1)": [TEXT], "F.log_softmax(x, -1)": [TEXT], "F.dropout(x, 0.1)": [TEXT],
    "F.layer_norm(x, (256,), y, z)": [TEXT, (256,), (256,)], "F.layer_norm(x, (64,), y, z)": [(32, 64), (64,), (64,)],
    "F.rms_norm(x, (256,), y)": [TEXT, (256,)], "F.group_norm(x, 8, y, z)": [IMAGE, (32,), (32,)],
    "F.batch_norm(x, None, None, y, z, True)": [IMAGE, (32,), (32,)],
    "F.batch_norm(x, T.zeros(32), T.ones(32), y, z)": [IMAGE, (32,), (32,)],
    "F.normalize(x, dim=-1)": [TEXT], "F.cosine_similarity(x, y, -1)": [TEXT, TEXT],
    "F.embedding(T.tensor(tokens), x)": [(5000, 256)], "F.embedding(T.tensor(tokens % 65), x)": [(65, 128)],
    "F.embedding(T.tensor(tokens), x, 0)": [(5000, 256)],
    "F.linear(x, y, z)": [TEXT, (256, 256), (256,)], "F.bilinear(x, y, z)": [(64, 32), (64, 32), (32, 32, 32)],
    "F.scaled_dot_product_attention(x, y, z, is_causal=True)": [(8, 4, 64, 32)] * 3,
    "F.conv2d(x, y, z, padding=1)": [IMAGE, (32, 32, 3, 3), (32,)], "F.conv2d(x, y)": [IMAGE, (64, 32, 1, 1)],
    "F.conv2d(x, y, stride=2, padding=1)": [IMAGE, (64, 32, 3, 3)], "F.conv2d(x, y, stride=2)": [IMAGE, (64, 32, 1, 1)],
    "F.conv2d(x, y, stride=4)": [(16, 3, 32, 32), (64, 3, 4, 4)],
    "F.conv2d(x, y, padding=2, dilation=2)": [IMAGE, (32, 32, 3, 3)],
    "F.conv2d(x, y, padding=1, groups=4)": [IMAGE, (32, 8, 3, 3)],
    "F.conv2d(x, y, padding=1, groups=32)": [IMAGE, (32, 1, 3, 3)],
    "F.conv1d(x, y, padding=1)": [SIGNAL, (32, 32, 3)], "F.conv1d(x, y, stride=2)": [SIGNAL, (32, 32, 3)],
    "F.conv_transpose2d(x, y, stride=2)": [(16, 32, 14, 14), (32, 32, 2, 2)],
    "F.max_pool2d(x, 2)": [IMAGE], "F.max_pool2d(x, 3, 2, 1)": [IMAGE], "F.max_pool1d(x, 2)": [SIGNAL],
    "F.avg_pool2d(x, 2)": [IMAGE], "F.avg_pool2d(x, 3, 2, 1)": [IMAGE], "F.adaptive_avg_pool2d(x, 1)": [IMAGE],
    "F.adaptive_avg_pool2d(x, 7)": [IMAGE], "F.unfold(x, 3, padding=1)": [IMAGE],
    "F.pad(x, (1, 1, 1, 1))": [IMAGE], "F.pad(x, (1, 1, 1, 1), 'reflect')": [IMAGE],
    **{f"F.{name}(x, y.detach())": [ROWS, ROWS] for name in (
        "mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy_with_logits").split()},
    "F.kl_div(x, y.detach().exp(), reduction='batchmean')": [ROWS, ROWS], "F.nll_loss(x, T.tensor(labels))": [(256, 1000)],
    "F.cross_entropy(x, T.tensor(labels))": [(256, 1000)],
    "F.cross_entropy(x, T.tensor(labels), label_smoothing=0.1)": [(256, 1000)],
    "F.cross_entropy(x, T.tensor(pixels))": [(8, 10, 32, 32)],
}
MODULES = {
    **{f"nn.{kind}(64, 128)": [(32, 16, 64)] for kind in ("LSTM", "GRU", "RNN")}, "nn.LSTM(64, 128, proj_size=32)": [(32, 16, 64)],
    "nn.LSTMCell(64, 128)": [(16, 64)], "nn.GRUCell(64, 128)": [(16, 64)],
    "nn.MultiheadAttention(128, 4, batch_first=True)": [(8, 64, 128)] * 3,
    "nn.TransformerEncoderLayer(128, 4, 256, 0.0, batch_first=True)": [(8, 64, 128)],
}


def step(T, text, arrays):
    """A function that runs `text` forwards and backwards in an engine, from the same arrays in both."""
    inputs = [T.tensor(a, requires_grad=True) for a in arrays]
    learned = list(inputs)
    if text in MODULES:
        module = eval(text, {"nn": T.nn})
        learned += module.parameters()
        run = lambda: module(*inputs)  # noqa: E731
    else:
        space = {"T": T, "F": T.nn.functional, "tokens": tokens, "labels": labels, "pixels": pixels}
        run = eval(f"lambda x, y=None, z=None: {text}", space)
        run = (lambda code: lambda: code(*inputs))(run)

    def first(result):
        return result[0] if isinstance(result, tuple) else result

    gradient = T.ones(tuple(first(run()).shape))

    def go():
        for t in learned:
            t.grad = None
        first(run()).backward(gradient)

    return go


def compare(text, shapes):
    """Median milliseconds of this engine and of PyTorch, taking turns for a third of a second."""
    arrays = [rng.standard_normal(shape).astype("float32") for shape in shapes]
    steps, times = [step(T, text, arrays) for T in (tg, torch)], ([], [])
    for go in steps * 2:
        go()
    gc.disable()
    begun = time.perf_counter()
    while len(times[0]) < 7 or time.perf_counter() - begun < 0.35:
        for go, taken in zip(steps, times, strict=True):
            start = time.perf_counter()
            go()
            taken.append(time.perf_counter() - start)
    gc.enable()
    return [statistics.median(taken) * 1e3 for taken in times]


if __name__ == "__main__":
    print(f"{'forward and backward':62s} {'ours':>8s} {'torch':>8s}  ratio")
    for text, shapes in (FUNCTIONS | MODULES).items():
        if len(sys.argv) == 1 or any(word in text for word in sys.argv[1:]):
            ours, theirs = compare(text, shapes)
            print(f"{text:62s} {ours:8.3f} {theirs:8.3f} {ours / theirs:6.2f}{'  <' if ours > 2 * theirs else ''}", flush=True)
