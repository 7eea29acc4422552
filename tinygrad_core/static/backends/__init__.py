"""What runs programs: one function a back end, from a program to something that can be called with arrays."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...symbol import StaticError
from ..program import Program

# run(arrays of the inputs) -> (arrays of the outputs, for each update the new value, or None where the
# variable's own memory holds it already)
Run = Callable[[Sequence[Any]], tuple[list[Any], list[Any]]]


def compiled(program: Program, backend: str) -> Run:
    """The program as a function, by the back end of this name."""
    from .interpreter import interpreter
    table: dict[str, Callable[[Program], Run]] = {"interpreter": interpreter}
    if backend not in table:
        raise StaticError(f"there is no back end {backend!r}; there are {', '.join(map(repr, table))}")
    return table[backend](program)
