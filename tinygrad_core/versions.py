"""Who wrote into which memory, and when: what lets a backward pass notice that a saved value was changed.

Every node carries a number from one running count, taken when it was recorded. A write in place takes a
number from the same count and leaves it with the memory it changed. A saved value is stale when its memory
was written *after* the node that saved it; so recording a node costs nothing for this, and a backward pass
whose nodes are all younger than the last write has nothing to check.
"""
from __future__ import annotations

import sys
import weakref
from collections.abc import Iterable
from itertools import count
from typing import Any

import numpy as np

from .errors import Line, here

tick = count(1).__next__


class Write:
    """The writes that one block of memory has seen: how many, the number of the last one, and its line."""

    __slots__ = ("count", "seq", "where", "keeper")

    def __init__(self, keeper: Any):
        self.count, self.seq, self.keeper = 0, 0, keeper
        self.where: Any = None

    @property
    def line(self) -> Line | None:
        """The line of the last write."""
        return None if self.where is None else Line.at(self.where)


_writes: dict[int, Write] = {}
_last_write = 0
_purge_at = 1024


def owner(array: Any) -> Any:
    """The array that owns the memory of `array`: a view's base, to the bottom."""
    base = getattr(array, "base", None)
    while base is not None and hasattr(base, "dtype"):
        array, base = base, getattr(base, "base", None)
    return array


def wrote(array: Any, where: Any = None) -> Write | None:
    """Note that `array`'s memory is written in place, at the place `where` (as `errors.here` notes it) or right here."""
    global _last_write
    write = _writes.get(id(array)) or _record(owner(array))
    if write is not None:
        write.count += 1
        write.where = where or here()
        write.seq = _last_write = tick()
    return write


def _record(array: Any) -> Write | None:
    """The record of an array that owns its memory, made where there is none yet."""
    key = id(array)
    if key in _writes:
        return _writes[key]
    keeper: Any = array
    if isinstance(array, np.generic):
        # A NumPy scalar cannot change; what was written is the tensor that held it. Only a node that
        # saved the old scalar cares, and it would hold a reference of its own.
        if sys.getrefcount(array) <= 4:
            return None
        _purge()
    else:
        keeper = weakref.ref(array, lambda _: _writes.pop(key, None))
    write = _writes[key] = Write(keeper)
    return write


def wrote_again(writes: Iterable[Write]) -> None:
    """Note one more write for each of these records, cheaply: for code that writes into the same memory at every run."""
    global _last_write
    _last_write = seq = tick()
    for write in writes:
        write.count += 1
        write.seq = seq


def _purge() -> None:
    """Forget written scalars that nobody else holds any longer."""
    global _purge_at
    if len(_writes) < _purge_at:
        return
    for key in [k for k, w in _writes.items() if isinstance(w.keeper, np.generic) and sys.getrefcount(w.keeper) <= 2]:
        del _writes[key]
    _purge_at = max(1024, 2 * len(_writes))


def version(array: Any) -> int:
    """How many times the memory of `array` was written in place."""
    write = _writes.get(id(owner(array)))
    return 0 if write is None else write.count


def stale(saved: Iterable[Any], seq: int) -> tuple[int, Write] | None:
    """The first of the `saved` values that was written after number `seq`, with its last write; or None."""
    for k, value in enumerate(saved):
        if hasattr(value, "dtype"):
            write = _writes.get(id(owner(value)))
            if write is not None and write.seq > seq:
                return k, write
    return None


def written_since(seq: int) -> bool:
    """Whether anything at all was written in place after number `seq`."""
    return _last_write > seq
