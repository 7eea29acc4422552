"""What passes changed and why, written down for whoever wants to see it."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from ...tensor import mode
from ..graph import Operation


class Rewrite(NamedTuple):
    """One change: which pass, what operation it was about, and why."""

    name: str
    operation: Operation
    why: str


_listeners: list[list[Rewrite]] = []


@contextmanager
def noting() -> Iterator[list[Rewrite]]:
    """Collect the changes of the passes that run inside."""
    found: list[Rewrite] = []
    _listeners.append(found)
    try:
        yield found
    finally:
        _listeners[:] = [listener for listener in _listeners if listener is not found]      # another thread may note too


def listening() -> bool:
    """Whether somebody collects changes."""
    return bool(_listeners)


def noted(name: str, operation: Operation, why: str) -> None:
    """Write a change down."""
    for listener in _listeners:
        listener.append(Rewrite(name, operation, why))
    if mode.watched and hasattr(mode.watch, "rewrote"):
        mode.watch.rewrote(name, operation, why)
