"""Numbers drawn at random, as an operation: drawn now, or anew at every run of a graph."""
from __future__ import annotations

from typing import Any

from .core import primitive


def _draw(xp: Any, *, call: str, args: tuple[Any, ...], generator: Any, device: Any) -> Any:
    """What the generator's stream on the device gives for a call such as `random(shape)`."""
    return getattr(generator.on(device), call)(*args)


primitive("draw", _draw, label="random", notation={"out": "random"})
