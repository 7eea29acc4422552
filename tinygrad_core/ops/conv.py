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


def _met(size: tuple[int, ...], out: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...],
         dilation: tuple[int, ...], widths: tuple[tuple[int, int], ...]) -> Iterator[tuple[Any, Any]]:
    """For each position in the window: the places where it meets an element, and those elements, as indices.

    `widths` says by how much windows may reach over each dim's edges, where there is nothing to meet.
    """
    for at in product(*map(range, kernel)):
        fits, elements = [], []
        for i, n, count, s, d, (before, _) in zip(at, size, out, stride, dilation, widths, strict=True):
            first = i * d - before                      # the element met in place 0
            low = max(0, -(first // s))
            high = max(low, min(count, (n - 1 - first) // s + 1))
            fits.append(slice(low, high))
            elements.append(slice(first + low * s, first + high * s, s))
        yield (..., *fits), (..., *elements)


def _pool_shape(x: Any, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...],
                widths: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    around = tuple(n + a + b for n, (a, b) in zip(x.shape[2:], widths, strict=True))
    return (*x.shape[:2], *places(around, kernel, stride, dilation))


def _lowest(xp: Any, dtype: Any) -> Any:
    return -math.inf if dtype.kind == "f" else xp.iinfo(dtype).min


def _max_pool(xp: Any, x: Any, *, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...],
              widths: tuple[tuple[int, int], ...]) -> Any:
    """The greatest element of each window, and where it lies in x with the last dims flattened.

    Of equals it is the first, of elements that are not numbers the last.
    """
    size, shape = x.shape[2:], _pool_shape(x, kernel, stride, dilation, widths)
    out, index = xp.full(shape, _lowest(xp, x.dtype), x.dtype), xp.full(shape, -1)
    here = xp.arange(math.prod(size)).reshape(size)
    for at, elements in _met(size, shape[2:], kernel, stride, dilation, widths):
        part, best, where = x[elements], out[at], index[at]
        better = (part > best) | (part != part) | (where < 0)
        out[at] = xp.where(better, part, best)
        index[at] = xp.where(better, here[elements], where)
    return out, index


def _pick(xp: Any, x: Any, index: Any) -> Any:
    """The elements at these places of the flattened last dims."""
    flat = index.reshape(*index.shape[:2], math.prod(index.shape[2:]))
    return xp.take_along_axis(x.reshape(*x.shape[:2], math.prod(x.shape[2:])), flat, -1).reshape(index.shape)


def _unpick(xp: Any, y: Any, index: Any, *, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with the elements of y added at these places of the flattened last dims."""
    rows, columns = math.prod(shape[:2]), math.prod(shape[2:])
    flat = (index.reshape(rows, math.prod(index.shape[2:])) + xp.arange(rows)[:, None] * columns).ravel()
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
primitive("pick", _pick, x=lambda F, g, x_shape, index: F.unpick(g, index, shape=x_shape),
          notation={"out": "{x}[{index}]", "x": "{g} added at {index}"})
primitive("unpick", _unpick, y=lambda F, g, index: F.pick(g, index),
          notation={"out": "{y} added at {index}", "y": "{g}[{index}]"})


# ---- fused: stride 1 convolution of images, and pooling
def _flat(xp: Any, x: Any, padding: tuple[int, int], kernel: tuple[int, int]) -> Any:
    """x (N, C, H, W) with zeros around it as (C, N H' W' + a tail for windows that run over the end)."""
    n, c, h, w = x.shape
    ph, pw = padding
    rows, row = h + 2 * ph, w + 2 * pw
    flat = xp.zeros((c, n * rows * row + (kernel[0] - 1) * row + kernel[1] - 1), x.dtype)
    inside = flat[:, :n * rows * row].reshape(c, n, rows, row)
    inside[:, :, ph:ph + h, pw:pw + w] = x.transpose(1, 0, 2, 3)
    return flat


def _shifts(flat: Any, n: int, rows: int, row: int, kernel: tuple[int, int]) -> Iterator[Any]:
    """For each position in the window what it meets in all places, as a view (C, N, places) of the flat image.

    In the layout (C, N, H, W) a step of the window is a step along the flat array, so that each position
    meets one long run of every image; the places that run over a row's end are cut off afterwards.
    """
    places = (rows - kernel[0] + 1) * row
    for i, j in product(range(kernel[0]), range(kernel[1])):
        start = i * row + j
        yield flat[:, start:start + n * rows * row].reshape(len(flat), n, rows * row)[:, :, :places]


def _columns(xp: Any, flat: Any, n: int, rows: int, row: int, kernel: tuple[int, int]) -> Any:
    """The shifts one below the other, as the matrix (KH KW C, N places) that one product turns into all outputs."""
    columns = xp.empty((kernel[0] * kernel[1], len(flat), n, (rows - kernel[0] + 1) * row), flat.dtype)
    for into, shift in zip(columns, _shifts(flat, n, rows, row, kernel), strict=True):
        into[...] = shift
    return columns.reshape(kernel[0] * kernel[1] * len(flat), -1)


def _conv_plain(xp: Any, x: Any, weight: Any, bias: Any, *, padding: tuple[int, int]) -> Any:
    n, _, h, w = x.shape
    o, _, kh, kw = weight.shape
    rows, row = h + 2 * padding[0], w + 2 * padding[1]
    flat = _flat(xp, x, padding, (kh, kw))
    y = xp.dot(weight.transpose(0, 2, 3, 1).reshape(o, -1), _columns(xp, flat, n, rows, row, (kh, kw)))
    if bias is not None:
        y += bias[:, None]
    return y.reshape(o, n, rows - kh + 1, row)[..., :row - kw + 1].transpose(1, 0, 2, 3), flat


def _conv_plain_backward(xp: Any, g: Any, needs: Any, x_shape: Any, weight: Any, flat: Any, padding: Any) -> Any:
    n, _, h, w = x_shape
    o, c, kh, kw = weight.shape
    ph, pw = padding
    rows, row = h + 2 * ph, w + 2 * pw
    gy = xp.zeros((o, n, rows - kh + 1, row), g.dtype)
    gy[..., :row - kw + 1] = g.transpose(1, 0, 2, 3)
    gy = gy.reshape(o, -1)
    columns = _columns(xp, flat, n, rows, row, (kh, kw))
    dx = dw = None
    if needs[1]:
        dw = xp.dot(gy, columns.T).reshape(o, kh, kw, c).transpose(0, 3, 1, 2)
    if needs[0]:
        xp.dot(weight.transpose(0, 2, 3, 1).reshape(o, -1).T, gy, out=columns)
        back = xp.zeros(flat.shape, g.dtype)
        for shift, part in zip(_shifts(back, n, rows, row, (kh, kw)), columns.reshape(kh * kw, c, n, -1), strict=True):
            shift += part
        dx = back[:, :n * rows * row].reshape(c, n, rows, row)[:, :, ph:ph + h, pw:pw + w].transpose(1, 0, 2, 3)
    return dx, dw, xp.add.reduce(gy, 1) if needs[2] else None


primitive("conv_plain", _conv_plain, aux=("flat",), label="conv", backward=_conv_plain_backward,
          notation={"out": "{weight} ∗ {x} + {bias}", "x": "{weight} turned round ∗ {g}", "weight": "{x} ∗ {g}",
                    "bias": "Σ {g}"})


def _max_windows(xp: Any, x: Any, *, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...],
                 widths: tuple[tuple[int, int], ...]) -> Any:
    shape = _pool_shape(x, kernel, stride, dilation, widths)
    out = xp.full(shape, _lowest(xp, x.dtype), x.dtype)
    for at, elements in _met(x.shape[2:], shape[2:], kernel, stride, dilation, widths):
        xp.maximum(out[at], x[elements], out=out[at])
    return out


def _max_windows_backward(xp: Any, g: Any, needs: Any, x: Any, out: Any, kernel: Any, stride: Any, dilation: Any,
                          widths: Any) -> Any:
    """Each window's gradient goes to its greatest element; of equals to the first.

    It is handed out by products with 0 and 1, which infinities and NaNs do not bear: with them it takes the long way.
    """
    if xp.isnan(out).any() or not xp.isfinite(g).all():
        _, index = _max_pool(xp, x, kernel=kernel, stride=stride, dilation=dilation, widths=widths)
        return (_unpick(xp, g, index, shape=x.shape),)
    dx, free = xp.zeros(x.shape, x.dtype), xp.ones(out.shape, bool)
    apart = all(d * (k - 1) < s for k, s, d in zip(kernel, stride, dilation, strict=True))
    for at, elements in _met(x.shape[2:], out.shape[2:], kernel, stride, dilation, widths):
        chosen = x[elements] == out[at]
        chosen &= free[at]
        free[at] ^= chosen
        if apart:                       # windows that share no element have nothing to add up
            xp.multiply(g[at], chosen, out=dx[elements])
        else:
            dx[elements] += g[at] * chosen
    return (dx,)


primitive("max_windows", _max_windows, label="max pool", backward=_max_windows_backward,
          notation={"out": "max of windows of {x}", "x": "{g} where {x} was the greatest"})
