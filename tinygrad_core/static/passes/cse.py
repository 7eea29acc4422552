"""Common subexpressions: of equal operations on equal inputs one is enough."""
from __future__ import annotations

from typing import Any

import numpy as np

from ...symbol import Symbol
from ..graph import Operation
from ..program import Program, Rewriter, rewritten
from .rewrites import noted

COMMUTATIVE = {"add", "mul", "maximum", "minimum", "eq", "ne", "logical_and", "logical_or"}


def cse(program: Program) -> Program:
    """The program in which nothing is computed twice; random numbers and assignments are never the same."""
    seen: dict[Any, tuple[Any, ...]] = {}

    def merged(r: Rewriter, o: Operation) -> Any:
        if o.stateful:
            return None
        inputs = [_key(r.map(x)) for x in o.inputs]
        if o.does in COMMUTATIVE:
            inputs.sort(key=repr)
        key = (o.does, tuple(inputs), _key(o.attrs))
        found = seen.get(key)
        if found is None:
            seen[key] = r.keep(o).results
            return seen[key]
        noted("cse", o, f"equal to {found[0].name}" if found[0] is not None else "computed before")
        return found

    return rewritten(program, merged)


def _key(value: Any) -> Any:
    """Something that can be compared and hashed in place of an input or attribute; types count, as 1 is not 1.0."""
    if isinstance(value, Symbol):
        if value.operation.kind == "constant" and np.size(value.operation.value) == 1:
            return "constant", value.dtype.str, value.shape, value.operation.value.tobytes()
        return "symbol", id(value)
    if isinstance(value, dict):
        return tuple([(k, _key(v)) for k, v in value.items()])
    if isinstance(value, (tuple, list)):
        return tuple([_key(v) for v in value])
    if isinstance(value, slice):
        return "slice", _key(value.start), _key(value.stop), _key(value.step)
    if isinstance(value, np.ndarray):
        return "array", id(value)
    if isinstance(value, (int, float)):         # -0.0 equals 0.0, and is not the same; neither is NaN
        return type(value).__name__, repr(value)
    return type(value).__name__, repr(value) if isinstance(value, (str, type(None), np.dtype, np.generic)) else id(value)
