"""The system's C compiler: found by trying it, its libraries kept on disk by their content; and products of matrices."""
from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import importlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import Any

# Reciprocals would let one division come out as two different numbers, and a maximum differ from the element it came from.
FAST = ("-O3", "-march=native", "-ffast-math", "-fno-finite-math-only", "-fno-reciprocal-math", "-fno-math-errno", "-fPIC",
        "-std=gnu11")
MOST = 4000                     # files in the cache


def cache_folder() -> Path:
    """Where compiled code is kept: `TINYGRAD_CORE_CACHE`, or the user's cache folder."""
    named = os.environ.get("TINYGRAD_CORE_CACHE")
    base = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tinygrad_core"
    base = base.resolve()
    try:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.access(base, os.W_OK) and _is_ours(base):
            return base
    except OSError:
        pass
    return _private_folder(str(base))


def _is_ours(folder: Path) -> bool:
    """Whether nobody else can put code into a folder; where there are no users there is nobody else."""
    found = folder.stat()
    return not hasattr(os, "getuid") or (found.st_uid == os.getuid() and not found.st_mode & 0o022)


@functools.cache
def _private_folder(wanted: str) -> Path:
    """A folder for this process, where the cache is nobody's, or others may write: code is only loaded from one's own."""
    warnings.warn(f"compiled code cannot be kept in {wanted} and will be compiled anew in the next process: name a folder of "
                  "your own, which nobody else may write into, in TINYGRAD_CORE_CACHE", stacklevel=4)
    return Path(tempfile.mkdtemp(prefix="tinygrad_core-"))


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
    try:
        _library(name, "#include <math.h>\nfloat half(float x) { return tanhf(x) * 0.5f; }\n")
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _build(name: str, source: Path, library: Path, *options: str) -> None:
    """Compile and link in two steps: *linking* with -ffast-math would make the whole process flush small numbers to zero."""
    made = library.with_suffix(".o")
    for command in ((*FAST, "-c", str(source), "-o", str(made)), ("-shared", str(made), "-o", str(library), "-lm")):
        done = subprocess.run([name, *options, *command], capture_output=True, text=True, timeout=300)
        if done.returncode:
            raise subprocess.SubprocessError(f"{name} cannot compile what it was given:\n{done.stderr[-2000:]}")
    made.unlink()


@functools.cache
def _machine() -> str:
    """What code for this processor does not run without: a home folder may be shared by different machines."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            first = file.read().partition("\n\n")[0]
        return "".join(line for line in first.splitlines() if line.startswith(("model name", "flags", "Features")))
    except OSError:
        return platform.processor() + platform.machine()


def load(code: str, *options: str) -> ctypes.CDLL:
    """The code as a loaded library: compiled with these options, or found among what was compiled before."""
    name = compiler()
    assert name is not None
    return _library(name, code, *options)


def _library(name: str, code: str, *options: str) -> ctypes.CDLL:
    file = _file(name, code, *options)
    try:
        return opened(file)
    except OSError:                             # not there, or broken: made anew
        with tempfile.TemporaryDirectory() as folder:
            source, made = Path(folder, "step.c"), Path(folder, "step.so")
            source.write_text(code, encoding="utf-8")
            _build(name, source, made, *options)
            store(f"{file}.so", made.read_bytes())
    return opened(file)


def opened(library: str) -> ctypes.CDLL:
    """A library that was compiled before, by its name; an OSError where there is none that is whole."""
    return ctypes.CDLL(str(kept(f"{library}.so")))


def library_name(code: str) -> str:
    """The name under which `load` keeps what this code becomes."""
    name = compiler()
    assert name is not None
    return _file(name, code)


def _file(name: str, code: str, *options: str) -> str:
    """What a compiler makes of some code for this machine, as a name; comments do not count."""
    words = re.sub(r"/[*].*?[*]/", "", code, flags=re.DOTALL)
    return hashlib.sha256("\0".join([words, *identity(name), *FAST, *options]).encode()).hexdigest()[:32]


def kept(name: str) -> Path:
    """A file of the cache, which is wanted: an OSError where it is not there."""
    file = cache_folder() / name
    os.utime(file)                              # those that nobody wants for long go first
    return file


def store(name: str, content: bytes) -> None:
    """Let a file appear in the cache, whole or not at all, whoever else is making the same."""
    folder = cache_folder()
    with tempfile.TemporaryDirectory(dir=folder) as private:
        Path(private, name).write_bytes(content)
        os.replace(Path(private, name), folder / name)
    files = [file for file in folder.iterdir() if file.suffix in (".so", ".json")]
    if len(files) > MOST:
        with contextlib.suppress(OSError):      # another process tidies up too
            for file in sorted(files, key=lambda file: file.stat().st_mtime)[:MOST // 10]:
                file.unlink()


def identity(name: str) -> tuple[str, ...]:
    """What tells a compiler and the machine it works for from others; a compiler that was exchanged is another one."""
    path = shutil.which(name) or name
    found = os.stat(path)
    return path, str(found.st_size), str(found.st_mtime_ns), _machine()


@functools.cache
def for_both_types(*files: str) -> str:
    """C files of the back ends as one text, in which each stands once for `float` and once for `double`."""
    text = "".join([Path(__file__).with_name("backends").joinpath(file).read_text(encoding="utf-8") for file in files])
    return "".join([f"#define T {t}\n#define NAME(f) {letter}##f\n{text}#undef T\n#undef NAME\n"
                    for t, letter in (("float", "s"), ("double", "d"))])


@functools.cache
def _product_library() -> ctypes.CDLL:
    code = for_both_types("tile.c", "product.c")
    try:
        library = load(code, "-fopenmp")
    except (OSError, subprocess.SubprocessError):       # a compiler without OpenMP: one thread
        library = load(code)
    return library


def products() -> list[ctypes.c_void_p]:
    """The addresses of products of matrices in single and in double precision: see product.c."""
    library = _product_library()
    if not ctypes.c_int.in_dll(library, "own").value:
        library.suse(_blas("sgemm"))
        library.duse(_blas("dgemm"))
    return [ctypes.cast(function, ctypes.c_void_p) for function in (library.sproduct, library.dproduct)]


def own_products() -> dict[str, Any]:
    """Our own products as functions, by the name of their type; none where they would be BLAS."""
    library = _product_library()
    if not ctypes.c_int.in_dll(library, "own").value:
        return {}
    number, pointer = ctypes.c_int, ctypes.c_void_p
    found = {"float32": library.sproduct, "float64": library.dproduct}
    for function in found.values():
        function.restype, function.argtypes = None, [*[number] * 5, pointer, number, pointer, number, number, pointer, number]
    return found


def _blas(function: str) -> ctypes.c_void_p:
    """The address of a function (with Fortran's interface) of the BLAS that SciPy ships, by SciPy's documented C API."""
    capsule = importlib.import_module("scipy.linalg.cython_blas").__pyx_capi__[function]
    name, pointer = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return ctypes.c_void_p(pointer(capsule, name(capsule)))
