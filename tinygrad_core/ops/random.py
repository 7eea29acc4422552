"""Numbers drawn at random, as an operation: drawn now, or anew at every run of a graph."""
from __future__ import annotations

from typing import Any

from .core import primitive

_CALLS = frozenset({"random", "standard_normal", "integers", "permutation"})


def _draw(xp: Any, *, call: str, args: tuple[Any, ...], generator: Any, device: Any) -> Any:
    """What the generator's stream on the device gives for a call such as `random(shape)`."""
    if call not in _CALLS:                      # it may have come from a file
        raise ValueError(f"draw cannot call {call!r}; there are {', '.join(sorted(_CALLS))}")
    stream = generator.on(device)
    if call == "permutation" and not hasattr(stream, call):     # CuPy's
        return stream.random(*args).argsort()
    return getattr(stream, call)(*args)


primitive("draw", _draw, label="random", notation={"out": "random"})
