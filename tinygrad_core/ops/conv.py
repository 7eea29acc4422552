"""Operations on windows that slide over the last dims of a (N, C, ...) array, the matter of convolution and pooling."""
from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from ..products import matmul, row_sums
from .core import primitive

Sizes = tuple[int, ...]
Widths = tuple[tuple[int, int], ...]


def places(size: Sizes, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Sizes:
    """In how many places a window fits along each dim."""
    return tuple((n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(size, kernel, stride, dilation, strict=True))


class Windows:
    """Windows that slide over the last dims of `x`; by `widths` they reach over each dim's edges, where they meet nothing.

    Attributes:
        size: the sizes of these dims.
        places: in how many places there is a window, along each.
        shape: of the array that has one number of each window.
    """

    def __init__(self, x: Any, kernel: Sizes, stride: Sizes, dilation: Sizes, widths: Widths | None = None):
        self.kernel, self.stride, self.dilation, self.widths = kernel, stride, dilation, widths or ((0, 0),) * len(kernel)
        self.size = x.shape[2:]
        around = tuple(n + a + b for n, (a, b) in zip(self.size, self.widths, strict=True))
        self.places = places(around, kernel, stride, dilation)
        self.shape = (*x.shape[:2], *self.places)

    def met(self) -> Iterator[tuple[Any, Any]]:
        """For each position in the window: the places where it meets an element, and those elements, as indices."""
        for at in product(*map(range, self.kernel)):
            fits, elements = [], []
            for i, n, count, s, d, (before, _) in zip(at, self.size, self.places, self.stride, self.dilation, self.widths):
                first = i * d - before                      # the element met in place 0
                low = max(0, -(first // s))
                high = max(low, min(count, (n - 1 - first) // s + 1))
                fits.append(slice(low, high))
                elements.append(slice(first + low * s, first + high * s, s))
            yield (..., *fits), (..., *elements)


def _unfold(xp: Any, x: Any, *, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Any:
    """Every window of x (N, C, *size), by position in the window: (N, C, *kernel, *places)."""
    windows = Windows(x, kernel, stride, dilation)
    columns = xp.empty((*x.shape[:2], math.prod(kernel), *windows.places), x.dtype)
    for k, (_, elements) in enumerate(windows.met()):
        columns[:, :, k] = x[elements]
    return columns.reshape(*x.shape[:2], *kernel, *windows.places)


def _fold(xp: Any, y: Any, *, size: Sizes, stride: Sizes, dilation: Sizes) -> Any:
    """The reverse of `unfold`: what lies in each window is added where the window lay."""
    x, kernel = xp.zeros((*y.shape[:2], *size), y.dtype), y.shape[2:2 + len(size)]
    windows = Windows(x, kernel, stride, dilation)
    columns = y.reshape(*y.shape[:2], math.prod(kernel), *windows.places)
    for k, (_, elements) in enumerate(windows.met()):
        x[elements] += columns[:, :, k]
    return x


def _pad(xp: Any, x: Any, *, widths: Widths, value: float) -> Any:
    """x with so many elements of `value` before and after it along each dim; a negative width takes away."""
    kept = x[tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(widths, x.shape, strict=True))]
    starts = [max(a, 0) for a, _ in widths]
    out = xp.full([s + n + max(b, 0) for s, n, (_, b) in zip(starts, kept.shape, widths, strict=True)], value, x.dtype)
    out[tuple(slice(s, s + n) for s, n in zip(starts, kept.shape, strict=True))] = kept
    return out


def _lowest(xp: Any, dtype: Any) -> Any:
    return -math.inf if dtype.kind == "f" else xp.iinfo(dtype).min


def _max_pool(xp: Any, x: Any, *, kernel: Sizes, stride: Sizes, dilation: Sizes, widths: Widths) -> Any:
    """The greatest element of each window, and where it lies in x with the last dims flattened.

    Of equals it is the first, of elements that are not numbers the last.
    """
    windows = Windows(x, kernel, stride, dilation, widths)
    out, index = xp.full(windows.shape, _lowest(xp, x.dtype), x.dtype), xp.full(windows.shape, -1)
    here = xp.arange(math.prod(windows.size)).reshape(windows.size)
    for at, elements in windows.met():
        part, best, where = x[elements], out[at], index[at]
        better = (part > best) | (part != part) | (where < 0)
        out[at] = xp.where(better, part, best)
        index[at] = xp.where(better, here[elements], where)
    return out, index


def _pick(xp: Any, x: Any, index: Any) -> Any:
    """The elements at these places of the flattened last dims; 0 for the place -1, of windows that meet nothing."""
    flat = index.reshape(*index.shape[:2], math.prod(index.shape[2:]))
    found = xp.take_along_axis(x.reshape(*x.shape[:2], math.prod(x.shape[2:])), flat, -1).reshape(index.shape)
    return found if not index.size or index.min() >= 0 else xp.where(index < 0, 0, found)


def _unpick(xp: Any, y: Any, index: Any, *, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with the elements of y added at these places of the flattened last dims, but for the place -1."""
    rows, columns = math.prod(shape[:2]), math.prod(shape[2:])
    if index.size and index.min() < 0:
        y, index = xp.where(index < 0, 0, y), xp.maximum(index, 0)
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


# ---- fused: convolution as one product of matrices, and pooling
def _columns_of(xp: Any, x: Any, windows: Windows, groups: int) -> Any:
    """Every window of x (N, C, *size) as a column, a matrix (K C/groups, N places) for each group of channels."""
    n, c, *size = x.shape
    shape = (groups, math.prod(windows.kernel), c // groups, n, *windows.places)
    columns = (xp.zeros if any(map(any, windows.widths)) else xp.empty)(shape, x.dtype)
    image = x.swapaxes(0, 1).reshape(groups, c // groups, n, *size)
    for k, (at, elements) in enumerate(windows.met()):
        columns[:, k][at] = image[elements]
    return columns.reshape(groups, shape[1] * shape[2], math.prod(shape[3:]))


def _kernels_of(weight: Any, groups: int) -> Any:
    """Kernels (O, C/groups, *kernel) as the matrices (O/groups, K C/groups) that such columns are multiplied by."""
    o, c, *kernel = weight.shape
    k = math.prod(kernel)
    return weight.reshape(groups, o // groups, c, k).swapaxes(2, 3).reshape(groups, o // groups, k * c)


_COLUMNS = 1 << 20      # elements of columns at a time: what stays in the cache is the faster for it, and takes little memory


def _batches(xp: Any, windows: Windows) -> Iterator[tuple[slice, slice]]:
    """Parts of a batch, and where their windows lie among all, to make columns of a part at a time; for a GPU the whole."""
    (n, channels), places = windows.shape[:2], math.prod(windows.places)
    step = max(1, _COLUMNS // max(1, channels * math.prod(windows.kernel) * places) if xp is np else n)
    for i in range(0, max(1, n), step):
        j = min(n, i + step)
        yield slice(i, j), slice(i * places, j * places)


def _conv(xp: Any, x: Any, weight: Any, bias: Any, *, stride: Sizes, dilation: Sizes, groups: int, widths: Widths) -> Any:
    windows, kernels, o = Windows(x, weight.shape[2:], stride, dilation, widths), _kernels_of(weight, groups), len(weight)
    y = xp.empty((groups, o // groups, len(x) * math.prod(windows.places)), xp.result_type(x, weight))
    for part, places in _batches(xp, windows):
        matmul(xp, kernels, _columns_of(xp, x[part], windows, groups), out=y[:, :, places])
    y = y.reshape(o, len(x), *windows.places)
    if bias is not None:
        y += bias.reshape(-1, *[1] * (y.ndim - 1))
    return y.swapaxes(0, 1)


def _conv_backward(xp: Any, g: Any, needs: Any, x: Any, weight: Any, stride: Sizes, dilation: Sizes, groups: int,
                   widths: Widths) -> Any:
    (n, c, *size), (o, _, *kernel), out = x.shape, weight.shape, g.shape[2:]
    windows, k = Windows(x, tuple(kernel), stride, dilation, widths), math.prod(kernel)
    gy = xp.ascontiguousarray(g.swapaxes(0, 1)).reshape(groups, o // groups, n * math.prod(out))
    left = _kernels_of(weight, groups).swapaxes(1, 2)
    dx: Any = xp.zeros((groups, c // groups, n, *size), g.dtype) if needs[0] else None
    dw: Any = xp.zeros((groups, o // groups, k * (c // groups)), g.dtype) if needs[1] else None
    for part, places in _batches(xp, windows) if needs[0] or needs[1] else ():
        columns, slope = None, gy[:, :, places]
        if needs[1]:
            columns = _columns_of(xp, x[part], windows, groups)
            dw += matmul(xp, slope, columns.swapaxes(1, 2))
        if needs[0]:                    # of a column and a row `multiply` is the faster product
            columns = xp.multiply(left, slope, out=columns) if o == groups else matmul(xp, left, slope, out=columns)
            columns = columns.reshape(groups, k, c // groups, part.stop - part.start, *out)
            image = dx[:, :, part]
            for i, (at, elements) in enumerate(windows.met()):
                image[elements] += columns[:, i][at]
    if needs[0]:
        dx = dx.reshape(c, n, *size).swapaxes(0, 1)
    if needs[1]:
        dw = dw.reshape(groups, o // groups, k, c // groups).swapaxes(2, 3).reshape(weight.shape)
    return dx, dw, row_sums(xp, gy.reshape(o, gy.shape[2]))[:, 0] if needs[2] else None


primitive("conv", _conv, backward=_conv_backward,
          notation={"out": "{weight} ∗ {x} + {bias}", "x": "{weight} turned round ∗ {g}", "weight": "{x} ∗ {g}",
                    "bias": "Σ {g}"})


def _max_windows(xp: Any, x: Any, *, kernel: Sizes, stride: Sizes, dilation: Sizes, widths: Widths) -> Any:
    windows = Windows(x, kernel, stride, dilation, widths)
    out = xp.full(windows.shape, _lowest(xp, x.dtype), x.dtype)
    for at, elements in windows.met():
        xp.maximum(out[at], x[elements], out=out[at])
    return out


def _max_windows_backward(xp: Any, g: Any, needs: Any, x: Any, out: Any, kernel: Sizes, stride: Sizes, dilation: Sizes,
                          widths: Widths) -> Any:
    """Each window's gradient goes to its greatest element; of equals to the first.

    It is handed out by products with 0 and 1, which infinities and NaNs do not bear: with them it takes the long way.
    """
    if xp.isnan(out).any() or not xp.isfinite(g).all():
        _, index = _max_pool(xp, x, kernel=kernel, stride=stride, dilation=dilation, widths=widths)
        return (_unpick(xp, g, index, shape=x.shape),)
    dx, free = xp.zeros(x.shape, x.dtype), xp.ones(out.shape, bool)
    apart = all(d * (k - 1) < s for k, s, d in zip(kernel, stride, dilation, strict=True))
    for at, elements in Windows(x, kernel, stride, dilation, widths).met():
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
