"""Lowering: fused operations, and their gradients, written out as the formulas that they equal, for back ends that fuse."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd import enable_grad
from ..dispatch import recorded
from ..node import Leaf
from ..symbol import Symbol
from ..tensor import Tensor, wrap
from .graph import Operation, fill
from .program import Program, Rewriter


def lower(program: Program, keep: frozenset[str] = frozenset()) -> Program:
    """The program with every fused operation, except those named in `keep`, as operations that are not.

    What a gradient's formula computes a second time is the same computation on the same inputs: the pass that
    merges equal operations makes it one again.
    """
    r = Rewriter(program.graph.name)
    for x in program.inputs:
        r.input(x)
    with r.graph, enable_grad():
        for o in program.graph.operations:
            if o.kind in ("placeholder", "variable"):
                continue
            if o.kind == "constant" or o.op is None or o.op.name in keep or not _is_fused(o):
                r.keep(o)
                continue
            r.graph.module = o.module
            for old, new in zip(o.results, _written_out(r, o), strict=False):
                if old is not None and new is not None:
                    r.new[old] = new.array
            for made in r.graph.operations[-1:]:
                made.module = o.module
    return r.program(program)


def _is_fused(o: Operation) -> bool:
    """Whether there is a formula for the operation, and nobody reads by-products that the formula does not compute."""
    assert o.op is not None
    return o.op.name in FORMULAS or o.op.formula is not None


def _written_out(r: Rewriter, o: Operation) -> tuple[Any, ...]:
    op = o.op
    assert op is not None
    first = len(r.graph.operations)
    inputs = [wrap(r.map(x)) if isinstance(x, Symbol) else x for x in o.inputs]
    attrs = fill(o.attrs, tuple([t.array if isinstance(t, Tensor) else t for t in inputs]))
    inputs = inputs[:o.operands]
    if op.name not in FORMULAS and op.formula is not None and "needs" in attrs:
        for t in inputs:                        # a gradient is taken with respect to leaves
            if isinstance(t, Tensor) and t.dtype.kind == "f":
                t.node = Leaf()
    out = FORMULAS.get(op.name, op.formula)(*inputs, **attrs)
    for made in r.graph.operations[first:]:     # what an operation becomes still comes from the learner's line
        made.where, made.module = o.where, o.module
    return out if isinstance(out, tuple) else (out,)


# Operations of the table that are not fused for graphs, but made of simpler ones all the same.
FORMULAS: dict[str, Callable[..., Any]] = {}


def formula(function: Callable[..., Any]) -> Callable[..., Any]:
    """Enter what an operation of this name is made of."""
    FORMULAS[function.__name__.rstrip("_")] = function
    return function


@formula
def softmax(x: Tensor, *, dim: int) -> Tensor:
    e = recorded.exp(x - recorded.amax(x, dim=(dim,), keepdim=True))
    return e / recorded.sum(e, dim=(dim,), keepdim=True)


