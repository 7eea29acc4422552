"""What graphs compute beyond the table of operations: assignments, identities, and what passes put together."""
from __future__ import annotations

from typing import Any

from ..ops.core import primitive, through

primitive("assign", lambda xp, variable, value: value, label="←")
primitive("identity", lambda xp, x: x, label="=", view=True, x=through)


def _assemble(xp: Any, *parts: Any, shape: tuple[int, ...], places: tuple[Any, ...]) -> Any:
    """Zeros of a shape with each part in a slice of its own; what a sum of padded parts comes to."""
    out = xp.zeros(shape, parts[0].dtype)
    for part, place in zip(parts, places, strict=True):
        out[place] = part
    return out


primitive("assemble", _assemble, label="assemble")
