"""The NumPy back end: the interpreter's calls, with everything decided before the run that can be."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..program import Program
from .interpreter import interpreter


def numpy(program: Program) -> Any:
    """The program as a list of NumPy calls."""
    run = interpreter(program)

    def called(arrays: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        return run(arrays)

    return called
