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
    assert operation.op is not None
    if operation.op.name in described:
        return described[operation.op.name](operation)
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
    op = operation.op
    assert op is not None
    values = tuple([_value(x, k) if isinstance(x, Symbol) else hint(x, k) for x in operation.inputs])
    if op.broadcasts and not operation.attrs:
        return [_stretched(op, values)]
    with np.errstate(all="ignore"):
        outs = operation.compute(np, values, k, _instead(operation))
    return [None if out is None else (np.shape(out), getattr(out, "dtype", None) or np.asarray(out).dtype) for out in outs]


def _instead(operation: Operation) -> dict[str, Any]:
    """What takes the place of attributes while an operation is tried out: bodies run nothing, and give zeros."""
    if operation.op is not None and operation.op.name == "draw":
        return _OF_ITS_OWN
    return {name: body.on("shapes") for name, body in operation.attrs.items() if hasattr(body, "on")}


def _value(x: Symbol, k: int) -> Any:
    """What a symbol is tried out with; a mask that is known decides how many elements there are."""
    if x.dtype.kind == "b" and x.operation.kind == "constant" and x.shape:
        return place(x.operation.value, CPU)
    return stand_in(tuple([hint(n, k) for n in x.shape]), x.dtype)


def _stretched(op: Any, values: tuple[Any, ...]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Of elementwise operations the shape is known, and the dtype that of single elements."""
    shape = np.broadcast_shapes(*[np.shape(v) for v in values])
    with np.errstate(all="ignore"):
        ones = [v if np.shape(v) == () else stand_in((1,), v.dtype) for v in values]
        return shape, np.asarray(op.forward(np, *ones)).dtype


def concrete(value: Any, sizes: Any) -> Any:
    """Attributes with every unknown size as a number: a probe's (`sizes` 0 or 1), or by a function of dims."""
    return mapped(value, lambda v: v if not isinstance(v, Dim) else hint(v, sizes) if isinstance(sizes, int) else sizes(v))
