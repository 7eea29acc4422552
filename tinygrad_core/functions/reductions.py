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
    if dtype is not None:
        return input.to(dtype)
    return input.to(dtypes.int64) if operand(input, name).dtype.kind in "iub" else input


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


def var(input: Tensor, dim: Dim = None, *, correction: float = 1, unbiased: bool | None = None,
        keepdim: bool = False) -> Tensor:
    """The variance: the mean of squared distances from the mean, with n - correction in place of n."""
    if unbiased is not None:
        correction = 1 if unbiased else 0
    axes = dims(dim, _floating(input, "var").ndim, "var")
    away = input - mean(input, axes, True)
    left = _count(input, axes) - correction
    total = sum(away * away, axes, keepdim)
    return total * (1.0 / left) if left > 0 else total / 0.0


def std(input: Tensor, dim: Dim = None, *, correction: float = 1, unbiased: bool | None = None,
        keepdim: bool = False) -> Tensor:
    """The standard deviation, the square root of `var`; its gradient is 0 where it is 0."""
    return _safe_sqrt(var(input, dim, correction=correction, unbiased=unbiased, keepdim=keepdim))


def var_mean(input: Tensor, dim: Dim = None, *, correction: float = 1, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """The variance and the mean."""
    return var(input, dim, correction=correction, keepdim=keepdim), mean(input, dim, keepdim)


def std_mean(input: Tensor, dim: Dim = None, *, correction: float = 1, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """The standard deviation and the mean."""
    return std(input, dim, correction=correction, keepdim=keepdim), mean(input, dim, keepdim)


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
        x = wrap(array_module(x.array).ones((*x.shape[:at], 1, *x.shape[at + 1:]), x.dtype))
    while (n := x.shape[at]) > 1:
        half = n // 2
        paired = narrow(x, at, 0, half) * narrow(x, at, half, half)
        x = paired if n % 2 == 0 else cat([paired, narrow(x, at, n - 1, 1)], at)
    if dim is None:
        return x.reshape((1,) * input.ndim if keepdim else ())
    return x if keepdim else squeeze(x, at)


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
    axes = dims(dim, _floating(input, "logsumexp").ndim, "logsumexp")
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
    return apply(OPS[name], x, dim=axis) if x.array.size else e.clone(x)


# ---- extremes
def amax(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """The greatest element over the given dims; ties share the gradient evenly."""
    return apply(OPS["amax"], not_empty(input, "amax"), dim=dims(dim, input.ndim, "amax"), keepdim=keepdim)


def amin(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """The least element over the given dims; ties share the gradient evenly."""
    return apply(OPS["amin"], not_empty(input, "amin"), dim=dims(dim, input.ndim, "amin"), keepdim=keepdim)


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the greatest element along `dim`, or in the flattened tensor."""
    return apply(OPS["argmax"], not_empty(input, "argmax"), dim=dim, keepdim=keepdim)


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the least element along `dim`, or in the flattened tensor."""
    return apply(OPS["argmin"], not_empty(input, "argmin"), dim=dim, keepdim=keepdim)


def _along(name: str, input: Tensor, dim: int, keepdim: bool, find: Callable[[int], Tensor]) -> Found:
    """The elements along `dim` at the indices that are found there, and these indices."""
    if not operand(input, name).ndim:
        return Found(input, wrap(np.int64(0)))
    at = one_dim(dim, input.ndim, name)
    indices = find(at)
    values = take_along_dim(input, indices, at)
    return Found(values, indices) if keepdim else Found(squeeze(values, at), squeeze(indices, at))


def max(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The greatest element; with a dim (values, indices) along it, the gradient going to the chosen one; with another
    tensor the greater of the two, element by element."""
    return _extreme("max", input, dim, keepdim, amax, e.maximum)


def min(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The least element; with a dim (values, indices) along it, the gradient going to the chosen one; with another
    tensor the lesser of the two, element by element."""
    return _extreme("min", input, dim, keepdim, amin, e.minimum)


def _extreme(name: str, input: Tensor, dim: Any, keepdim: bool, over_all: Any, of_two: Any) -> Any:
    not_empty(operand(input, name), name)
    if dim is None:
        return over_all(input)
    if isinstance(dim, Tensor):
        return of_two(input, dim)
    return _along(name, input, dim, keepdim, lambda at: apply(OPS[f"arg{name}"], input, dim=at, keepdim=True))


def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The middle element in order, the lower of two; with a dim (values, indices) along it."""
    not_empty(operand(input, "median"), "median")
    if dim is None:
        return median(input.reshape(-1), 0).values
    return _along("median", input, dim, keepdim,
                  lambda at: narrow(argsort(input, at), at, (input.shape[at] - 1) // 2, 1))


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
def norm(input: Tensor, p: Any = "fro", dim: Dim = None, keepdim: bool = False) -> Tensor:
    """(Σ |x|**p)**(1/p) over the given dims, or over all; "fro" is p = 2. Its gradient at 0 is 0."""
    axes = dims(dim, _floating(input, "norm").ndim, "norm")
    p = 2.0 if p in ("fro", None) else float(p)
    if p == 2.0:
        return _safe_sqrt(sum(input * input, axes, keepdim))
    size = e.abs(input)
    if math.isinf(p):
        return amax(size, axes, keepdim) if p > 0 else amin(size, axes, keepdim)
    if p == 0.0:
        return sum((size != 0).to(input.dtype), axes, keepdim)
    if p == 1.0:
        return sum(size, axes, keepdim)
    zero = sum(size.detach(), axes, keepdim) == 0
    total = sum(size ** p, axes, keepdim)
    return e.where(zero, 0.0, e.where(zero, 1.0, total) ** (1.0 / p))


# ---- orders
def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Found:
    """(values, indices) in order along `dim`; equal elements stay in their order."""
    return _along("sort", input, dim, True, lambda at: argsort(input, at, descending))


def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The indices that put `input` in order along `dim`."""
    return apply(OPS["argsort"], input, dim=one_dim(dim, input.ndim, "argsort"), descending=descending)


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Found:
    """(values, indices) of the k greatest elements along `dim`, or the least, in order."""
    return _along("topk", input, dim, True, lambda at: narrow(argsort(input, at, largest), at, 0, k))


def unique(input: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False) -> Any:
    """The different elements in order; also where each element is among them, and how often each occurs, if asked."""
    xp = array_module(input.array)
    values, inverse, counts = xp.unique(input.array, return_inverse=True, return_counts=True)
    found = [wrap(values)]
    found += [wrap(inverse.reshape(input.shape))] if return_inverse else []
    found += [wrap(counts)] if return_counts else []
    return found[0] if len(found) == 1 else tuple(found)


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, 2, ... occurs, or the sums of their weights."""
    xp = array_module(input.array)
    return wrap(xp.bincount(input.array, None if weights is None else weights.array, minlength))


def searchsorted(sorted_sequence: Tensor, input: Any, *, right: bool = False) -> Tensor:
    """Where to insert elements into an ordered sequence so that it stays in order; before equal ones, or after."""
    rows, values = sorted_sequence.array, input.array if isinstance(input, Tensor) else np.asarray(input)
    xp, side = array_module(rows), "right" if right else "left"
    if rows.ndim == 1:
        return wrap(xp.asarray(xp.searchsorted(rows, values, side))[()])
    flat = zip(rows.reshape(-1, rows.shape[-1]), values.reshape(-1, values.shape[-1]), strict=True)
    return wrap(xp.stack([xp.searchsorted(r, v, side) for r, v in flat]).reshape(values.shape))
