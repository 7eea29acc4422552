"""Functions that slide a window over the last dims: convolution, pooling, padding, unfold. Part of nn.functional."""
from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .. import formulas, functions
from ..device import array_module
from ..dispatch import apply
from ..errors import ShapeError
from ..ops import OPS
from ..ops.conv import places
from ..tensor import Tensor, describe, wrap

__all__ = ["adaptive_avg_pool1d", "adaptive_avg_pool2d", "avg_pool1d", "avg_pool2d", "conv1d", "conv2d",
           "conv_transpose1d", "conv_transpose2d", "max_pool1d", "max_pool2d", "pad", "unfold"]

Size = int | Sequence[int]


def many(value: Any, n: int, name: str, what: str) -> tuple[int, ...]:
    """A number for each of `n` dims, given as one number for all or as a sequence."""
    given = (int(value),) * n if isinstance(value, (int, np.integer)) else tuple(int(v) for v in value)
    if len(given) == 1:
        given *= n
    if len(given) != n:
        raise ShapeError(f"{name}: {what} must be one number or {n}, got {value!r}.")
    return given


def _batched(name: str, input: Tensor, n: int, compute: Callable[[Tensor], Tensor], layout: str) -> Tensor:
    """`compute` on (N, C, ...); a single sample (C, ...) is made a batch of one and back."""
    if not isinstance(input, Tensor) or input.ndim not in (n + 1, n + 2):
        raise ShapeError(f"{name} needs an input of shape ({layout}), got {describe(input)}.")
    if input.ndim == n + 2:
        return compute(input)
    return functions.squeeze(compute(functions.unsqueeze(input, 0)), 0)


_LAYOUTS = {1: "N, C, L", 2: "N, C, H, W"}


# ---- convolution
def conv1d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Size = 1, padding: Size | str = 0,
           dilation: Size = 1, groups: int = 1) -> Tensor:
    """A kernel slid along sequences: input (N, C, L), weight (O, C/groups, K), bias (O); the result is (N, O, L')."""
    return _conv("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Size = 1, padding: Size | str = 0,
           dilation: Size = 1, groups: int = 1) -> Tensor:
    """A kernel slid over images: input (N, C, H, W), weight (O, C/groups, KH, KW), bias (O); gives (N, O, H', W').

    Args:
        stride: by how many elements the kernel moves.
        padding: how many zeros lie around the input; "same" keeps the size (stride 1), "valid" means none.
        dilation: the distance between the elements that meet the kernel.
        groups: the channels are cut into so many parts that do not see each other.

    H' = (H + 2 padding - dilation (KH - 1) - 1) // stride + 1.
    """
    return _conv("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def _conv(name: str, n: int, input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any,
          dilation: Any, groups: int) -> Tensor:
    stride, dilation = many(stride, n, name, "stride"), many(dilation, n, name, "dilation")
    kernel = weight.shape[2:]

    def compute(x: Tensor) -> Tensor:
        if weight.ndim != n + 2 or x.shape[1] != weight.shape[1] * groups or weight.shape[0] % groups:
            raise ShapeError(f"{name} got {describe(x)} and a weight of shape {weight.shape} with groups={groups}: the "
                             f"input must have {weight.shape[1] * groups if weight.ndim > 1 else '?'} channels, in "
                             f"the layout ({_LAYOUTS[n]}).")
        widths = _around(name, n, padding, kernel, stride, dilation)
        _check_fits(name, x, kernel, dilation, widths)
        return apply(OPS["conv"], x, weight, bias, stride=stride, dilation=dilation, groups=groups, widths=widths)

    return _batched(name, input, n, compute, _LAYOUTS[n])


def _around(name: str, n: int, padding: Any, kernel: tuple[int, ...], stride: tuple[int, ...],
            dilation: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """How many elements to pad before and after each of the last dims."""
    if padding == "same":
        if any(s != 1 for s in stride):
            raise ShapeError(f"{name}: padding='same' needs stride 1, got {stride}.")
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple((t // 2, t - t // 2) for t in totals)
    return tuple((p, p) for p in many(0 if padding == "valid" else padding, n, name, "padding"))


def _check_fits(name: str, x: Tensor, kernel: tuple[int, ...], dilation: tuple[int, ...],
                widths: Iterable[tuple[int, int]]) -> None:
    around = [n + a + b for n, (a, b) in zip(x.shape[2:], widths, strict=True)]
    for size, k, d in zip(around, kernel, dilation, strict=True):
        if d * (k - 1) + 1 > size:
            raise ShapeError(f"{name}: a window of {d * (k - 1) + 1} does not fit into {size} elements (the input with "
                             f"its padding has shape {(*x.shape[:2], *around)}).")


def _padded(name: str, x: Tensor, kernel: tuple[int, ...], dilation: tuple[int, ...],
            widths: Sequence[tuple[int, int]]) -> Tensor:
    """x with zeros around it, once it is sure that a window fits."""
    _check_fits(name, x, kernel, dilation, widths)
    return apply(OPS["pad"], x, widths=((0, 0), (0, 0), *widths), value=0.0) if any(map(any, widths)) else x


def conv_transpose1d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Size = 1, padding: Size = 0,
                     output_padding: Size = 0, groups: int = 1, dilation: Size = 1) -> Tensor:
    """What turns conv1d's output shape back into its input's: input (N, C, L), weight (C, O/groups, K)."""
    return _conv_transpose("conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups,
                           dilation)


def conv_transpose2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Size = 1, padding: Size = 0,
                     output_padding: Size = 0, groups: int = 1, dilation: Size = 1) -> Tensor:
    """Each element puts down a kernel: input (N, C, H, W), weight (C, O/groups, KH, KW), bias (O).

    It is the gradient of `conv2d` with respect to its input, which makes images larger:
    H' = (H - 1) stride - 2 padding + dilation (KH - 1) + output_padding + 1.
    """
    return _conv_transpose("conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups,
                           dilation)


def _conv_transpose(name: str, n: int, input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any,
                    output_padding: Any, groups: int, dilation: Any) -> Tensor:
    stride, dilation = many(stride, n, name, "stride"), many(dilation, n, name, "dilation")
    padding, extra = many(padding, n, name, "padding"), many(output_padding, n, name, "output_padding")
    if any(o >= max(s, d) for o, s, d in zip(extra, stride, dilation, strict=True)):
        raise ShapeError(f"{name}: output_padding must be smaller than stride or dilation, got {extra} with stride "
                         f"{stride} and dilation {dilation}.")

    def compute(x: Tensor) -> Tensor:
        if weight.ndim != n + 2 or x.shape[1] != weight.shape[0] or weight.shape[0] % groups:
            raise ShapeError(f"{name} got {describe(x)} and a weight of shape {weight.shape} with groups={groups}: the "
                             f"input must have {weight.shape[0]} channels, in the layout ({_LAYOUTS[n]}).")
        return formulas.conv_transpose(x, weight, bias, stride=stride, dilation=dilation, groups=groups,
                                       padding=padding, output_padding=extra)

    return _batched(name, input, n, compute, _LAYOUTS[n])


# ---- pooling
def max_pool1d(input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1,
               ceil_mode: bool = False, return_indices: bool = False) -> Any:
    """The greatest element of each window along (N, C, L); of equals the first gets the gradient."""
    return _max_pool("max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1,
               ceil_mode: bool = False, return_indices: bool = False) -> Any:
    """The greatest element of each window of (N, C, H, W); of equals the first gets the gradient.

    Args:
        kernel_size: the window's size.
        stride: by how many elements it moves; by default its size, so that windows do not overlap.
        padding: how many elements of -infinity lie around the input, at most half the window.
        dilation: the distance between the elements of a window.
        ceil_mode: let a last window reach over the edge.
        return_indices: return also where each maximum lies in the flattened (H, W).
    """
    return _max_pool("max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _max_pool(name: str, n: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, dilation: Any,
              ceil_mode: bool, return_indices: bool) -> Any:
    kernel, stride, padding, dilation = _window(name, n, kernel_size, stride, padding, dilation)

    def settings(x: Tensor) -> dict[str, Any]:
        widths = tuple(_pool_widths(name, x.shape[2:], kernel, stride, padding, dilation, ceil_mode))
        _check_fits(name, x, kernel, dilation, widths)
        return {"kernel": kernel, "stride": stride, "dilation": dilation, "widths": widths}

    def compute(x: Tensor) -> Tensor:
        return apply(OPS["max_windows"], x, **settings(x))

    def indices(x: Tensor) -> Tensor:
        return wrap(OPS["max_pool"].forward(array_module(x.array), x.array, **settings(x))[1])

    result = _batched(name, input, n, compute, _LAYOUTS[n])
    return (result, _batched(name, input, n, indices, _LAYOUTS[n])) if return_indices else result


def _window(name: str, n: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any = 1) -> Any:
    kernel, padding = many(kernel_size, n, name, "kernel_size"), many(padding, n, name, "padding")
    stride = kernel if stride is None or stride == () else many(stride, n, name, "stride")
    if any(p > k // 2 for p, k in zip(padding, kernel, strict=True)):
        raise ShapeError(f"{name}: padding must be at most half the window, got {padding} for {kernel}.")
    return kernel, stride, padding, many(dilation, n, name, "dilation")


def _pool_widths(name: str, size: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...],
                 padding: tuple[int, ...], dilation: tuple[int, ...], ceil_mode: bool) -> list[tuple[int, int]]:
    """What to pad before and after each dim; with `ceil_mode` enough for a last window that starts inside."""
    widths = []
    for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True):
        after = p
        if ceil_mode:
            reach = d * (k - 1) + 1
            count = -(-(n + 2 * p - reach) // s) + 1
            if (count - 1) * s >= n + p:            # a window that would start in the padding
                count -= 1
            after = max(p, (count - 1) * s + reach - n - p)
        widths.append((p, after))
    return widths


def avg_pool1d(input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
               ceil_mode: bool = False, count_include_pad: bool = True) -> Tensor:
    """The mean of each window along (N, C, L)."""
    return _avg_pool("avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
               ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None) -> Tensor:
    """The mean of each window of (N, C, H, W).

    Args:
        kernel_size, stride, ceil_mode: as in `max_pool2d`.
        padding: how many zeros lie around the input.
        count_include_pad: divide by the window's size, padding included; otherwise by the elements inside.
        divisor_override: divide by this instead.
    """
    return _avg_pool("avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
                     divisor_override)


def _avg_pool(name: str, n: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool,
              count_include_pad: bool, divisor: int | None) -> Tensor:
    kernel, stride, padding, dilation = _window(name, n, kernel_size, stride, padding)

    def compute(x: Tensor) -> Tensor:
        size = x.shape[2:]
        widths = _pool_widths(name, size, kernel, stride, padding, dilation, ceil_mode)
        x = _padded(name, x, kernel, dilation, widths)
        total = functions.sum(apply(OPS["unfold"], x, kernel=kernel, stride=stride, dilation=dilation),
                              tuple(range(2, 2 + n)))
        counts = divisor or _counts(size, x.shape[2:], kernel, stride, padding, count_include_pad)
        if isinstance(counts, int):
            return total * (1.0 / counts)
        return total / wrap(array_module(x.array).asarray(counts, x.dtype))

    return _batched(name, input, n, compute, _LAYOUTS[n])


def _counts(size: tuple[int, ...], padded: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...],
            padding: tuple[int, ...], count_include_pad: bool) -> Any:
    """How many elements the mean of each window is over: one number where all have as many, else an array."""
    total = np.ones((), np.int64)
    fits = places(padded, kernel, stride, (1,) * len(kernel))
    for n, k, s, p, out in zip(size, kernel, stride, padding, fits, strict=True):
        start = np.arange(out) * s - p
        end = np.minimum(start + k, n + p)
        counted = end - start if count_include_pad else np.minimum(end, n) - np.maximum(start, 0)
        total = total[..., None] * counted
    first = int(total.flat[0]) if total.size else 1
    return first if (total == first).all() else total


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Means over (H, W) cut into `output_size` parts as even as can be; None keeps a dim."""
    return _batched("adaptive_avg_pool2d", input, 2, lambda x: _adaptive(x, output_size, 2), "N, C, H, W")


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """Means over L cut into `output_size` parts as even as can be."""
    return _batched("adaptive_avg_pool1d", input, 1, lambda x: _adaptive(x, output_size, 1), "N, C, L")


def _adaptive(x: Tensor, output_size: Any, n: int) -> Tensor:
    sizes = (output_size,) * n if output_size is None or isinstance(output_size, int) else tuple(output_size)
    for dim, size in enumerate(sizes, x.ndim - n):
        length = x.shape[dim]
        if size is None or size == length:
            continue
        whole = (slice(None),) * dim
        if length % size == 0:
            parted = functions.reshape(x, (*x.shape[:dim], size, length // size, *x.shape[dim + 1:]))
            x = functions.mean(parted, dim + 1)
            continue
        parts = [functions.mean(x[(*whole, slice(i * length // size, -(-(i + 1) * length // size)))], dim, True)
                 for i in range(size)]
        x = functions.cat(parts, dim)
    return x


# ---- windows as data, and padding
def unfold(input: Tensor, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1) -> Tensor:
    """Every window of (N, C, H, W) as a column: (N, C * KH * KW, places)."""
    kernel, stride = many(kernel_size, 2, "unfold", "kernel_size"), many(stride, 2, "unfold", "stride")
    padding, dilation = many(padding, 2, "unfold", "padding"), many(dilation, 2, "unfold", "dilation")

    def compute(x: Tensor) -> Tensor:
        x = _padded("unfold", x, kernel, dilation, [(p, p) for p in padding])
        columns = apply(OPS["unfold"], x, kernel=kernel, stride=stride, dilation=dilation)
        return functions.reshape(columns, (x.shape[0], x.shape[1] * math.prod(kernel), math.prod(columns.shape[4:])))

    return _batched("unfold", input, 2, compute, "N, C, H, W")


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Elements added around a tensor.

    Args:
        pad: how many before and after the last dim, then before and after the one before it, and so on;
            negative numbers take elements away.
        mode: "constant" adds `value` (0 by default), "reflect" the input mirrored at its edge, "replicate"
            the edge, "circular" the input from its other end.
    """
    if len(pad) % 2 or len(pad) // 2 > input.ndim:
        raise ShapeError(f"pad needs two numbers for each dim from the last on, at most {2 * input.ndim} here, got "
                         f"{tuple(pad)}.")
    given = [(int(pad[k]), int(pad[k + 1])) for k in range(0, len(pad), 2)][::-1]
    widths = ((0, 0),) * (input.ndim - len(given)) + tuple(given)
    if mode == "constant":
        return apply(OPS["pad"], input, widths=widths, value=0.0 if value is None else value)
    if mode not in ("reflect", "replicate", "circular"):
        raise ValueError(f"pad: mode must be 'constant', 'reflect', 'replicate' or 'circular', got {mode!r}")
    for dim, (before, after) in enumerate(widths):
        if before or after:
            cuts = [(*(slice(None),) * dim, part) for part in _edges(input.shape[dim], before, after, mode)]
            input = functions.cat([apply(OPS["getitem"], input, index=cut) for cut in cuts], dim)
    return input


def _edges(n: int, before: int, after: int, mode: str) -> list[slice]:
    """The parts of a dim of `n` elements that make it a padded one; only their ends may be missing."""
    limit = {"reflect": n - 1, "circular": n, "replicate": max(before, after) if n else -1}[mode]
    if max(before, after) > limit:
        raise ShapeError(f"pad: mode {mode!r} can add at most {limit} elements to a dim of {n}, asked for "
                         f"{max(before, after)}.")
    inside = slice(max(-before, 0), n - max(-after, 0))
    if mode == "replicate":
        ends: tuple[list[slice], list[slice]] = [slice(0, 1)] * before, [slice(n - 1, n)] * after
    elif mode == "circular":
        ends = [slice(n - before, n)][:before], [slice(0, after)][:after]
    else:
        ends = [slice(before, 0, -1)][:before], [slice(n - 2, n - 2 - after if n - 2 - after >= 0 else None, -1)][:after]
    return [*ends[0], inside, *ends[1]]
