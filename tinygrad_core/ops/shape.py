"""Operations that move elements without changing them: shapes, orders of dims, indexing and its reverse."""
from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np

from .core import primitive


def _inverse(order: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(range(len(order)), key=order.__getitem__))


def _is_advanced(index: Any) -> bool:
    """Whether an index holds integer arrays, whose entries may repeat: then gradients must add, not overwrite."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(hasattr(p, "dtype") and getattr(p, "ndim", 0) and p.dtype.kind in "iu" for p in parts)


def _scatter(xp: Any, y: Any, *, shape: tuple[int, ...], index: Any) -> Any:
    out = xp.zeros(shape, y.dtype)
    if type(index) is np.ndarray and index.dtype.kind in "iu" and y.size > _MANY and len(shape) > 1:
        _add_rows(out, index.ravel(), y.reshape(index.size, -1))
    elif _is_advanced(index):
        xp.add.at(out, index, y)
    else:
        out[index] = y
    return out


_MANY = 4096                    # elements from which sorting the rows is worth the while


def _add_rows(out: Any, index: Any, rows: Any) -> None:
    """Write the sum of the rows for each place, as a table's gradient: neighbours add up in pairs until one is left."""
    index = index % len(out)
    order = np.argsort(index, kind="stable")
    index, rows = index[order], rows[order]
    while (same := index[1:] == index[:-1]).any():
        places = np.arange(len(index))
        starts = np.maximum.accumulate(np.where(np.concatenate(([True], ~same)), places, 0))
        odd = (places - starts) % 2 == 1
        rows[np.flatnonzero(odd) - 1] += rows[odd]
        index, rows = index[~odd], rows[~odd]
    out.reshape(len(out), -1)[index] = rows


def _put(xp: Any, x: Any, y: Any, *, index: Any) -> Any:
    out = x.copy() if getattr(x, "ndim", 0) else xp.array(x)       # a scalar cannot be written into
    out[index] = y
    return out


def _diagonal(xp: Any, x: Any, *, offset: int) -> Any:
    """The diagonal in the last two dims, as a view that can be written through; NumPy's own is read-only."""
    out = x.diagonal(offset, -2, -1)
    if x.flags.writeable and not out.flags.writeable:
        out.flags.writeable = True
    return out


def _on_diagonal(xp: Any, y: Any, *, shape: tuple[int, ...], offset: int) -> Any:
    out = xp.zeros(shape, y.dtype)
    _diagonal(xp, out, offset=offset)[...] = y
    return out


def _pair(xp: Any, *xs: Any, dim: int) -> Any:
    return xp.concatenate(xs, axis=dim)


def _slices(stops: Any, dim: int) -> list[Any]:
    """The pieces between these places along a dim, as indices."""
    return [(slice(None),) * dim + (slice(start, stop),) for start, stop in zip((0, *stops), stops)]


def _cat_xs(F: Any, g: Any, xs_shape: Any, dim: int) -> list[Any]:
    stops = tuple(accumulate(shape[dim] for shape in xs_shape))
    return [F.getitem(g, index=index) for index in _slices(stops, dim % len(xs_shape[0]))]


primitive("reshape", lambda xp, x, *, shape: x.reshape(shape), view=True,
          x=lambda F, g, x_shape: F.reshape(g, shape=x_shape))
primitive("expand", lambda xp, x, *, shape: xp.broadcast_to(x, shape), view=True,
          x=lambda F, g, x_shape: F.sum_to(g, shape=x_shape))
primitive("permute", lambda xp, x, *, dims: x.transpose(dims), label="ᵀ", view=True,
          notation={"out": "{x}ᵀ", "x": "{g}ᵀ"},
          x=lambda F, g, dims: F.permute(g, dims=_inverse(dims)))
primitive("getitem", lambda xp, x, *, index: x[index], label="[ ]", view=True,
          notation={"out": "{x}[…]", "x": "{g} where it was taken from, 0 elsewhere"},
          x=lambda F, g, x_shape, index: F.scatter_into(g, shape=x_shape, index=index))
primitive("scatter_into", _scatter, y=lambda F, g, index: F.getitem(g, index=index))
primitive("diagonal", _diagonal, view=True, notation={"out": "diag {x}", "x": "{g} on a diagonal of zeros"},
          x=lambda F, g, x_shape, offset: F.on_diagonal(g, shape=x_shape, offset=offset))
primitive("on_diagonal", _on_diagonal, notation={"out": "{y} on a diagonal of zeros", "y": "diag {g}"},
          y=lambda F, g, offset: F.diagonal(g, offset=offset))
primitive("setitem", _put, label="[ ]=",
          x=lambda F, g, y_shape, index: F.setitem(g, 0.0, index=index),
          y=lambda F, g, y_shape, index: F.sum_to(F.getitem(g, index=index), shape=y_shape))
primitive("cat", _pair, xs=_cat_xs)


def _look(F: Any, g: Any, chain: Any) -> Any:
    """The part of `g` that a chain of view operations shows."""
    for op, attrs in chain:
        g = getattr(F, op.name)(g, **attrs)
    return g


# A base after a write into one of its views: its own old values outside the view, the written ones inside.
primitive("patch", lambda xp, x, y, *, inside, chain: x,
          x=lambda F, g, inside: F.where(inside, 0.0, g), y=lambda F, g, chain: _look(F, g, chain))


def _split_x(F: Any, g: Any, x_shape: Any, stops: Any, dim: int) -> Any:
    """The pieces' gradients put together again; a piece that got none counts as zeros."""
    if all(part is not None for part in g):
        return F.cat(*g, dim=dim)
    arrived = [(part, index) for part, index in zip(g, _slices(stops, dim)) if part is not None]
    first, *others = [F.scatter_into(part, shape=x_shape, index=index) for part, index in arrived]
    return sum(others, first)


primitive("split", lambda xp, x, *, stops, dim: tuple(xp.split(x, stops[:-1], axis=dim)), several=True, x=_split_x,
          notation={"out": "pieces of {x}", "x": "{g} joined"})
