"""What runs programs: one function a back end, from a program to something that can be called with arrays."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...device import Device, require_cupy
from ...errors import DeviceError
from ...symbol import StaticError, leaves, mapped
from ..block import Block
from ..graph import Operation
from ..memory import Report
from ..program import Program, Rewriter, rewritten
from ..toolchain import compiler
from .interpreter import interpreter
from .numpy import memory_of as numpy_memory_of
from .numpy import numpy

# run(arrays of the inputs) -> (arrays of the outputs, for each update the new value, or None where the
# variable's own memory holds it already)
Run = Callable[[Sequence[Any]], tuple[list[Any], list[Any]]]


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
    """The program as a function, by the back end of this name."""
    return BACKENDS[backend](_with_bodies(program, backend))


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
    """What the back end of this name plans for the memory of a program that went through the passes; None without a plan."""
    if backend == "c" and compiler(quiet=True):
        from .c import memory_of as planned
        return planned(program)
    return None if backend in ("interpreter", "cuda") else numpy_memory_of(program)


def _c(program: Program) -> Run:
    from .c import c
    return c(program)


def _cuda(program: Program) -> Run:
    from .cuda import cuda
    return cuda(program)


BACKENDS: dict[str, Callable[[Program], Run]] = {"interpreter": interpreter, "numpy": numpy, "c": _c, "cuda": _cuda}
