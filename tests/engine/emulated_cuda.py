"""A GPU on the CPU: runs the CUDA back end's plans with its kernels compiled by the system's C++ compiler.

It takes the place of `cuda_device.Device`. Memory is filled with NaNs first, so that reading what nobody wrote is seen;
capturing runs nothing, as on a GPU, and what was captured runs with the addresses of that moment.
"""
import ctypes
import functools
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from tests.engine import emulated_cupy

HEADER = Path(__file__).with_name("emulated_cuda.h")
KERNEL = re.compile(r'^extern "C" __global__ void (\w+)\((.*?)\) ', re.M)


@functools.cache
def compiler():
    """The first C++ compiler that takes the header, or None."""
    for name in ("g++", "clang++", "c++"):
        if shutil.which(name):
            try:
                library('extern "C" __global__ void k0(float *x) { }', name)
                return name
            except (OSError, subprocess.SubprocessError):
                continue
    return None


@functools.cache
def library(code, name=None):
    """The kernels as a loaded library, each with a function `run_<kernel>(blocks, threads, addresses)`."""
    runs = []
    for kernel, parameters in KERNEL.findall(code):
        body = code[code.index(f" {kernel}("):].split('\nextern "C"')[0]
        arguments = ", ".join(f"({p[:p.rindex('*') + 1]})a[{k}]" for k, p in enumerate(parameters.split(", ")))
        runs.append(f'extern "C" int run_{kernel}(unsigned blocks, unsigned threads, void **a) '
                    f"{{ return run_grid(blocks, threads, {int('all<' in body)}, [&] {{ {kernel}({arguments}); }}); }}")
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder, "kernels.cpp"), Path(folder, "kernels.so")
        source.write_text(f'#include "{HEADER}"\n{code}\n' + "\n".join(runs), encoding="utf-8")
        options = ["-std=c++17", "-O1", "-w", "-fPIC", "-shared"]
        done = subprocess.run([name or compiler(), *options, str(source), "-o", str(made)], capture_output=True, text=True,
                              check=False)
        if done.returncode:
            raise subprocess.SubprocessError(done.stderr[-3000:])
        return ctypes.CDLL(str(made))


def asked(method):
    """What a graph can hold: noted while one is captured, otherwise done at once."""
    def ask(self, *arguments):
        if self.recording is None:
            method(self, *arguments)
        else:
            self.recording.append((method, arguments))
    return ask


class Device:
    """The emulated GPU, and the kernels of one plan."""

    xp = emulated_cupy.module
    can_capture = True

    def __init__(self):
        self.recording = None
        self.captures = 0

    def empty(self, size):
        return emulated_cupy.ndarray(np.full(size, 0xFF, np.uint8))

    def array(self, array):
        return emulated_cupy.ndarray(array.copy())

    def here(self, array):
        return isinstance(array, emulated_cupy.ndarray)

    @staticmethod
    def address(array):
        return array.inner.__array_interface__["data"][0]

    def view(self, memory, like, offset):
        return emulated_cupy.ndarray(np.ndarray(like.shape, like.dtype, memory.inner, offset, like.strides), memory)

    def put(self, to, array):
        to.inner[...] = array.inner if self.here(array) else array

    @asked
    def zero(self, address, size):
        ctypes.memset(address, 0, size)

    def compile(self, code):
        self.library = library(code)

    @asked
    def launch(self, name, blocks, threads, *addresses):
        table = (ctypes.c_void_p * len(addresses))(*addresses)
        status = getattr(self.library, f"run_{name}")(blocks, threads, table)
        assert not status, f"{name}: threads wait for others that never come"

    @asked
    def product(self, dtype, ta, tb, m, n, k, a, lda, step_a, b, ldb, step_b, to, ldc, step_c, count):
        def matrix(address, rows, columns, step, lead, turned):
            number = np.dtype(dtype).itemsize
            steps = (lead, 1) if not turned else (1, lead)
            one = np.frombuffer((ctypes.c_byte * number).from_address(address), dtype)
            return np.lib.stride_tricks.as_strided(one, (count, rows, columns), [s * number for s in (step, *steps)])
        matrix(to, m, n, step_c, ldc, 0)[...] = matrix(a, m, k, step_a, lda, ta) @ matrix(b, k, n, step_b, ldb, tb)

    def captured(self, work):
        if not self.can_capture:
            return work
        self.recording, calls = [], []
        try:
            work()
            calls = self.recording
        finally:
            self.recording = None
        self.captures += 1

        return lambda: [method(self, *arguments) for method, arguments in calls]
