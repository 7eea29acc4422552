"""What runs programs: one function a back end, from a program to something that can be called with arrays."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from ...device import Device, require_cupy
from ...errors import DeviceError
from ...symbol import StaticError, leaves, mapped
from ..block import Block
from ..graph import Operation
from ..memory import Report
from ..passes import optimised
from ..program import Program, Rewriter, rewritten
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
    return getattr(import_module(f".{backend}", __name__), backend)(_with_bodies(program, backend))


def _with_bodies(program: Program, backend: str) -> Program:
    """The program whose branches and loops run their bodies by the same back end; on a GPU the interpreter starts kernels."""
    name = "interpreter" if backend == "cuda" else backend
    bodied = {o for o in program.operations if any([isinstance(v, Block) for v in leaves(o.attrs)])}

    def change(r: Rewriter, o: Operation) -> Any:
        if o not in bodied:
            return None
        made = r.keep(o)
        made.attrs = mapped(o.attrs, lambda v: v.on(name) if isinstance(v, Block) else v)
        return made.results

    return rewritten(program, change) if bodied else program


def memory_of(program: Program, backend: str) -> Report | None:
    """What the back end of this name plans for a program's memory, once it went through the passes; None without a plan."""
    if backend in ("interpreter", "cuda") or (backend == "c" and compiler(quiet=True) is None):
        backend = {"c": "numpy"}.get(backend, "")
    given = program if backend == "c" else optimised(program)
    return import_module(f".{backend}", __name__).memory_of(given) if backend else None
