"""The passes: each a function from program to program, in a file of its own, that leaves values and effects alone."""
from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from ..program import Program
from .cse import cse
from .dce import dce
from .fold import fold
from .simplify import simplify

Pass = Callable[[Program], Program]
PASSES: dict[str, Pass] = {"dce": dce, "fold": fold, "simplify": simplify, "cse": cse}
# What back ends do with the order and the memory of operations, when they generate code.
PLANNING = ("turn", "narrow", "tiles", "fuse", "recompute", "inline", "memory")
_off: set[str] = set()


class _Here(threading.local):
    """The passes that are switched off for a while in a thread, in place of those that are for all, if there are any."""

    off: frozenset[str] | None = None


_here = _Here()


def optimised(program: Program) -> Program:
    """The program after every pass that is switched on."""
    for name in ("dce", "fold", "simplify", "cse", "dce"):
        if enabled(name):
            program = PASSES[name](program)
    return program


def disable(*names: str) -> None:
    """Switch passes off, by name, for every program that is compiled from now on."""
    _off.update(_known(names))


def _known(names: Iterable[str]) -> frozenset[str]:
    unknown = set(names) - {*PASSES, *PLANNING}
    if unknown:
        raise ValueError(f"there is no pass {sorted(unknown)[0]!r}; there are {', '.join((*PASSES, *PLANNING))}")
    return frozenset(names)


def enabled(name: str) -> bool:
    """Whether a pass is switched on."""
    return name not in (_off if _here.off is None else _here.off)


def switched_off() -> list[str]:
    """The passes that are switched off, by name."""
    return sorted(_off if _here.off is None else _here.off)


@contextmanager
def without(*names: str) -> Iterator[None]:
    """A while in which these passes are switched off, and no others, for what this thread compiles."""
    before, _here.off = _here.off, _known(names)
    try:
        yield
    finally:
        _here.off = before


def enable(*names: str) -> None:
    """Switch passes on again; without names, all of them."""
    _off.difference_update(names or set(_off))
