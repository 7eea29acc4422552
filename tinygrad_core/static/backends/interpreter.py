"""The interpreter: runs a program operation by operation, on NumPy or CuPy, and lets go of what nobody needs any more."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...device import array_module
from ...symbol import Symbol
from ...tensor import unboxed
from ...versions import owner
from ..graph import Operation
from ..program import Program


def last_readers(program: Program) -> dict[Operation, list[Symbol]]:
    """For each operation the symbols that nobody reads after it."""
    last: dict[Symbol, Operation] = {}
    for o in program.operations:
        last.update(dict.fromkeys((*o.sources, *[r for r in o.results if r is not None]), o))
    kept = {*program.results, *program.inputs}
    ends: dict[Operation, list[Symbol]] = {}
    for x, o in last.items():
        if x not in kept and x.operation.kind != "constant":
            ends.setdefault(o, []).append(x)
    return ends


def interpreter(program: Program, watch: Any = None) -> Any:
    """The program as a function that runs one operation after the other.

    Args:
        watch: told of what is there at the start, `began(program, values)`, of every operation as it runs,
            `ran(operation, values)`, of what is let go, `freed(symbol)`, and of the end, `ended(program, values)`.
    """
    constants = {o.results[0]: unboxed(o.value) for o in program.constants}
    fixed = {id(owner(v)) for v in constants.values() if v.ndim}
    operations, ends = program.operations, last_readers(program)

    def run(arrays: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        values: dict[Symbol, Any] = dict(zip(program.inputs, arrays, strict=True))
        values.update(constants)
        if watch is not None:
            watch.began(program, values)
        for o in operations:
            inputs = tuple([values[x] if isinstance(x, Symbol) else x for x in o.inputs])
            outs = o.run(array_module(*inputs), inputs)
            for symbol, out in zip(o.results, outs, strict=True):
                if symbol is not None:
                    values[symbol] = unboxed(out)
            if watch is not None:
                watch.ran(o, values)
            for x in ends.get(o, ()):
                del values[x]
                if watch is not None:
                    watch.freed(x)
        if watch is not None:
            watch.ended(program, values)
        outputs = [values[x] for x in program.outputs]
        if fixed:                               # what is handed out may be written into, and a constant may not
            outputs = [v.copy() if id(owner(v)) in fixed else v for v in outputs]
        return outputs, [values[new] for _, new in program.updates]

    return run
