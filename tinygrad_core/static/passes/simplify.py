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
        assert o.op is not None
        rule = RULES.get(o.op.name)
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
        return None if value is None or np.size(value) != 1 else np.asarray(value).item()
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
    """x + (-0) is x."""
    a, b = inputs
    n = number(b)
    return _same(o, a) if n == 0 and np.signbit(n) else None


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
    return o if o is not None and o.op is not None and o.op.name == name else None
