"""Operations that make many elements into one: sums and extremes over dimensions."""
from __future__ import annotations

import math
from typing import Any

from ..products import column_sums, total
from .core import primitive


def _spread(F: Any, value: Any, shape: tuple[int, ...], dim: tuple[int, ...] | None, keepdim: bool) -> Any:
    """A reduced value as something that broadcasts against the input it was reduced from."""
    if keepdim or dim is None:
        return value
    return F.reshape(value, shape=tuple(1 if i in dim else n for i, n in enumerate(shape)))


def _sum(xp: Any, x: Any, *, dim: tuple[int, ...] | None, keepdim: bool) -> Any:
    return total(xp, x) if dim is None and not keepdim else xp.add.reduce(x, axis=dim, keepdims=keepdim)


def _sum_x(F: Any, g: Any, x_shape: Any, dim: Any, keepdim: bool) -> Any:
    return F.stretch(g if dim is None else _spread(F, g, x_shape, dim, keepdim), shape=x_shape)


def _extreme_x(F: Any, g: Any, x: Any, out: Any, dim: Any, keepdim: bool) -> Any:
    """Ties share the gradient evenly, as PyTorch's `amax` and `amin` do."""
    chosen = F.cast(x == _spread(F, out, x.shape, dim, keepdim), dtype=g.dtype)
    return _spread(F, g, x.shape, dim, keepdim) * chosen / F.sum(chosen, dim=dim, keepdim=True)


def _sum_to(xp: Any, x: Any, *, shape: tuple[int, ...]) -> Any:
    if x.shape == shape:
        return x
    extra = x.ndim - len(shape)
    if x.shape[extra:] == shape and shape:      # leading dims only: the case of every bias
        flat = x if x.ndim == 2 else x.reshape((math.prod(x.shape[:extra]), math.prod(shape)))
        return column_sums(xp, flat).reshape(shape)
    dims = tuple(range(extra)) + tuple(extra + i for i, n in enumerate(shape) if n == 1 != x.shape[extra + i])
    return x.sum(dims, keepdims=True).reshape(shape)


def _stretch(xp: Any, x: Any, *, shape: tuple[int, ...]) -> Any:
    """`x` broadcast to `shape`: filled in where that is quick, a view without memory where it would be large."""
    if math.prod(shape) > 1 << 14:
        return xp.broadcast_to(x, shape)
    out = xp.empty(shape, x.dtype)
    out[...] = x
    return out


primitive("stretch", _stretch, x=lambda F, g, x_shape: F.sum_to(g, shape=x_shape))
primitive("sum", _sum, label="Σ", x=_sum_x, notation={"out": "Σ {x}"})
primitive("sum_to", _sum_to, label="Σ", x=lambda F, g, x_shape: F.stretch(g, shape=x_shape))
primitive("amax", lambda xp, x, *, dim, keepdim: x.max(dim, keepdims=keepdim), label="max", x=_extreme_x,
          notation={"out": "max {x}", "x": "{g} · [{x} = {out}] / ties"})
primitive("amin", lambda xp, x, *, dim, keepdim: x.min(dim, keepdims=keepdim), label="min", x=_extreme_x,
          notation={"out": "min {x}", "x": "{g} · [{x} = {out}] / ties"})
primitive("argmax", lambda xp, x, *, dim, keepdim: xp.argmax(x, axis=dim, keepdims=keepdim))
primitive("argmin", lambda xp, x, *, dim, keepdim: xp.argmin(x, axis=dim, keepdims=keepdim))


def _argsort(xp: Any, x: Any, *, dim: int, descending: bool) -> Any:
    """The indices that put elements in order; equal ones stay in theirs, also from the greatest down."""
    if not descending:
        return xp.argsort(x, axis=dim, kind="stable")
    return x.shape[dim] - 1 - xp.flip(xp.argsort(xp.flip(x, dim), axis=dim, kind="stable"), dim)


primitive("argsort", _argsort)


def _reversed(F: Any, x: Any, dim: int) -> Any:
    """The elements in reverse order along a dim."""
    return F.getitem(x, index=(slice(None),) * dim + (slice(None, None, -1),))


primitive("cumsum", lambda xp, x, *, dim: xp.cumsum(x, axis=dim),
          x=lambda F, g, dim: _reversed(F, F.cumsum(_reversed(F, g, dim), dim=dim), dim),
          notation={"out": "cumulative Σ {x}", "x": "cumulative Σ of {g} from the end"})
