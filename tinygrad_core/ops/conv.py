"""Operations on windows that slide over the last dims of a (N, C, ...) array, the matter of convolution and pooling."""
from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

from .core import primitive


def places(size: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...],
           dilation: tuple[int, ...]) -> tuple[int, ...]:
    """In how many places a window fits along each dim."""
    return tuple((n - d * (k - 1) - 1) // s + 1
                 for n, k, s, d in zip(size, kernel, stride, dilation, strict=True))


def _offsets(out: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...],
             dilation: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], tuple[Any, ...]]]:
    """For each position in the window: the position, and the elements that it meets in all places, as an index."""
    for at in product(*map(range, kernel)):
        yield at, (..., *(slice(i * d, i * d + s * (n - 1) + 1, s)
                          for i, d, s, n in zip(at, dilation, stride, out, strict=True)))


def _unfold(xp: Any, x: Any, *, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]) -> Any:
    """Every window of x (N, C, *size), by position in the window: (N, C, *kernel, *places)."""
    out = places(x.shape[2:], kernel, stride, dilation)
    columns = xp.empty((*x.shape[:2], *kernel, *out), x.dtype)
    for at, met in _offsets(out, kernel, stride, dilation):
        columns[(slice(None), slice(None), *at)] = x[met]
    return columns


def _fold(xp: Any, y: Any, *, size: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]) -> Any:
    """The reverse of `unfold`: what lies in each window is added where the window lay."""
    n = len(size)
    kernel, out = y.shape[2:2 + n], y.shape[2 + n:]
    x = xp.zeros((*y.shape[:2], *size), y.dtype)
    for at, met in _offsets(out, kernel, stride, dilation):
        x[met] += y[(slice(None), slice(None), *at)]
    return x


def _pad(xp: Any, x: Any, *, widths: tuple[tuple[int, int], ...], value: float) -> Any:
    """x with so many elements of `value` before and after it along each dim; a negative width takes away."""
    kept = x[tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(widths, x.shape, strict=True))]
    starts = [max(a, 0) for a, _ in widths]
    out = xp.full([s + n + max(b, 0) for s, n, (_, b) in zip(starts, kept.shape, widths, strict=True)], value, x.dtype)
    out[tuple(slice(s, s + n) for s, n in zip(starts, kept.shape, strict=True))] = kept
    return out


def _max_pool(xp: Any, x: Any, *, kernel: tuple[int, ...], stride: tuple[int, ...],
              dilation: tuple[int, ...]) -> Any:
    """The greatest element of each window, and where it lies in x with the last dims flattened."""
    size = x.shape[2:]
    columns = _unfold(xp, x, kernel=kernel, stride=stride, dilation=dilation)
    out = columns.shape[2 + len(size):]
    columns = columns.reshape(*x.shape[:2], math.prod(kernel), math.prod(out))
    where = _unfold(xp, xp.arange(math.prod(size)).reshape(1, 1, *size), kernel=kernel, stride=stride,
                    dilation=dilation).reshape(math.prod(kernel), math.prod(out))
    best = columns.argmax(2)
    index = where[best, xp.arange(math.prod(out))].reshape(*x.shape[:2], *out)
    return _pick(xp, x, index), index


def _pick(xp: Any, x: Any, index: Any) -> Any:
    """The elements at these places of the flattened last dims."""
    flat = index.reshape(*index.shape[:2], -1)
    return xp.take_along_axis(x.reshape(*x.shape[:2], -1), flat, -1).reshape(index.shape)


def _unpick(xp: Any, y: Any, index: Any, *, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with the elements of y added at these places of the flattened last dims."""
    rows, columns = math.prod(shape[:2]), math.prod(shape[2:])
    flat = (index.reshape(rows, -1) + xp.arange(rows)[:, None] * columns).ravel()
    return xp.bincount(flat, y.ravel(), rows * columns).astype(y.dtype).reshape(shape)


primitive("unfold", _unfold, x=lambda F, g, x_shape, stride, dilation: F.fold(
    g, size=x_shape[2:], stride=stride, dilation=dilation), notation={"out": "windows of {x}", "x": "fold({g})"})
primitive("fold", _fold, y=lambda F, g, y_shape, stride, dilation: F.unfold(
    g, kernel=y_shape[2:len(y_shape) // 2 + 1], stride=stride, dilation=dilation),
    notation={"out": "Σ windows {y}", "y": "windows of {g}"})
primitive("pad", _pad, x=lambda F, g, widths: F.pad(g, widths=tuple((-a, -b) for a, b in widths), value=0.0),
          notation={"out": "pad {x}", "x": "crop {g}"})
primitive("max_pool", _max_pool, aux=("index",), label="max pool",
          x=lambda F, g, x_shape, index: F.unpick(g, index, shape=x_shape),
          notation={"out": "max of windows of {x}", "x": "{g} where {x} was the greatest"})
primitive("pick", _pick, x=lambda F, g, x_shape, index: F.unpick(g, index, shape=x_shape))
primitive("unpick", _unpick, y=lambda F, g, index: F.pick(g, index))
