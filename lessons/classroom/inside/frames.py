"""Plain data and arrays as bytes, in a format that executes nothing and whose sizes are checked before memory is taken."""

import json
import math
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

DTYPES = frozenset("|b1 |i1 |u1 <i2 <u2 <i4 <u4 <i8 <u8 <f2 <f4 <f8 <c8 <c16".split())
HEADER = 1 << 20  # bytes of JSON
ARRAYS = 1 << 26  # bytes of all arrays together
ITEMS, DEPTH, TEXT, NDIM = 20_000, 32, 1 << 16, 16


class FrameError(Exception):
    """These bytes are not a frame, or what they hold is not allowed; the message says what."""


def encode(value: Any) -> bytes:
    """The frame of a value made of None, numbers, text, lists, dictionaries and arrays."""
    buffers: list[bytes] = []
    left = ARRAYS

    def walk(item: Any, depth: int) -> Any:
        nonlocal left
        if depth > DEPTH:
            raise FrameError("it is nested too deeply")
        if item is None or type(item) in (bool, int, float, str):
            return item
        if isinstance(item, np.generic):
            item = np.asarray(item)
        if isinstance(item, np.ndarray):
            little = item.dtype.newbyteorder("<").str
            if little not in DTYPES:
                raise FrameError(f"arrays of dtype {item.dtype} cannot be handed back")
            if item.nbytes > left:
                raise FrameError(f"its arrays are larger than {ARRAYS >> 20} MiB")
            left -= item.nbytes
            buffers.append(np.ascontiguousarray(item).astype(little, copy=False).tobytes())
            return {"array": [little, list(item.shape)]}
        if isinstance(item, (list, tuple)):
            return [walk(part, depth + 1) for part in item]
        if isinstance(item, dict):
            return {"dict": [[str(key), walk(part, depth + 1)] for key, part in item.items()]}
        raise FrameError(f"something of type {type(item).__name__} cannot be handed back")

    header = json.dumps(walk(value, 0)).encode()
    if len(header) > HEADER:
        raise FrameError("it is too long")
    return struct.pack("<I", len(header)) + header + b"".join(buffers)


def read(exactly: Callable[[int], bytes]) -> Any:
    """The value in the frame that comes next; `exactly(n)` returns the next n bytes."""
    (length,) = struct.unpack("<I", exactly(4))
    if length > HEADER:
        raise FrameError("its header is too long")
    try:
        header = json.loads(exactly(length))
    except (ValueError, RecursionError):
        raise FrameError("its header is not JSON") from None
    items, left = ITEMS, ARRAYS

    def walk(item: Any, depth: int) -> Any:
        nonlocal items, left
        items -= 1
        if depth > DEPTH or items < 0:
            raise FrameError("it has too many parts")
        if isinstance(item, str):
            if len(item) > TEXT:
                raise FrameError("a text in it is too long")
            return item.encode("utf-8", "replace").decode()  # lone surrogates cannot be stored
        if isinstance(item, list):
            return [walk(part, depth + 1) for part in item]
        if not isinstance(item, dict):
            return item
        match list(item.items()):
            case [("dict", [*pairs])] if all(
                isinstance(p, list) and len(p) == 2 and isinstance(p[0], str) for p in pairs
            ):
                return {walk(key, depth + 1): walk(part, depth + 1) for key, part in pairs}
            case [("array", [str(dtype), [*shape]])] if dtype in DTYPES and len(shape) <= NDIM:
                if not all(type(n) is int and 0 <= n <= ARRAYS for n in shape):
                    raise FrameError("an array in it has an impossible shape")
                bytes_ = np.dtype(dtype).itemsize * math.prod(shape)
                if bytes_ > left:
                    raise FrameError("its arrays are too large")
                left -= bytes_
                return np.frombuffer(exactly(bytes_), dtype=dtype).reshape(shape)
        raise FrameError("it holds something unknown")

    return walk(header, 0)
