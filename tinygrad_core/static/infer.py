"""Shapes without numbers: an operation is tried out on arrays that take no memory, and what comes out is measured."""
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..device import CPU, Generator, place
from ..symbol import Dim, Symbol, hint, leaves, mapped

if TYPE_CHECKING:
    from .graph import Operation

NEW: tuple[Any, ...] = ("the size of this result along this dim",)
_OF_ITS_OWN = {"generator": Generator(), "device": CPU}     # what is tried out must not advance a random stream
# Operations that are not tried out, because only real numbers end them, and what tells their results.
described: dict[str, Callable[[Operation], list[Any]]] = {}
_zeros: dict[np.dtype[Any], Any] = {}
_known: dict[Any, list[Any]] = {}       # what came of operations that were tried out before
MOST = 10_000                           # of these
_PLAIN = {int, float, bool, str, type(None), type(Ellipsis)}


class _Unmultiplied:
    """NumPy, but for products of matrices, which take the time: they have shapes, and zeros for numbers."""

    __name__ = "numpy without products"

    def __getattr__(self, name: str) -> Any:
        found = getattr(np, name)
        setattr(self, name, found)
        return found

    def matmul(self, x: Any, y: Any, out: Any = None) -> Any:
        """The product of what is left of both when they have nothing along the dim that is summed."""
        if x.ndim < 2 or y.ndim < 2 or x.shape[-1] != y.shape[-2]:
            return np.matmul(x, y, out=out)
        return np.matmul(x[..., :0], y[..., :0, :], out=out)


_numpy = _Unmultiplied()


def stand_in(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """Zeros of this shape in the memory of a single one."""
    zero = _zeros.get(dtype)
    if zero is None:
        zero = _zeros[dtype] = np.zeros((), dtype)
    return np.broadcast_to(zero, shape) if shape else dtype.type(0)


def infer(operation: Operation) -> list[Any]:
    """(shape, dtype) of each result, or None for one that is not computed.

    Sizes that are not known are tried out with two numbers: one that comes out the same both times does not depend
    on them, any other is a new unknown, "the size of this result along this dim".
    """
    if operation.does in described:
        return described[operation.does](operation)
    unknown = any([isinstance(n, Dim) for x in operation.sources for n in x.shape]) \
        or any([isinstance(v, Dim) for v in leaves((operation.attrs, operation.inputs))])
    first = _tried(operation, 0)
    if not unknown:
        return first
    second = _tried(operation, 1)
    known: dict[Any, Dim | None] = {}
    for n in [n for x in operation.sources for n in x.shape if isinstance(n, Dim)]:
        known[n.hints] = n if known.get(n.hints, n) is n else None      # of two that look alike it may be either
    return [None if a is None else (_joined(a[0], b[0], known), a[1]) for a, b in zip(first, second, strict=True)]


def described_input(x: Any) -> tuple[tuple[Any, ...], np.dtype[Any]]:
    """(shape, dtype) of an input, for results that are like it."""
    return (x.shape, x.dtype) if isinstance(x, Symbol) else (np.shape(x), np.asarray(x).dtype)


def _joined(a: tuple[int, ...], b: tuple[int, ...], known: dict[Any, Dim | None]) -> tuple[Any, ...]:
    return tuple([m if m == n else known.get((m, n)) or Dim((m, n), NEW) for m, n in zip(a, b, strict=True)])


def _tried(operation: Operation, k: int) -> list[Any]:
    op, like = operation.op, _like(operation, k)
    found = _known.get(like)
    if found is None:
        found = [_stretched(operation, k)] if op.broadcasts and not operation.attrs else _measured(operation, k)
        if like is not None:
            if len(_known) > MOST:
                _known.clear()
            _known[like] = found
    return found


def _like(operation: Operation, k: int) -> Any:
    """What an operation's outcome depends on, to look it up by; None where numbers decide, or objects of any kind."""
    text = ""
    if operation.attrs:
        if not all([type(v) in _PLAIN or isinstance(v, np.dtype) for v in leaves(operation.attrs)]):
            return None
        text = repr(operation.attrs)
    inputs = operation.inputs
    if any([isinstance(x, Symbol) and x.dtype.kind == "b" and _is_known_mask(x) for x in inputs]):
        return None
    return operation.op, tuple([(tuple([hint(n, k) for n in x.shape]), x.dtype) if isinstance(x, Symbol)
                                else (type(x), repr(hint(x, k))) for x in inputs]), operation.operands, text


def _measured(operation: Operation, k: int) -> list[Any]:
    values = tuple([_value(x, k) if isinstance(x, Symbol) else hint(x, k) for x in operation.inputs])
    with np.errstate(all="ignore"):
        outs = operation.compute(_numpy, values, k, _instead(operation))
    return [None if out is None else (np.shape(out), getattr(out, "dtype", None) or np.asarray(out).dtype) for out in outs]


def _instead(operation: Operation) -> dict[str, Any]:
    """What takes the place of attributes while an operation is tried out: bodies run nothing, and give zeros."""
    if operation.does == "draw":
        return _OF_ITS_OWN
    return {name: body.on("shapes") for name, body in operation.attrs.items() if hasattr(body, "on")}


def _value(x: Symbol, k: int) -> Any:
    """What a symbol is tried out with; a mask that is known decides how many elements there are."""
    return place(x.operation.value, CPU) if _is_known_mask(x) else stand_in(tuple([hint(n, k) for n in x.shape]), x.dtype)


def _is_known_mask(x: Symbol) -> bool:
    return x.dtype.kind == "b" and x.operation.kind == "constant" and bool(x.shape)


def _stretched(operation: Operation, k: int) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Of elementwise operations the shape is known, and the dtype that of single elements."""
    shapes = [tuple([hint(n, k) for n in x.shape]) for x in operation.sources]
    values = [stand_in((1,) if x.shape else (), x.dtype) if isinstance(x, Symbol) else hint(x, k) for x in operation.inputs]
    with np.errstate(all="ignore"):
        return np.broadcast_shapes(*shapes), np.asarray(operation.op.forward(np, *values)).dtype


def concrete(value: Any, sizes: Any) -> Any:
    """Attributes with every unknown size as a number: a probe's (`sizes` 0 or 1), or by a function of dims."""
    return mapped(value, lambda v: v if not isinstance(v, Dim) else hint(v, sizes) if isinstance(sizes, int) else sizes(v))
