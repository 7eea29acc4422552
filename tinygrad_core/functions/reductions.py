"""Functions that make many elements into fewer: sums, means, extremes, norms, orders."""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import dtypes, hot
from ..device import array_module
from ..dispatch import apply
from ..errors import DTypeError, ShapeError
from ..ops import OPS
from ..symbol import known
from ..tensor import Tensor, wrap
from . import elementwise as e
from .arguments import Dim, dims, not_empty, one_dim, operand
from .shape import cat, narrow, squeeze, take_along_dim


class Found(NamedTuple):
    """Elements, and their indices along the dim that was searched."""

    values: Tensor
    indices: Tensor


def sum(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum over the given dims, or over all; integers and booleans add up in int64."""
    if dim is None and dtype is None and not keepdim and isinstance(input, Tensor):
        found = hot.whole_sum(input)
        if found is not None:
            return found
    input = _summand(input, dtype, "sum")
    return apply(OPS["sum"], input, dim=dims(dim, input.ndim, "sum"), keepdim=keepdim)


def _summand(input: Tensor, dtype: Any, name: str) -> Tensor:
    """The input in `dtype`; without one, integers and booleans in int64."""
    operand(input, name)
    return input.to(dtypes.int64 if dtype is None else dtype) if dtype is not None or input.dtype.kind in "iub" else input


def _count(input: Tensor, axes: tuple[int, ...] | None) -> int:
    return input.array.size if axes is None else math.prod(input.shape[d] for d in axes)


def _floating(input: Tensor, name: str) -> Tensor:
    if operand(input, name).dtype.kind != "f":
        raise DTypeError(f"{name} needs a floating-point tensor, got {input.dtype}: write x.float().{name}().")
    return input


def mean(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean over the given dims, or over all; floating-point tensors only."""
    if dtype is not None:
        input = input.to(dtype)
    axes = dims(dim, _floating(input, "mean").ndim, "mean")
    count = _count(input, axes)
    return sum(input, axes, keepdim) * (1.0 / count if count else math.nan)


def var(input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
        correction: float | None = None) -> Tensor:
    """The variance: the mean of squared distances from the mean, with n - correction in place of n.

    Args:
        dim: the dims to go over; by default all.
        unbiased: a correction of 1, or of 0; `var(x, False)` takes it in the place of `dim`.
        keepdim: keep the dims with size 1.
        correction: 1 by default.
    """
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None else int(unbiased)
    axes = dims(dim, _floating(input, "var").ndim, "var")
    away = input - mean(input, axes, True)
    left = _count(input, axes) - correction
    total = sum(away * away, axes, keepdim)
    return total * (1.0 / left) if left > 0 else total / 0.0


def std(input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
        correction: float | None = None) -> Tensor:
    """The standard deviation, the square root of `var`; its gradient is 0 where it is 0."""
    return _safe_sqrt(var(input, dim, unbiased, keepdim, correction=correction))


def var_mean(input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
             correction: float | None = None) -> tuple[Tensor, Tensor]:
    """The variance, with the arguments of `var`, and the mean."""
    over = None if isinstance(dim, bool) else dim
    return var(input, dim, unbiased, keepdim, correction=correction), mean(input, over, keepdim)


def std_mean(input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
             correction: float | None = None) -> tuple[Tensor, Tensor]:
    """The standard deviation, with the arguments of `var`, and the mean."""
    variance, middle = var_mean(input, dim, unbiased, keepdim, correction=correction)
    return _safe_sqrt(variance), middle


def _safe_sqrt(x: Tensor) -> Tensor:
    """The square root with the gradient 0 at 0, where a norm has no slope but every direction is as good."""
    zero = x.detach() == 0
    if known(zero.array) and not zero.array.any():
        return e.sqrt(x)
    return e.where(zero, 0.0, e.sqrt(e.where(zero, 1.0, x)))


def prod(input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The product over one dim, or over all elements, by halves: right for zeros too, to any order."""
    input = _summand(input, dtype, "prod")
    at = 0 if dim is None else one_dim(dim, input.ndim, "prod")
    x = input.reshape(-1) if dim is None or not input.ndim else input
    if not x.shape[at]:
        x = (sum(x, at, True) + 1).reshape((*x.shape[:at], 1, *x.shape[at + 1:]))       # 1, which a gradient passes
    while (n := x.shape[at]) > 1:
        half = n // 2
        paired = narrow(x, at, 0, half) * narrow(x, at, half, half)
        x = paired if n % 2 == 0 else cat([paired, narrow(x, at, n - 1, 1)], at)
    if dim is None:
        return x.reshape((1,) * input.ndim if keepdim else ())
    return x if keepdim and input.ndim else squeeze(x, at)


def cumsum(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """The sums of all elements up to each one, along `dim`."""
    x = _summand(input, dtype, "cumsum")
    return apply(OPS["cumsum"], x, dim=one_dim(dim, x.ndim, "cumsum")) if x.ndim else x


def cumprod(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """The products of all elements up to each one, along `dim`; right for zeros too (Hillis and Steele 1986)."""
    x = _summand(input, dtype, "cumprod")
    if not x.ndim:
        return x
    at = one_dim(dim, x.ndim, "cumprod")
    n, shift = x.shape[at], 1
    while shift < n:
        x = cat([narrow(x, at, 0, shift), narrow(x, at, shift, n - shift) * narrow(x, at, 0, n - shift)], at)
        shift *= 2
    return x


def logsumexp(input: Tensor, dim: Dim, keepdim: bool = False) -> Tensor:
    """log Σ exp(x) over the given dims, without overflow."""
    axes = dims(dim, operand(input, "logsumexp").ndim, "logsumexp")
    if not input.array.size and 0 in [n for k, n in enumerate(input.shape) if axes is None or k in axes]:
        return e.log(sum(e.exp(input), axes, keepdim))      # of nothing: the logarithm of 0
    top = amax(input.detach(), axes, True)
    top = e.where(e.isfinite(top), top, 0.0)
    total = e.log(sum(e.exp(input - top), axes, True)) + top
    return total if keepdim else sum(total, axes)


def softmax(input: Tensor, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """exp(x) / Σ exp(x) along `dim`: positive numbers that sum to 1."""
    return _normal("softmax", input, dim, dtype)


def log_softmax(input: Tensor, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """The logarithm of softmax along `dim`, computed without overflow."""
    return _normal("log_softmax", input, dim, dtype)


def _normal(name: str, input: Tensor, dim: int | None, dtype: Any) -> Tensor:
    if dim is None:
        raise ShapeError(f"{name} needs to know along which dim the numbers shall sum to 1: pass dim=-1 for the "
                         f"last, the classes of a batch of rows.")
    x = _floating(operand(input, name) if dtype is None else input.to(dtype), name)
    axis = one_dim(dim, x.ndim, name)
    if not x.ndim:
        return _normal(name, x.reshape(1), 0, None).reshape(())
    return apply(OPS[name], x, dim=axis) if x.array.size else e.clone(x)


# ---- extremes
def amax(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """The greatest element over the given dims; ties share the gradient evenly."""
    return apply(OPS["amax"], not_empty(input, "amax", dim), dim=dims(dim, input.ndim, "amax"), keepdim=keepdim)


def amin(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """The least element over the given dims; ties share the gradient evenly."""
    return apply(OPS["amin"], not_empty(input, "amin", dim), dim=dims(dim, input.ndim, "amin"), keepdim=keepdim)


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the greatest element along `dim`, or in the flattened tensor."""
    return apply(OPS["argmax"], not_empty(input, "argmax", dim), dim=dim, keepdim=keepdim)


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the least element along `dim`, or in the flattened tensor."""
    return apply(OPS["argmin"], not_empty(input, "argmin", dim), dim=dim, keepdim=keepdim)


def _along(name: str, input: Tensor, dim: int, keepdim: bool, find: Callable[[int], Tensor]) -> Found:
    """The elements along `dim` at the indices that are found there, and these indices."""
    if not operand(input, name).ndim:
        return Found(input, wrap(np.int64(0)))
    at = one_dim(dim, input.ndim, name)
    indices = find(at)
    values = take_along_dim(input, indices, at)
    return Found(values, indices) if keepdim else Found(squeeze(values, at), squeeze(indices, at))


def max(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Tensor | None = None) -> Any:
    """The greatest element; with a dim (values, indices) along it, the gradient going to the chosen one; with another
    tensor the greater of the two, element by element."""
    return _extreme("max", input, dim if other is None else other, keepdim, amax, e.maximum)


def min(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Tensor | None = None) -> Any:
    """The least element; with a dim (values, indices) along it, the gradient going to the chosen one; with another
    tensor the lesser of the two, element by element."""
    return _extreme("min", input, dim if other is None else other, keepdim, amin, e.minimum)


def _extreme(name: str, input: Tensor, dim: Any, keepdim: bool, over_all: Any, of_two: Any) -> Any:
    if isinstance(dim, Tensor):
        return of_two(operand(input, name), dim)
    not_empty(input, name, dim)
    if dim is None:
        return over_all(input)
    return _along(name, input, dim, keepdim, lambda at: apply(OPS[f"arg{name}"], input, dim=at, keepdim=True))


def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The middle element in order, the lower of two; with a dim (values, indices) along it.

    Where an element is no number, that is the median. Over all, elements that equal it share the gradient; along a
    dim the chosen one gets it.
    """
    if dim is None:
        if not operand(input, "median").array.size:
            return sum(input) * math.nan
        flat = input.reshape(-1)
        middle = median(flat.detach(), 0).values
        return _shared(flat, e.logical_or(flat == middle, e.isnan(flat))) if flat.dtype.kind == "f" else middle
    not_empty(input, "median", dim)
    return _along("median", input, dim, keepdim, lambda at: _middle(input, at))


def _middle(input: Tensor, at: int) -> Tensor:
    """The indices of the middle elements in order along a dim, or of what is no number."""
    chosen = narrow(argsort(input, at), at, (input.shape[at] - 1) // 2, 1)
    if input.dtype.kind != "f":
        return chosen
    strange = e.isnan(input)
    return e.where(any(strange, at, True), argmax(strange, at, True), chosen)


def _shared(flat: Tensor, alike: Tensor) -> Tensor:
    """The one value of the elements that are `alike`, each of which gets an equal part of the gradient."""
    return sum(e.where(alike, flat, 0.0)) / count_nonzero(alike)


def all(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Whether all elements are not zero."""
    axes = dims(dim, input.ndim, "all")
    return wrap(input.array.all(axes, keepdims=keepdim)) if known(input.array) else sum(input == 0, axes, keepdim) == 0


def any(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Whether any element is not zero."""
    axes = dims(dim, input.ndim, "any")
    return wrap(input.array.any(axes, keepdims=keepdim)) if known(input.array) else sum(input != 0, axes, keepdim) != 0


def count_nonzero(input: Tensor, dim: Dim = None) -> Tensor:
    """How many elements are not zero."""
    return sum(input != 0, dim)


# ---- norms
def norm(input: Tensor, p: Any = "fro", dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """(Σ |x|**p)**(1/p) over the given dims, or over all; "fro" is p = 2. Its gradient at 0 is 0."""
    input = operand(input, "norm") if dtype is None else input.to(dtype)
    if isinstance(p, str) and p != "fro":
        raise NotImplementedError(f"norm has p='fro' and numbers, not {p!r}: that one needs singular values, which this "
                                  "engine does not compute.")
    p = 2.0 if p in ("fro", None) else float(p)
    axes = dims(dim, _floating(input, "norm").ndim, "norm")
    if p == 2.0:
        return _safe_sqrt(sum(input * input, axes, keepdim))
    size = e.abs(input)
    if math.isinf(p):
        return amax(size, axes, keepdim) if p > 0 else amin(size, axes, keepdim)
    if p == 0.0:
        return sum(e.sign(size), axes, keepdim)
    if p == 1.0:
        return sum(size, axes, keepdim)
    zero = size.detach() == 0                   # no slope there, or an infinite one: its power is taken apart
    power = e.where(zero, 0.0 if p > 0 else math.inf, e.where(zero, 1.0, size) ** p)
    total = sum(power, axes, keepdim)
    nothing = total.detach() == 0
    return e.where(nothing, 0.0, e.where(nothing, 1.0, total) ** (1.0 / p))


# ---- orders
def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Found:
    """(values, indices) in order along `dim`; equal elements stay in their order."""
    return _along("sort", input, dim, True, lambda at: argsort(input, at, descending))


def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The indices that put `input` in order along `dim`."""
    if not operand(input, "argsort").ndim:
        return wrap(np.int64(0))
    return apply(OPS["argsort"], input, dim=one_dim(dim, input.ndim, "argsort"), descending=descending)


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Found:
    """(values, indices) of the k greatest elements along `dim`, or the least, in order."""
    if not 0 <= k <= (input.shape[one_dim(dim, input.ndim, "topk")] if operand(input, "topk").ndim else 1):
        raise ShapeError(f"topk: there are no {k} greatest along dim {dim} of shape {input.shape}.")
    return _along("topk", input, dim, True, lambda at: narrow(argsort(input, at, largest), at, 0, k))


def unique(input: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False,
           dim: int | None = None) -> Any:
    """The different elements in order, or with a `dim` the different slices along it; also where each element is among
    them, and how often each occurs, if asked."""
    xp = array_module(input.array)
    at = None if dim is None else one_dim(dim, input.ndim, "unique")
    values, inverse, counts = xp.unique(input.array, return_inverse=True, return_counts=True, axis=at)
    found = [wrap(values)]
    found += [wrap(inverse.reshape(input.shape if at is None else -1))] if return_inverse else []
    found += [wrap(counts)] if return_counts else []
    return found[0] if len(found) == 1 else tuple(found)


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, 2, ... occurs, or the sums of their weights."""
    xp = array_module(input.array)
    return wrap(xp.bincount(input.array, None if weights is None else weights.array, minlength))


def searchsorted(sorted_sequence: Tensor, input: Any, *, out_int32: bool = False, right: bool = False,
                 side: str | None = None, sorter: Tensor | None = None) -> Tensor:
    """Where to insert elements into an ordered sequence so that it stays in order; before equal ones, or after.

    Args:
        sorted_sequence: (N), or rows (*, N) for as many rows of elements (*, M).
        input: elements, or one number.
        out_int32: int32 in place of int64.
        right: after equal ones; `side` "right" says the same.
        sorter: the indices that put a sequence in order which is not.
    """
    if side not in (None, "left", "right"):
        raise ValueError(f"searchsorted: side is 'left' or 'right', got {side!r}")
    sequence = operand(sorted_sequence, "searchsorted")
    if sorter is not None:
        sequence = sequence.detach().take_along_dim(sorter, -1)
    rows, values = sequence.array, input.array if isinstance(input, Tensor) else np.asarray(input)
    xp, side = array_module(rows), side or ("right" if right else "left")
    if rows.ndim == 1:
        places = xp.asarray(xp.searchsorted(rows, values, side))[()]
    elif rows.shape[:-1] != values.shape[:-1]:
        raise ShapeError(f"searchsorted needs as many rows of elements as of sequences, got {values.shape} for {rows.shape}.")
    else:
        flat = zip(rows.reshape(-1, rows.shape[-1]), values.reshape(-1, values.shape[-1]), strict=True)
        places = xp.stack([xp.searchsorted(r, v, side) for r, v in flat]).reshape(values.shape)
    return wrap(places.astype(np.int32) if out_int32 else places)
