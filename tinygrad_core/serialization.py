"""Save and load: tensors in files of the safetensors format, which hold numbers and names and nothing that runs."""
from __future__ import annotations

import json
import math
import os
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .errors import EngineError
from .tensor import Tensor, unboxed, wrap

_NAMES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "<i1", "U8": "<u1",
          "BOOL": "?", "BF16": "<u2"}
_CODES = {np.dtype(code): name for name, code in _NAMES.items() if name != "BF16"}
_LONGEST_HEADER = 100_000_000       # bytes; the limit of the format's own library
_TREE = "tree"                      # the entry of the metadata that holds what is no flat dictionary of tensors


class FileError(EngineError, ValueError):
    """A file that is no whole safetensors file, or something that such a file cannot hold."""


def save(obj: Any, f: str | os.PathLike[str]) -> None:
    """Write tensors to a file; it appears under its name only when it is whole.

    Args:
        obj: a dictionary of tensors by name, such as a module's `state_dict()`, written so that every reader of the
            format understands it; or any nest of dictionaries, lists and tuples of tensors, numbers, strings and
            None, such as `{"model": ..., "optimizer": ..., "epoch": 3}`.
        f: the path.
    """
    path = Path(f)
    tensors: dict[str, Tensor] = {}
    metadata: dict[str, str] = {"format": "pt"}
    if isinstance(obj, dict) and obj and "__metadata__" not in obj and all(
            isinstance(k, str) and isinstance(v, Tensor) for k, v in obj.items()):
        tensors = obj
    else:
        metadata[_TREE] = json.dumps(_pack(obj, "", tensors))
    arrays = {name: _portable(name, t) for name, t in tensors.items()}
    # Wide elements first: then every tensor begins at a multiple of its element's size.
    placed = sorted(arrays, key=lambda name: -arrays[name].itemsize)
    ends = dict(zip(placed, accumulate(arrays[name].nbytes for name in placed), strict=True))
    header = json.dumps({"__metadata__": metadata, **{
        name: {"dtype": _CODES[a.dtype], "shape": list(a.shape), "data_offsets": [ends[name] - a.nbytes, ends[name]]}
        for name, a in arrays.items()}}, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    part = path.with_name(path.name + ".part")
    with open(part, "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for name in placed:
            file.write(arrays[name].tobytes())
    os.replace(part, path)


def load(f: str | os.PathLike[str], map_location: Any = None) -> Any:
    """Read what `save`, or any writer of the format, wrote; nothing in the file is executed.

    Args:
        f: the path.
        map_location: the device to put the tensors on.

    Values of type bfloat16, which NumPy lacks, become float32.
    """
    path = Path(f)
    with open(path, "rb") as file:
        header, room = _header(path, file)
        metadata = header.pop("__metadata__", {})
        found = {name: _read(file, name, header[name]) for name in _in_order(path, header, room)}
    tensors = {name: found[name] if map_location is None else found[name].to(map_location) for name in header}
    if not isinstance(metadata, dict) or _TREE not in metadata:
        return tensors
    try:
        return _unpack(json.loads(metadata[_TREE]), tensors)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise FileError(f"{path.name} is damaged: its tree cannot be read ({error!r})") from None


def _portable(name: str, t: Tensor) -> np.ndarray:
    """A tensor as an array of one of the format's types."""
    array = np.asarray(t.detach().to("cpu").array)
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)


def _pack(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """A nest as JSON can hold it; the tensors in it are moved to `tensors`, under the path that led to them."""
    if isinstance(value, Tensor):
        name = path or "tensor"
        while name in tensors or name == "__metadata__":
            name += "_"
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    step = f"{path}." if path else ""
    if isinstance(value, dict) and all(isinstance(k, (str, int, float, bool)) for k in value):
        return {"dict": [[k, _pack(v, f"{step}{k}", tensors)] for k, v in value.items()]}
    if isinstance(value, (list, tuple)):
        return {"tuple" if isinstance(value, tuple) else "list": [
            _pack(v, f"{step}{k}", tensors) for k, v in enumerate(value)]}
    raise FileError(f"save cannot write {path or 'this'}, of type {type(value).__name__}: a file holds tensors, numbers, "
                    "strings and None, in dictionaries with plain keys, lists and tuples. Save a module's state_dict(), "
                    "not the module")


def _unpack(value: Any, tensors: dict[str, Tensor]) -> Any:
    """What `_pack` packed."""
    if not isinstance(value, dict):
        return value
    (kind, inside), = value.items()
    if kind == "tensor":
        return tensors[inside]
    if kind == "dict":
        return {k: _unpack(v, tensors) for k, v in inside}
    items = [_unpack(v, tensors) for v in inside]
    return {"list": list, "tuple": tuple}[kind](items)


def _header(path: Path, file: BinaryIO) -> tuple[dict[str, Any], int]:
    """The header of a file, and how many bytes of numbers follow it."""
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or not 2 <= length <= min(size - 8, _LONGEST_HEADER):
        raise FileError(f"{path.name} is not a safetensors file, or not a whole one: it has {size} bytes, and should "
                        f"begin with a header of {length}")
    raw = file.read(length)
    try:
        header = json.loads(raw.decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise FileError(f"{path.name} is not a safetensors file: its header cannot be read ({error})") from None
    if not isinstance(header, dict):
        raise FileError(f"{path.name} is not a safetensors file: its header is no dictionary")
    return header, size - 8 - length


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A dictionary whose keys were each given once."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name is given twice")
    return made


def _in_order(path: Path, header: dict[str, Any], room: int) -> list[str]:
    """The names as their numbers lie in the file, which they must fill without gaps or overlaps."""
    for name, entry in header.items():
        what = f"{path.name} is damaged: its entry {name!r}"
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise FileError(f"{what} should have dtype, shape and data_offsets")
        shape, offsets = entry["shape"], entry["data_offsets"]
        if not isinstance(entry["dtype"], str) or entry["dtype"] not in _NAMES:
            raise FileError(f"{path.name} holds {name!r} as {entry['dtype']!r}, which this engine lacks; there are "
                            f"{', '.join(_NAMES)}")
        if not _counts(shape) or not _counts(offsets) or len(offsets) != 2 or len(shape) > 32:
            raise FileError(f"{what} has the shape {shape!r} and the data_offsets {offsets!r}")
        needed = math.prod(shape) * np.dtype(_NAMES[entry["dtype"]]).itemsize
        if offsets[1] - offsets[0] != needed:
            raise FileError(f"{what} has room for {offsets[1] - offsets[0]} bytes, and its shape {shape} needs {needed}")
    order = sorted(header, key=lambda name: header[name]["data_offsets"])
    end = 0
    for name in order:
        begin, stop = header[name]["data_offsets"]
        if begin != end:
            raise FileError(f"{path.name} is damaged: {name!r} begins at byte {begin}, and should at {end}")
        end = stop
    if end != room:
        raise FileError(f"{path.name} is not whole: its header tells of {end} bytes of numbers, and there are {room}")
    return order


def _counts(values: Any) -> bool:
    """Whether this is a list of whole numbers from 0 up."""
    return isinstance(values, list) and all(type(v) is int and v >= 0 for v in values)


def _read(file: BinaryIO, name: str, entry: dict[str, Any]) -> Tensor:
    """The next tensor of the file."""
    dtype, shape = np.dtype(_NAMES[entry["dtype"]]), entry["shape"]
    array = np.fromfile(file, dtype, math.prod(shape)).reshape(shape)
    if entry["dtype"] == "BF16":        # the upper half of a float32
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return wrap(unboxed(array.astype(array.dtype.newbyteorder("="), copy=False)))


__all__ = ["FileError", "load", "save"]
