"""What the CUDA back end asks of a GPU, through CuPy: memory, kernels, products of matrices, and graphs of them.

The tests run the same plans on another such class, which computes on the CPU.
"""
from __future__ import annotations

import ctypes
import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ...device import require_cupy

WORKSPACE = 32 << 20            # bytes: what NVIDIA recommends for cuBLAS on Hopper; older GPUs need less


class Device:
    """The current GPU, and the kernels of one plan."""

    def __init__(self) -> None:
        self.xp = require_cupy()
        self.functions: dict[str, Any] = {}

    # ---- memory
    def empty(self, size: int) -> Any:
        """So many bytes."""
        return self.xp.empty(size, np.uint8)

    def array(self, array: np.ndarray) -> Any:
        """A copy of an array of the CPU."""
        return self.xp.asarray(array)

    def here(self, array: Any) -> bool:
        """Whether an array lies on the GPU."""
        return isinstance(array, self.xp.ndarray)

    @staticmethod
    def address(array: Any) -> int:
        """Where an array begins."""
        return array.data.ptr

    def view(self, memory: Any, like: np.ndarray, offset: int) -> Any:
        """Memory from so many bytes on, as an array that is laid out like another."""
        return self.xp.ndarray(like.shape, like.dtype, memory.data + offset, like.strides)

    def put(self, to: Any, array: Any) -> None:
        """Copy an array, of the GPU or of the CPU, into one on the GPU."""
        if self.here(array):
            to[...] = array
        elif to.size:
            to.set(np.asarray(array, to.dtype, order="C"))

    def zero(self, address: int, size: int) -> None:
        """Let bytes be 0."""
        self.xp.cuda.runtime.memsetAsync(address, 0, size, self.xp.cuda.get_current_stream().ptr)

    # ---- kernels
    def compile(self, code: str) -> None:
        """Take these kernels; compiled by NVRTC at the first use, and kept on disk by CuPy."""
        self.module = self.xp.RawModule(code=code)

    def launch(self, name: str, blocks: int, threads: int, *addresses: int) -> None:
        """Start a kernel."""
        kernel = self.functions.get(name)
        if kernel is None:
            kernel = self.functions[name] = self.module.get_function(name)
        kernel((blocks,), (threads,), addresses)

    # ---- products of matrices
    def product(self, dtype: str, ta: int, tb: int, m: int, n: int, k: int, a: int, lda: int, step_a: int, b: int, ldb: int,
                step_b: int, to: int, ldc: int, step_c: int, count: int) -> None:
        """`count` products by rows, C (m, n) = A (m, k) B (k, n); ta and tb say that a factor lies transposed.

        cuBLAS counts by columns: what it takes for Cᵀ = Bᵀ Aᵀ are the same numbers in the same places.
        """
        number = ctypes.c_float if dtype == "float32" else ctypes.c_double
        _products(self.xp.cuda.Device().id)("S" if dtype == "float32" else "D", self.xp.cuda.get_current_stream().ptr, (
            tb, ta, n, m, k, number(1), b, ldb, step_b, a, lda, step_a, number(0), to, ldc, step_c, count))

    # ---- graphs
    def captured(self, work: Callable[[], None]) -> Callable[[], None]:
        """What `work` starts, as one graph that can be started again; `work` itself where that fails, which is said once."""
        try:
            with self.xp.cuda.Stream(non_blocking=True) as stream:
                stream.begin_capture()
                try:
                    work()
                finally:
                    graph = stream.end_capture()
        except Exception as error:              # whatever CuPy or CUDA has against it: nothing has run yet
            _say_once(f"{type(error).__name__}: {error}")
            return work
        return graph.launch


@functools.cache
def _products(device: int) -> Callable[[str, int, tuple[Any, ...]], None]:
    """cuBLAS's products on a GPU, called past CuPy, which refuses them while a graph is captured.

    CuPy's module is linked to cuBLAS, so that its functions are found through it. The handle has memory of its own to
    work in: nothing may be allocated while a graph is captured. Setting a stream takes that memory away, so that it is
    given again each time.
    """
    xp = require_cupy()
    from cupy_backends.cuda.libs import cublas
    library = ctypes.CDLL(cublas.__file__)
    handle, workspace = ctypes.c_void_p(cublas.create()), xp.empty(WORKSPACE, np.uint8)
    pointer, number, step = ctypes.c_void_p, ctypes.c_int, ctypes.c_longlong
    matrix = [pointer, number, step]
    functions = {letter: getattr(library, f"cublas{letter}gemmStridedBatched") for letter in "SD"}
    for function in functions.values():
        function.argtypes = [pointer, *[number] * 5, pointer, *matrix, *matrix, pointer, *matrix, number]
    library.cublasSetStream_v2.argtypes = [pointer, pointer]
    library.cublasSetWorkspace_v2.argtypes = [pointer, pointer, ctypes.c_size_t]

    def checked(status: int) -> None:
        if status:
            raise RuntimeError(f"cuBLAS refused a product of matrices, with status {status}")

    def product(letter: str, stream: int, arguments: tuple[Any, ...]) -> None:
        checked(library.cublasSetStream_v2(handle, stream))
        checked(library.cublasSetWorkspace_v2(handle, workspace.data.ptr, WORKSPACE))
        ta, tb, m, n, k, one, *factors, zero, to, ldc, step_c, count = arguments
        checked(functions[letter](handle, ta, tb, m, n, k, ctypes.addressof(one), *factors, ctypes.addressof(zero), to, ldc,
                                  step_c, count))

    return product


@functools.cache
def _say_once(why: str) -> None:
    warnings.warn(f"a step could not be captured into a CUDA graph, and its kernels are started one by one ({why})",
                  stacklevel=6)


__all__ = ["Device"]
