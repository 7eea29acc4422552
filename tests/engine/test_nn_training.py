"""Training runs: from equal weights on equal batches the losses follow PyTorch's, for fifty steps."""
from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_core as tg
from tests.engine.against_torch import torch

STEPS = 50


def _mlp(T: Any) -> Any:
    N = T.nn
    return N.Sequential(N.Linear(20, 32), N.Tanh(), N.Linear(32, 32), N.ReLU(), N.Dropout(0.0), N.Linear(32, 5))


def _cnn(T: Any) -> Any:
    N = T.nn
    return N.Sequential(N.Conv2d(1, 8, 3, padding=1), N.BatchNorm2d(8), N.ReLU(), N.MaxPool2d(2),
                        N.Conv2d(8, 12, 3, stride=2), N.SiLU(), N.AdaptiveAvgPool2d(2), N.Flatten(), N.Linear(48, 5))


def _lstm(T: Any) -> Any:
    N = T.nn

    class Reader(N.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = N.Embedding(11, 12)
            self.lstm = N.LSTM(12, 16, num_layers=2, batch_first=True)
            self.head = N.Linear(16, 11)

        def forward(self, x: Any) -> Any:
            return self.head(self.lstm(self.table(x))[0]).transpose(1, 2)

    return Reader()


def _gpt(T: Any) -> Any:
    N, F = T.nn, T.nn.functional

    class Block(N.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = N.LayerNorm(16), N.LayerNorm(16)
            self.qkv, self.out = N.Linear(16, 48), N.Linear(16, 16)
            self.up, self.down = N.Linear(16, 64), N.Linear(64, 16)

        def forward(self, x: Any) -> Any:
            n, length, width = x.shape
            qkv = self.qkv(self.norm1(x)).reshape(n, length, 3, 2, width // 2).permute(2, 0, 3, 1, 4)
            y = F.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], is_causal=True)
            x = x + self.out(y.transpose(1, 2).reshape(n, length, width))
            return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))

    class GPT(N.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.places = N.Embedding(11, 16), N.Embedding(9, 16)
            self.blocks = N.Sequential(Block(), Block())
            self.norm, self.head = N.LayerNorm(16), N.Linear(16, 11, bias=False)

        def forward(self, x: Any) -> Any:
            x = self.tokens(x) + self.places(T.arange(x.shape[1]))
            return self.head(self.norm(self.blocks(x))).transpose(1, 2)

    return GPT()


def _images(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    labels = rng.integers(0, 5, 16)
    return (rng.standard_normal((16, 1, 10, 10)) + labels[:, None, None, None] * 0.5).astype("float32"), labels


def _rows(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    labels = rng.integers(0, 5, 16)
    return (rng.standard_normal((16, 20)) + labels[:, None] * 0.5).astype("float32"), labels


def _text(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    start = rng.integers(0, 11, (8, 1))
    text = (start + 3 * np.arange(10)) % 11
    return text[:, :-1], text[:, 1:]


@pytest.mark.parametrize(("make", "batch", "optimizer"), [
    (_mlp, _rows, lambda T, p: T.optim.SGD(p, lr=0.1, momentum=0.9)),
    (_cnn, _images, lambda T, p: T.optim.Adam(p, lr=1e-3)),
    (_lstm, _text, lambda T, p: T.optim.Adam(p, lr=1e-2)),
    (_gpt, _text, lambda T, p: T.optim.Adam(p, lr=3e-3)),
])
def test_losses_follow_pytorchs(make: Any, batch: Any, optimizer: Any) -> None:
    torch.manual_seed(0)
    theirs, ours = make(torch), make(tg)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    curves = []
    for T, net in ((tg, ours), (torch, theirs)):
        rng, losses = np.random.default_rng(0), []
        loss_function, steps = T.nn.CrossEntropyLoss(), optimizer(T, net.parameters())
        for _ in range(STEPS):
            x, y = (T.tensor(a) for a in batch(rng))
            steps.zero_grad()
            loss = loss_function(net(x), y)
            loss.backward()
            T.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            steps.step()
            losses.append(loss.item())
        curves.append(losses)
    np.testing.assert_allclose(*curves, rtol=1e-4, atol=1e-4)
    assert curves[0][-1] < 0.8 * curves[0][0]                   # and it learns


def test_training_leaves_nothing_for_the_garbage_collector() -> None:
    import gc

    N = tg.nn
    net = N.Sequential(N.Conv2d(1, 4, 3), N.BatchNorm2d(4), N.ReLU(), N.MaxPool2d(2), N.Dropout(0.1), N.Flatten(),
                       N.Linear(36, 8))
    encoder, lstm = N.TransformerEncoderLayer(8, 2, 16, batch_first=True), N.LSTM(8, 4, 2, bidirectional=True)
    gru, table = N.GRU(8, 8), N.Embedding(5, 8)
    net[0].register_forward_hook(lambda *_: None)
    net[0].register_full_backward_hook(lambda *_: None)
    parameters = [p for m in (net, encoder, lstm, gru, table) for p in m.parameters()]
    steps, rng = tg.optim.Adam(parameters, lr=1e-3), np.random.default_rng(0)

    def step() -> None:
        x = net(tg.tensor(rng.standard_normal((6, 1, 8, 8)).astype("float32"))).reshape(2, 3, 8)
        x = encoder(x + table(tg.tensor(rng.integers(0, 5, (2, 3)))))
        out = gru(lstm(x.transpose(0, 1))[0])[0].reshape(6, 8)
        loss = N.functional.cross_entropy(out, tg.tensor(rng.integers(0, 8, 6)), label_smoothing=0.1)
        steps.zero_grad()
        loss.backward()
        N.utils.clip_grad_norm_(parameters, 1.0)
        steps.step()

    step()
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            step()
        assert gc.collect() == 0
    finally:
        gc.enable()
