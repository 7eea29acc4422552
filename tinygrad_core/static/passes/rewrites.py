"""What passes changed and why, written down for whoever wants to see it."""
from __future__ import annotations

import threading
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


class _Listeners(threading.local):
    """Who collects what the passes do that a thread runs."""

    def __init__(self) -> None:
        self.lists: list[list[Rewrite]] = []


_listening = _Listeners()


@contextmanager
def noting() -> Iterator[list[Rewrite]]:
    """Collect the changes of the passes that run inside."""
    found: list[Rewrite] = []
    _listening.lists.append(found)
    try:
        yield found
    finally:
        _listening.lists.pop()


def listening() -> bool:
    """Whether somebody collects changes."""
    return bool(_listening.lists)


def noted(name: str, operation: Operation, why: str) -> None:
    """Write a change down."""
    for listener in _listening.lists:
        listener.append(Rewrite(name, operation, why))
    if mode.watched and hasattr(mode.watch, "rewrote"):
        mode.watch.rewrote(name, operation, why)
