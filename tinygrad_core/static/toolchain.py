"""The system's C compiler: found by trying it, its products kept on disk by their content; and the BLAS that SciPy ships."""
from __future__ import annotations

import ctypes
import functools
import hashlib
import importlib
import os
import platform
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import Any

FAST = ("-O3", "-march=native", "-ffast-math", "-fno-finite-math-only", "-fno-math-errno", "-fPIC", "-std=gnu11")


def cache_folder() -> Path:
    """Where compiled code is kept: `TINYGRAD_CORE_CACHE`, or the user's cache folder."""
    named = os.environ.get("TINYGRAD_CORE_CACHE")
    base = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tinygrad_core"
    base.mkdir(parents=True, exist_ok=True)
    return base


@functools.cache
def _found() -> str | None:
    """The first of the usual C compilers that makes a library which loads."""
    return next((name for name in (os.environ.get("CC"), "gcc", "clang", "cc")
                 if name and shutil.which(name) and _works(name)), None)


_said: list[str] = []


def compiler(quiet: bool = False) -> str | None:
    """The command of a C compiler that works here, or None, which is said once."""
    name = _found()
    if name is not None or quiet or _said:
        return name
    _said.append("no compiler")
    warnings.warn("there is no C compiler that works here (gcc or clang), so compiled graphs run through NumPy, more slowly: "
                  "on Debian, `apt install gcc` brings one", stacklevel=3)
    return None


def _works(name: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "try.c")
        source.write_text("#include <math.h>\nfloat half(float x) { return tanhf(x) * 0.5f; }\n", encoding="ascii")
        try:
            _build(name, source, Path(folder, "try.so"))
        except (OSError, subprocess.SubprocessError):
            return False
        return True


def _build(name: str, source: Path, library: Path) -> None:
    """Compile and link in two steps: *linking* with -ffast-math would make the whole process flush small numbers to zero."""
    made = library.with_suffix(".o")
    subprocess.run([name, *FAST, "-c", str(source), "-o", str(made)], check=True, capture_output=True, timeout=300)
    subprocess.run([name, "-shared", str(made), "-o", str(library), "-lm"], check=True, capture_output=True, timeout=300)
    made.unlink()


def load(code: str) -> ctypes.CDLL:
    """The code as a loaded library: compiled, or found among what was compiled before."""
    name = compiler()
    assert name is not None
    key = hashlib.sha256("\0".join([code, name, platform.processor(), platform.machine(), *FAST]).encode()).hexdigest()[:32]
    library = cache_folder() / f"{key}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=library.parent) as folder:
            source, made = Path(folder, "step.c"), Path(folder, "step.so")
            source.write_text(code, encoding="utf-8")
            _build(name, source, made)
            os.replace(made, library)           # whole or not at all, whoever else is compiling the same
    return ctypes.CDLL(str(library))


@functools.cache
def blas() -> dict[str, int]:
    """The addresses of `sgemm` and `dgemm` (the Fortran interface), by way of SciPy's documented C API."""
    cython_blas: Any = importlib.import_module("scipy.linalg.cython_blas")

    name, pointer = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    found = {}
    for function in ("sgemm", "dgemm"):
        capsule = cython_blas.__pyx_capi__[function]
        found[function] = pointer(capsule, name(capsule))
    return found
