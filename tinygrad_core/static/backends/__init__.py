"""What runs programs: one function a back end, from a program to something that can be called with arrays."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from ...device import Device, require_cupy
from ...errors import DeviceError
from ...symbol import StaticError
from ..program import Program
from ..toolchain import compiler

# run(arrays of the inputs) -> (arrays of the outputs, for each update the new value, or None where the
# variable's own memory holds it already)
Run = Callable[[Sequence[Any]], tuple[list[Any], list[Any]]]
BACKENDS = ("interpreter", "numpy", "c", "cuda")


def choose(name: str, device: Device) -> str:
    """The back end of this name; for "auto" the fastest that this machine has for tensors on the device."""
    if name == "auto":
        return "cuda" if device.type == "cuda" else "c" if compiler(quiet=True) else "numpy"
    if name not in BACKENDS:
        raise StaticError(f"there is no back end {name!r}; there are 'auto', {', '.join(map(repr, BACKENDS))}")
    if name == "cuda":
        require_cupy()
    elif name != "interpreter" and device.type == "cuda":
        raise DeviceError(f'backend={name!r} computes on the CPU, and the tensors lie on {device}: write backend="cuda"')
    return name


def compiled(program: Program, backend: str) -> Run:
    """The program as a function, by the back end of this name: a function in the module of the same name."""
    return getattr(import_module(f".{backend}", __name__), backend)(program)
