"""What graphs compute beyond the table of operations: array code, assignments, and identities."""
from __future__ import annotations

from typing import Any

from ..ops.core import primitive, through
from ..symbol import StaticError

_METHODS = {"all", "any", "argmax", "argmin", "argsort", "astype", "clip", "copy", "cumsum", "max", "mean", "min", "prod",
            "ravel", "repeat", "reshape", "round", "squeeze", "std", "sum", "swapaxes", "transpose", "var"}
_FUNCTIONS = {"absolute", "add", "arange", "argsort", "bitwise_and", "bitwise_or", "broadcast_to", "ceil", "clip",
              "concatenate", "equal", "expand_dims", "flip", "floor", "floor_divide", "full_like", "greater",
              "greater_equal", "invert", "isfinite", "isinf", "isnan", "less", "less_equal", "logical_and",
              "logical_not", "logical_or", "matmul", "maximum", "minimum", "multiply", "negative", "not_equal",
              "ones_like", "power", "ravel", "remainder", "repeat", "reshape", "sign", "stack", "subtract", "take_along_axis",
              "transpose", "true_divide", "where", "zeros_like", "exp", "log", "sqrt", "tanh", "roll", "tile", "squeeze"}


def _array(xp: Any, *, call: str, args: list[Any], kwargs: tuple[tuple[str, Any], ...]) -> Any:
    """A call of array code, such as `ndarray.argmax` or `where`; only what is listed here can be called."""
    if call == "getitem":
        return args[0][args[1]]
    if call.startswith("ndarray.") and call[8:] in _METHODS:
        return getattr(args[0], call[8:])(*args[1:], **dict(kwargs))
    if call in _FUNCTIONS:
        return getattr(xp, call)(*args, **dict(kwargs))
    if call.endswith(".reduce") and call[:-7] in _FUNCTIONS:
        return getattr(xp, call[:-7]).reduce(*args, **dict(kwargs))
    raise StaticError(f"a graph cannot hold a call of the array function {call!r}: compute it with the engine's operations")


primitive("array", _array, label="array code")
primitive("assign", lambda xp, variable, value: value, label="←")
primitive("identity", lambda xp, x: x, label="=", view=True, x=through)


def _assemble(xp: Any, *parts: Any, shape: tuple[int, ...], places: tuple[Any, ...]) -> Any:
    """Zeros of a shape with each part in a slice of its own; what a sum of padded parts comes to."""
    out = xp.zeros(shape, parts[0].dtype)
    for part, place in zip(parts, places, strict=True):
        out[place] = part
    return out


primitive("assemble", _assemble, label="assemble")
