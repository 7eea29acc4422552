"""Constant folding: what depends on constants alone is computed once, before the first run."""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...device import array_module
from ...symbol import Symbol
from ...tensor import unboxed
from ..graph import Operation
from ..program import Program, Rewriter, rewritten
from .rewrites import noted

LARGEST = 1 << 20               # bytes; a larger result is not worth carrying along


def fold(program: Program) -> Program:
    """The program with constants in the place of what is computed from constants."""
    return rewritten(program, _folded)


def _folded(r: Rewriter, o: Operation) -> Any:
    inputs = tuple([r.map(x) for x in o.inputs])
    cheap = o.does in ("stretch", "expand")     # and they fuse better than arrays do
    if o.stateful or cheap or any([isinstance(x, Symbol) and x.operation.kind != "constant" for x in inputs]):
        return None
    if sum(math.prod(x.shape) * x.itemsize for x in o.results if x is not None) > LARGEST:
        return None
    values = tuple([x.operation.value if isinstance(x, Symbol) else x for x in inputs])
    with np.errstate(all="ignore"):
        xp = array_module(*values)
        outs = o.compute(xp, values)
    noted("fold", o, "its inputs are constants")
    return tuple([None if x is None else constant(r, unboxed(xp.asarray(out)), o)
                  for x, out in zip(o.results, outs, strict=True)])


def constant(r: Rewriter, value: Any, o: Operation) -> Symbol:
    """A constant of the new program that stands where the operation `o` did."""
    symbol = r.graph.source("constant", value.shape, value.dtype, "folded", value)
    symbol.operation.where, symbol.operation.module = o.where, o.module
    return symbol
