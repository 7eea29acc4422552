"""Algebra: operations that change nothing, or that a simpler one can do, are replaced."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...ops import OPS
from ...symbol import Symbol
from ..graph import Operation
from ..program import Program, Rewriter, rewritten
from .rewrites import noted

# name -> function(rewriter, operation, inputs in the new graph) -> new symbol(s), or None where it does not apply
Rule = Callable[[Rewriter, Operation, tuple[Any, ...]], Any]
RULES: dict[str, Rule] = {}


def simplify(program: Program) -> Program:
    """The program with every rule applied wherever it fits; only rules that keep every bit, NaN and infinity."""
    def change(r: Rewriter, o: Operation) -> Any:
        rule = RULES.get(o.does)
        if rule is None:
            return None
        inputs = tuple([r.map(x) for x in o.inputs])
        found = rule(r, o, inputs)
        if found is not None:
            noted("simplify", o, (rule.__doc__ or "").rstrip("."))
        return found

    return rewritten(program, change)


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Enter a rule for operations of these names."""
    def enter(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function
    return enter


def number(x: Any) -> Any:
    """The value of an input that is a number, or a constant of one element; None for anything else."""
    if isinstance(x, Symbol):
        value = x.operation.value if x.operation.kind == "constant" else None
        return None if value is None or value.size != 1 else value.item()
    return x if isinstance(x, (int, float)) and not isinstance(x, bool) else None


def _same(o: Operation, x: Any) -> Any:
    """`x` where it has the result's shape and dtype already."""
    result = o.results[0]
    return x if isinstance(x, Symbol) and x.shape == result.shape and x.dtype == result.dtype else None


def _made(r: Rewriter, o: Operation, name: str, inputs: tuple[Any, ...], **attrs: Any) -> Symbol:
    """A new operation in the place of `o`."""
    symbol, = r.graph.add(OPS[name], inputs, attrs)
    symbol.operation.where, symbol.operation.module = o.where, o.module
    return symbol


@rule("mul")
def _times_one(r: Rewriter, o: Operation, inputs: tuple[Any, ...]) -> Any:
    """x · 1 is x."""
    a, b = inputs
    return _same(o, a) if number(b) == 1 else _same(o, b) if number(a) == 1 else None


@rule("setitem")
def _all_written(r: Rewriter, o: Operation, inputs: tuple[Any, ...]) -> Any:
    """x[...] = y is y."""
    index = o.attrs["index"]
    return _same(o, inputs[1]) if index is ... or (type(index) is tuple and len(index) == 1 and index[0] is ...) else None


@rule("div")
def _over_one(r: Rewriter, o: Operation, inputs: tuple[Any, ...]) -> Any:
    """x / 1 is x, and dividing by a power of two is multiplying by its inverse."""
    a, b = inputs
    n = number(b)
    if n == 1:
        return _same(o, a)
    if n and isinstance(a, Symbol) and not isinstance(b, Symbol) and abs(np.frexp(n)[0]) == 0.5 and 1e-30 < abs(n) < 1e30:
        return _made(r, o, "mul", (a, 1.0 / n))
    return None


@rule("add")
def _plus_zero(r: Rewriter, o: Operation, inputs: tuple[Any, ...]) -> Any:
    """x + (-0) is x, and parts in slices of their own among zeros are put together, not added."""
    a, b = inputs
    n = number(b)
    if n == 0 and np.signbit(n):
        return _same(o, a)
    left, right = _parts(a), _parts(b)
    if left is None or right is None or a.shape != b.shape or not all(
            [_apart(p, q) for p in left[1] for q in right[1]]):
        return None
    places = tuple([tuple([slice(i, j) for i, j in box]) for box in (*left[1], *right[1])])
    parts = []
    for part, place in zip((*left[0], *right[0]), places, strict=True):
        size = tuple([s.stop - s.start for s in place])
        parts.append(part if part.shape == size else _made(r, o, "reshape", (part,), shape=size))
    return _made(r, o, "assemble", tuple(parts), shape=a.shape, places=places)


Box = tuple[tuple[int, int], ...]               # of a slice: where it begins and ends along each dim


def _parts(x: Any) -> tuple[tuple[Any, ...], tuple[Box, ...]] | None:
    """The parts that `x` puts into slices of zeros, and the slices; None where it is something else."""
    placed = _behind(x, "scatter_into")
    if placed is not None and placed.operands == len(placed.inputs):
        box = _box(placed.attrs["index"], x.shape)
        return None if box is None else ((placed.inputs[0],), (box,))
    assembled = _behind(x, "assemble")
    if assembled is None:
        return None
    return assembled.inputs, tuple([tuple([(s.start, s.stop) for s in place]) for place in assembled.attrs["places"]])


def _box(index: Any, shape: tuple[int, ...]) -> Box | None:
    """A basic index as the range it covers along each dim; None where it is anything but ints and plain slices."""
    parts = index if isinstance(index, tuple) else (index,)
    if len(parts) > len(shape):
        return None
    box = []
    for k, n in enumerate(shape):
        part = parts[k] if k < len(parts) else slice(None)
        if type(part) is int:
            box.append((part % n, part % n + 1))
        elif isinstance(part, slice) and part.step in (None, 1):
            box.append(part.indices(n)[:2])
        else:
            return None
    return tuple(box)


def _apart(p: Box, q: Box) -> bool:
    return any([a[1] <= b[0] or b[1] <= a[0] for a, b in zip(p, q, strict=True)])


@rule("sub")
def _minus_zero(r: Rewriter, o: Operation, inputs: tuple[Any, ...]) -> Any:
    """x - 0 is x."""
    a, b = inputs
    n = number(b)
    return _same(o, a) if n is not None and n == 0 and not np.signbit(n) else None


@rule("pow")
def _small_power(r: Rewriter, o: Operation, inputs: tuple[Any, ...]) -> Any:
    """x¹ is x, and x² is x · x."""
    a, b = inputs
    n = number(b) if not isinstance(b, Symbol) else None
    if n == 1:
        return _same(o, a)
    return _made(r, o, "mul", (a, a)) if n == 2 and isinstance(a, Symbol) and a.dtype.kind == "f" else None


@rule("neg")
def _twice_negated(r: Rewriter, o: Operation, inputs: tuple[Any, ...]) -> Any:
    """-(-x) is x."""
    x, = inputs
    inner = _behind(x, "neg")
    return None if inner is None else inner.inputs[0]


@rule("cast", "reshape", "expand", "stretch", "sum_to")
def _already_so(r: Rewriter, o: Operation, inputs: tuple[Any, ...]) -> Any:
    """It has that shape and dtype already."""
    x = _same(o, inputs[0])
    if x is None and o.op is OPS["reshape"]:
        inner = _behind(inputs[0], "reshape")
        if inner is not None:
            first = _same(o, inner.inputs[0])
            if first is not None:
                return first
            return _made(r, o, "reshape", (inner.inputs[0],), shape=o.results[0].shape)
    return x


@rule("permute")
def _turned_back(r: Rewriter, o: Operation, inputs: tuple[Any, ...]) -> Any:
    """Two permutations are one, and one that moves nothing is none."""
    x, = inputs
    dims = tuple(int(d) % len(o.results[0].shape) for d in o.attrs["dims"])
    inner = _behind(x, "permute")
    if inner is not None:
        before = tuple(int(d) % len(dims) for d in inner.attrs["dims"])
        x, dims = inner.inputs[0], tuple([before[d] for d in dims])
    if dims == tuple(range(len(dims))):
        return x
    return _made(r, o, "permute", (x,), dims=dims) if inner is not None else None


@rule("alias", "identity", "assign", "clone")
def _itself(r: Rewriter, o: Operation, inputs: tuple[Any, ...]) -> Any:
    """In a graph, where nothing is written in place, a copy is the thing itself."""
    return inputs[-1]


def _behind(x: Any, name: str) -> Operation | None:
    """The operation of this name that computed `x`, if it did."""
    o = x.operation if isinstance(x, Symbol) else None
    return o if o is not None and o.does == name else None
