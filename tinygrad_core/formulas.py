"""The formulas that fused operations equal, as functions of tensors over primitives."""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from .device import array_module
from .dispatch import recorded
from .ops.core import equals
from .symbol import Dim
from .tensor import Tensor, wrap

BELOW = int(np.iinfo(np.int64).max)             # stands for a negative label: no table has as many rows


@equals("cross_entropy")
def cross_entropy(x: Tensor, target: Any, *, ignore: int | None) -> Tensor:
    """The mean of -log softmax(x)[target] over the samples and places whose label is not to be ignored."""
    target = target.array if isinstance(target, Tensor) else target
    if x.ndim > 2:
        x = recorded.reshape(recorded.permute(x, dims=(0, *range(2, x.ndim), 1)), shape=(target.size, x.shape[1]))
        target = recorded.reshape(wrap(target), shape=(-1,)).array
    logs = recorded.log_softmax(x, dim=1)
    if ignore is None:
        picked = recorded.getitem(logs, index=(numbers(target), target))
        return recorded.mul(recorded.sum(picked, dim=None, keepdim=False), -1.0 / target.shape[0])
    counted, classes = classes_of(wrap(target), ignore)
    picked = recorded.getitem(logs, index=(numbers(target), classes.array))
    total = recorded.sum(recorded.where(counted, picked, 0.0), dim=None, keepdim=False)
    count = recorded.sum(recorded.cast(counted, dtype=x.dtype), dim=None, keepdim=False)
    return recorded.where(count > 0, -total / recorded.maximum(count, 1.0), math.nan)


def classes_of(labels: Tensor, ignore: int) -> tuple[Tensor, Tensor]:
    """Which labels count, and for each an index to look up, 0 where none does."""
    counted = recorded.ne(labels, ignore)
    return counted, recorded.where(counted, from_the_start(labels), 0)


def from_the_start(labels: Tensor) -> Tensor:
    """Labels as an index that refuses negative ones, which would count from the end."""
    labels = labels if labels.dtype == np.int64 else recorded.cast(labels, dtype=np.dtype(np.int64))
    return recorded.where(labels < 0, BELOW, labels)


def numbers(labels: Any) -> Any:
    """0, 1, 2, ... for an array of labels, counted at the run where their number is not known before."""
    n = labels.shape[0]
    if isinstance(n, Dim):
        ones = wrap(labels) * 0 + 1
        return (recorded.cumsum(ones, dim=0) - 1).array
    return array_module(labels).arange(n)


@equals("layer_norm")
def layer_norm(x: Tensor, weight: Tensor | None, bias: Tensor | None, *, eps: float) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias, over the last dim."""
    n = 1.0 / x.shape[-1]
    last = (x.ndim - 1,)
    d = x - recorded.sum(x, dim=last, keepdim=True) * n
    var = recorded.sum(d * d, dim=last, keepdim=True) * n
    out = d * recorded.div(1.0, recorded.sqrt(var + eps))       # one division a row
    out = out if weight is None else out * weight
    return out if bias is None else out + bias


@equals("channel_norm")
def channel_norm(x: Tensor, weight: Tensor | None, bias: Tensor | None, *, groups: int,
                 eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """x (N, C, S) normalised over S and each group of channels, or with 0 groups over S and the batch."""
    n, c, size = x.shape
    rows = recorded.reshape(x, shape=(n, groups, c // groups, size)) if groups else x
    over = (2, 3) if groups else (0, 2)
    count = 1.0 / (c // groups if groups else n) / size
    mean = recorded.sum(rows, dim=over, keepdim=True) * count
    centred = rows - mean
    var = recorded.sum(centred * centred, dim=over, keepdim=True) * count
    out = recorded.reshape(centred * recorded.div(1.0, recorded.sqrt(var + eps)), shape=x.shape)
    out = out if weight is None else out * recorded.reshape(weight, shape=(c, 1))
    each = [recorded.reshape(recorded.expand(t, shape=(n, groups, c // groups, 1)), shape=(n, c)) if groups else
            recorded.reshape(t, shape=(1, c)) for t in (mean, var)]
    return out if bias is None else out + recorded.reshape(bias, shape=(c, 1)), each[0], each[1]


@equals("gelu")
def gelu(x: Tensor) -> Tensor:
    """x Φ(x) = x (erf(x / √2) + 1) / 2."""
    return x * ((recorded.erf(x * math.sqrt(0.5)) + 1) * 0.5)


@equals("gelu_tanh")
def gelu_tanh(x: Tensor) -> Tensor:
    """x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))."""
    return x * 0.5 * (recorded.tanh((x + x * x * x * 0.044715) * 0.7978845608028654) + 1.0)


@equals("attention")
def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, *, scale: float) -> Tensor:
    """softmax(q kᵀ scale + mask) v."""
    n = k.ndim
    scores = recorded.matmul(q, recorded.permute(k, dims=(*range(n - 2), n - 1, n - 2))) * scale
    scores = scores if mask is None else scores + mask
    return recorded.matmul(recorded.softmax(scores, dim=scores.ndim - 1), v)


@equals("lstm")
def lstm(x: Tensor, h: Tensor, c: Tensor, weight_ih: Tensor, weight_hh: Tensor,
         bias: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """One LSTM layer over a sequence, step by step, in PyTorch's gate order i, f, g, o; the inputs' product is one."""
    H = h.shape[1]
    outs = []
    inputs = recorded.linear(x, weight_ih, bias)
    for t in range(x.shape[0]):
        gates = recorded.getitem(inputs, index=t) + recorded.linear(h, weight_hh, None)
        i, f, g, o = (recorded.getitem(gates, index=(slice(None), slice(k * H, (k + 1) * H))) for k in range(4))
        c = _sigmoid(f) * c + _sigmoid(i) * recorded.tanh(g)
        h = _sigmoid(o) * recorded.tanh(c)
        outs.append(recorded.reshape(h, shape=(1, *h.shape)))
    return recorded.cat(*outs, dim=0), h, c


def _sigmoid(x: Tensor) -> Tensor:
    return (recorded.tanh(x * 0.5) + 1.0) * 0.5


@equals("conv")
def conv(x: Tensor, weight: Tensor, bias: Tensor | None, *, stride: tuple[int, ...], dilation: tuple[int, ...],
         groups: int, widths: tuple[tuple[int, int], ...]) -> Tensor:
    """x (N, C, *size) with weight (O, C/groups, *kernel): each window of x times each of the O kernels."""
    if any(map(any, widths)):
        x = recorded.pad(x, widths=((0, 0), (0, 0), *widths), value=0.0)
    kernel, n, out_channels = weight.shape[2:], x.shape[0], weight.shape[0]
    columns = recorded.unfold(x, kernel=kernel, stride=stride, dilation=dilation)
    size = columns.shape[2 + len(kernel):]
    columns = recorded.reshape(columns, shape=(n, groups, x.shape[1] // groups * math.prod(kernel), math.prod(size)))
    kernels = recorded.reshape(weight, shape=(groups, out_channels // groups, columns.shape[2]))
    out = recorded.reshape(recorded.matmul(kernels, columns), shape=(n, out_channels, *size))
    return out if bias is None else out + recorded.reshape(bias, shape=(-1, *(1 for _ in kernel)))


def conv_transpose(x: Tensor, weight: Tensor, bias: Tensor | None, *, stride: tuple[int, ...],
                   dilation: tuple[int, ...], groups: int, padding: tuple[int, ...],
                   output_padding: tuple[int, ...]) -> Tensor:
    """Every element of x (N, C, *size) puts down a kernel of weight (C, O/groups, *kernel), times itself."""
    kernel, size, n, per_group = weight.shape[2:], x.shape[2:], x.shape[0], weight.shape[1]
    k = math.prod(kernel)
    rows = recorded.reshape(x, shape=(n, groups, x.shape[1] // groups, math.prod(size)))
    kernels = recorded.reshape(weight, shape=(groups, x.shape[1] // groups, per_group * k))
    columns = recorded.matmul(recorded.permute(kernels, dims=(0, 2, 1)), rows)
    columns = recorded.reshape(columns, shape=(n, groups * per_group, *kernel, *size))
    full = tuple((m - 1) * s + d * (j - 1) + 1 for m, s, d, j in zip(size, stride, dilation, kernel, strict=True))
    out = recorded.fold(columns, size=full, stride=stride, dilation=dilation)
    if any(padding) or any(output_padding):
        widths = tuple((-p, o - p) for p, o in zip(padding, output_padding, strict=True))
        out = recorded.pad(out, widths=((0, 0), (0, 0), *widths), value=0.0)
    return out if bias is None else out + recorded.reshape(bias, shape=(-1, *(1 for _ in kernel)))


@equals("max_windows")
def max_windows(x: Tensor, *, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...],
                widths: tuple[tuple[int, int], ...]) -> Tensor:
    """The greatest element of each window."""
    return recorded.max_pool(x, kernel=kernel, stride=stride, dilation=dilation, widths=widths)
