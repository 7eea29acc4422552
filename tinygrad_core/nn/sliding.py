"""Functions that slide a window over the last dims: convolution, pooling, padding, unfold. Part of nn.functional."""
from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

import numpy as np

from .. import formulas, functions
from ..device import array_module
from ..dispatch import apply
from ..errors import ShapeError
from ..functions.arguments import named, one_of
from ..ops import OPS
from ..tensor import Tensor, describe, wrap

__all__ = ["adaptive_avg_pool1d", "adaptive_avg_pool2d", "avg_pool1d", "avg_pool2d", "conv1d", "conv2d",
           "conv_transpose1d", "conv_transpose2d", "max_pool1d", "max_pool2d", "pad", "unfold"]

Size = int | Sequence[int]
Widths = tuple[tuple[int, int], ...]            # how many elements lie before and after each dim
P = ParamSpec("P")
R = TypeVar("R")


def many(value: Any, n: int, name: str, what: str) -> tuple[int, ...]:
    """A number for each of `n` dims, given as one number for all or as a sequence."""
    given = (int(value),) * n if isinstance(value, (int, np.integer)) else tuple(int(v) for v in value)
    if len(given) == 1:
        given *= n
    if len(given) != n:
        raise ShapeError(f"{name}: {what} must be one number or {n}, got {value!r}.")
    return given


class Sliding(NamedTuple):
    """What one of these functions is called, and over how many of the last dims its window slides."""

    name: str
    n: int

    def each(self, **sizes: Any) -> list[tuple[int, ...]]:
        """Sizes with a number for each dim."""
        return [many(value, self.n, self.name, what) for what, value in sizes.items()]

    @property
    def layout(self) -> str:
        """The dims of an input."""
        return "N, C, L" if self.n == 1 else "N, C, H, W"


def _slides(name: str, n: int, compute: Callable[Concatenate[Sliding, P], R], doc: str | None = None,
            without: str = "") -> Callable[P, R]:
    """`compute` over n dims as a function with a name, a documentation and perhaps fewer parameters of its own.

    It is always given a batch (N, C, ...): a single sample (C, ...) is made a batch of one, and back.
    """
    sliding = Sliding(name, n)

    def function(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(input, Tensor) or input.ndim not in (n + 1, n + 2):
            raise ShapeError(f"{name} needs an input of shape ({sliding.layout}), got {describe(input)}.")
        if input.ndim == n + 2:
            return compute(sliding, input, *args, **kwargs)         # type: ignore[arg-type]
        out = function(functions.unsqueeze(input, 0), *args, **kwargs)
        return tuple(functions.squeeze(o, 0) for o in out) if isinstance(out, tuple) else functions.squeeze(out, 0)

    function.__wrapped__ = compute                                      # type: ignore[attr-defined]
    parameters = list(inspect.signature(compute).parameters.values())[1:]
    made: Any = named(function, name, doc or compute.__doc__, [p for p in parameters if p.name != without])
    return made


def around(sliding: Sliding, padding: Any, kernel: tuple[int, ...], stride: tuple[int, ...],
           dilation: tuple[int, ...]) -> Widths:
    """How many elements a convolution pads before and after each of the last dims."""
    if padding == "same":
        if any(s != 1 for s in stride):
            raise ShapeError(f"{sliding.name}: padding='same' needs stride 1, got {stride}.")
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple((t // 2, t - t // 2) for t in totals)
    padding, = sliding.each(padding=0 if padding == "valid" else padding)
    return tuple((p, p) for p in padding)


def _check_fits(name: str, x: Tensor, kernel: tuple[int, ...], dilation: tuple[int, ...], widths: Widths) -> None:
    around = [n + a + b for n, (a, b) in zip(x.shape[2:], widths, strict=True)]
    for size, k, d in zip(around, kernel, dilation, strict=True):
        if d * (k - 1) + 1 > size:
            raise ShapeError(f"{name}: a window of {d * (k - 1) + 1} does not fit into {size} elements (the input with "
                             f"its padding has shape {(*x.shape[:2], *around)}).")


def _windows(name: str, x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...],
             widths: Widths) -> Tensor:
    """Every window of x with zeros around it: (N, C, *kernel, *places)."""
    _check_fits(name, x, kernel, dilation, widths)
    if any(map(any, widths)):
        x = apply(OPS["pad"], x, widths=((0, 0), (0, 0), *widths), value=0.0)
    return apply(OPS["unfold"], x, kernel=kernel, stride=stride, dilation=dilation)


# ---- convolution
def _check_channels(sliding: Sliding, input: Tensor, weight: Tensor, groups: int, channels: int) -> None:
    """Complain unless the input has so many channels, and the weight's first dim can be cut into groups."""
    if weight.ndim != sliding.n + 2 or input.shape[1] != channels or weight.shape[0] % groups:
        raise ShapeError(f"{sliding.name} got {describe(input)} and a weight of shape {weight.shape} with "
                         f"groups={groups}: the input must have {channels} channels, in the layout ({sliding.layout}).")


def _conv(sliding: Sliding, input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Size = 1,
          padding: Size | str = 0, dilation: Size = 1, groups: int = 1) -> Tensor:
    """A kernel slid over images: input (N, C, H, W), weight (O, C/groups, KH, KW), bias (O); gives (N, O, H', W').

    Args:
        stride: by how many elements the kernel moves.
        padding: how many zeros lie around the input; "same" keeps the size (stride 1), "valid" means none.
        dilation: the distance between the elements that meet the kernel.
        groups: the channels are cut into so many parts that do not see each other.

    H' = (H + 2 padding - dilation (KH - 1) - 1) // stride + 1.
    """
    stride, dilation = sliding.each(stride=stride, dilation=dilation)
    _check_channels(sliding, input, weight, groups, groups * (weight.shape[1] if weight.ndim > 1 else 0))
    kernel = weight.shape[2:]
    widths = around(sliding, padding, kernel, stride, dilation)
    _check_fits(sliding.name, input, kernel, dilation, widths)
    return apply(OPS["conv"], input, weight, bias, stride=stride, dilation=dilation, groups=groups, widths=widths)


conv1d = _slides("conv1d", 1, _conv, "A kernel slid along sequences: input (N, C, L), weight (O, C/groups, K), bias (O); "
                 "the result is (N, O, L').")
conv2d = _slides("conv2d", 2, _conv)


def _conv_transpose(sliding: Sliding, input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Size = 1,
                    padding: Size = 0, output_padding: Size = 0, groups: int = 1, dilation: Size = 1) -> Tensor:
    """Each element puts down a kernel: input (N, C, H, W), weight (C, O/groups, KH, KW), bias (O).

    It is the gradient of `conv2d` with respect to its input, which makes images larger:
    H' = (H - 1) stride - 2 padding + dilation (KH - 1) + output_padding + 1.
    """
    stride, dilation, padding, extra = sliding.each(stride=stride, dilation=dilation, padding=padding,
                                                    output_padding=output_padding)
    if any(o >= max(s, d) for o, s, d in zip(extra, stride, dilation, strict=True)):
        raise ShapeError(f"{sliding.name}: output_padding must be smaller than stride or dilation, got {extra} with "
                         f"stride {stride} and dilation {dilation}.")
    _check_channels(sliding, input, weight, groups, weight.shape[0])
    return formulas.conv_transpose(input, weight, bias, stride=stride, dilation=dilation, groups=groups,
                                   padding=padding, output_padding=extra)


conv_transpose1d = _slides("conv_transpose1d", 1, _conv_transpose, "What turns conv1d's output shape back into its "
                           "input's: input (N, C, L), weight (C, O/groups, K).")
conv_transpose2d = _slides("conv_transpose2d", 2, _conv_transpose)


# ---- pooling
def _pool(sliding: Sliding, x: Tensor, kernel_size: Size, stride: Size | None, padding: Size, dilation: Size,
          ceil_mode: bool) -> dict[str, Any]:
    """The window of a pooling and what to pad around x, with `ceil_mode` enough for a last window that starts inside."""
    kernel, padding, dilation = sliding.each(kernel_size=kernel_size, padding=padding, dilation=dilation)
    strides = kernel if stride is None or stride == () else many(stride, sliding.n, sliding.name, "stride")
    if any(p > k // 2 for p, k in zip(padding, kernel, strict=True)):
        raise ShapeError(f"{sliding.name}: padding must be at most half the window, got {padding} for {kernel}.")
    widths = []
    for n, k, s, p, d in zip(x.shape[2:], kernel, strides, padding, dilation, strict=True):
        after, reach = p, d * (k - 1) + 1
        if ceil_mode:
            count = -(-(n + 2 * p - reach) // s) + 1
            if (count - 1) * s >= n + p:            # a window that would start in the padding
                count -= 1
            after = max(p, (count - 1) * s + reach - n - p)
        widths.append((p, after))
    _check_fits(sliding.name, x, kernel, dilation, tuple(widths))
    return {"kernel": kernel, "stride": strides, "dilation": dilation, "widths": tuple(widths)}


def _max_pool(sliding: Sliding, input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
              dilation: Size = 1, ceil_mode: bool = False, return_indices: bool = False) -> Any:
    """The greatest element of each window of (N, C, H, W); of equals the first gets the gradient.

    Args:
        kernel_size: the window's size.
        stride: by how many elements it moves; by default its size, so that windows do not overlap.
        padding: how many elements of -infinity lie around the input, at most half the window.
        dilation: the distance between the elements of a window.
        ceil_mode: let a last window reach over the edge.
        return_indices: return also where each maximum lies in the flattened (H, W).
    """
    window = _pool(sliding, input, kernel_size, stride, padding, dilation, ceil_mode)
    greatest = apply(OPS["max_windows"], input, **window)
    if not return_indices:
        return greatest
    return greatest, wrap(OPS["max_pool"].forward(array_module(input.array), input.array, **window)[1])


max_pool1d = _slides("max_pool1d", 1, _max_pool,
                     "The greatest element of each window along (N, C, L); of equals the first gets the gradient.")
max_pool2d = _slides("max_pool2d", 2, _max_pool)


def _avg_pool(sliding: Sliding, input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
              ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None) -> Tensor:
    """The mean of each window of (N, C, H, W).

    Args:
        kernel_size, stride, ceil_mode: as in `max_pool2d`.
        padding: how many zeros lie around the input.
        count_include_pad: divide by the window's size, padding included; otherwise by the elements inside.
        divisor_override: divide by this instead.
    """
    window = _pool(sliding, input, kernel_size, stride, padding, 1, ceil_mode)
    total = functions.sum(_windows(sliding.name, input, **window), tuple(range(2, 2 + sliding.n)))
    counted = around(sliding, padding if count_include_pad else 0, (), (), ())
    if divisor_override or counted == window["widths"]:
        return total * (1.0 / (divisor_override or math.prod(window["kernel"])))
    counts = _counts(input.shape[2:], counted, **window)
    return total / wrap(array_module(input.array).asarray(counts, input.dtype))


def _counts(size: tuple[int, ...], counted: Widths, widths: Widths, **window: Any) -> Any:
    """Over how many elements the mean of each window is, where so many around the input count: ones, added up."""
    ones = np.ones([n + a + b for n, (a, b) in zip(size, counted, strict=True)])
    edges = [(w[0] - c[0], w[1] - c[1]) for w, c in zip(widths, counted, strict=True)]
    windows = OPS["unfold"].forward(np, np.pad(ones, edges)[None, None], **window)
    return windows.sum(tuple(range(2, 2 + len(size))))


avg_pool1d = _slides("avg_pool1d", 1, _avg_pool, "The mean of each window along (N, C, L).", without="divisor_override")
avg_pool2d = _slides("avg_pool2d", 2, _avg_pool)


def _adaptive_avg_pool(sliding: Sliding, input: Tensor, output_size: Any) -> Tensor:
    """Means over (H, W) cut into `output_size` parts as even as can be; None keeps a dim."""
    one = output_size is None or isinstance(output_size, int)
    for dim, size in enumerate((output_size,) * sliding.n if one else output_size, 2):
        length = input.shape[dim]
        if size is None or size == length:
            continue
        if length % size == 0:
            input = functions.mean(functions.unflatten(input, dim, (size, length // size)), dim + 1)
            continue
        ends = [(i * length // size, -(-(i + 1) * length // size)) for i in range(size)]
        input = functions.cat([functions.mean(functions.narrow(input, dim, a, b - a), dim, True) for a, b in ends], dim)
    return input


adaptive_avg_pool1d = _slides("adaptive_avg_pool1d", 1, _adaptive_avg_pool,
                              "Means over L cut into `output_size` parts as even as can be.")
adaptive_avg_pool2d = _slides("adaptive_avg_pool2d", 2, _adaptive_avg_pool)


# ---- windows as data, and padding
def _unfold(sliding: Sliding, input: Tensor, kernel_size: Size, dilation: Size = 1, padding: Size = 0,
            stride: Size = 1) -> Tensor:
    """Every window of (N, C, H, W) as a column: (N, C * KH * KW, places)."""
    kernel, stride, dilation = sliding.each(kernel_size=kernel_size, stride=stride, dilation=dilation)
    windows = _windows(sliding.name, input, kernel, stride, dilation, around(sliding, padding, kernel, stride, dilation))
    n, c, *_ = windows.shape
    return functions.reshape(windows, (n, c * math.prod(kernel), math.prod(windows.shape[4:])))


unfold = _slides("unfold", 2, _unfold)


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
    one_of("pad: mode", mode, "constant", "reflect", "replicate", "circular")
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
