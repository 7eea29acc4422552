"""Names of number types, the default one, and which type a mixed operation gives (PyTorch's rules)."""
from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from .errors import DTypeError

float16, float32, float64 = np.dtype("float16"), np.dtype("float32"), np.dtype("float64")
uint8, int8, int16, int32, int64 = (np.dtype(n) for n in ("uint8", "int8", "int16", "int32", "int64"))
bool_ = np.dtype("bool")
half, float_, double, long, int_, short = float16, float32, float64, int64, int32, int16

_default = float32
_SUPPORTED = {float16, float32, float64, uint8, int8, int16, int32, int64, bool_}
_CATEGORY = {"b": 0, "u": 1, "i": 1, "f": 2}


def get_default_dtype() -> np.dtype[Any]:
    """The dtype of tensors made from Python floats: float32 unless it was changed."""
    return _default


def set_default_dtype(dtype: Any) -> None:
    """Make tensors from Python floats have `dtype`, a floating-point type."""
    global _default
    dtype = as_dtype(dtype)
    if dtype.kind != "f":
        raise DTypeError(f"the default dtype must be a floating-point type, got {dtype}")
    _default = dtype


def as_dtype(dtype: Any) -> np.dtype[Any]:
    """`dtype` as a NumPy dtype that the engine has; Python's float, int and bool stand for float64, int64 and bool."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if found not in _SUPPORTED:
        raise DTypeError(f"no dtype {dtype!r} here; there are {', '.join(sorted(str(d) for d in _SUPPORTED))}")
    return found


def is_floating(dtype: np.dtype[Any]) -> bool:
    """Whether gradients can flow through values of this dtype."""
    return dtype.kind == "f"


def limits(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """The least and the greatest finite number of a dtype."""
    info: Any = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    return info.min, info.max


def scalar_dtype(value: Any) -> np.dtype[Any]:
    """The dtype that a Python number becomes as a tensor."""
    if isinstance(value, bool):
        return bool_
    return int64 if isinstance(value, int) else _default


def _join(a: np.dtype[Any], b: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of two operands of one rank: a float wins over integers as it is, where NumPy would widen it."""
    if (a.kind == "f") != (b.kind == "f"):
        return a if a.kind == "f" else b
    return np.promote_types(a, b)


def result_type(values: tuple[Any, ...]) -> np.dtype[Any]:
    """The dtype of an elementwise operation on arrays and Python numbers.

    As in PyTorch: an operand only raises the result's dtype if it is of a higher category (bool, integer,
    float) than every operand that outranks it; arrays with dims outrank 0-d ones, which outrank numbers.
    """
    ranks: tuple[list[np.dtype[Any]], ...] = ([], [], [])
    for value in values:
        if hasattr(value, "dtype"):
            ranks[0 if value.ndim else 1].append(value.dtype)
        else:
            ranks[2].append(scalar_dtype(value))
    joined = [reduce(_join, found) for found in ranks if found]
    return max(joined, key=lambda dtype: _CATEGORY[dtype.kind])         # of equals it is the first


# What bears PyTorch's name; `bool_`, `float_` and `int_` become Python's in the package's namespace.
__all__ = ["double", "float16", "float32", "float64", "get_default_dtype", "half", "int8", "int16", "int32", "int64", "long",
           "set_default_dtype", "short", "uint8"]
