"""NVIDIA's runtime compiler, which needs no GPU: `pip install nvidia-cuda-nvrtc-cu12` (200 MB) brings it."""
import ctypes
import ctypes.util
import functools
import importlib.util
from pathlib import Path


@functools.cache
def library():
    """The compiler's library from NVIDIA's package, or from the system; None where there is none."""
    spec = importlib.util.find_spec("nvidia")
    places = [Path(p) for p in spec.submodule_search_locations or ()] if spec is not None else []
    found = [str(file) for place in places for file in sorted(place.glob("*/lib/libnvrtc.so.*"))]
    for name in (*found, ctypes.util.find_library("nvrtc")):
        if name:
            try:
                return ctypes.CDLL(name)
            except OSError:
                continue
    return None


def errors(code, architecture):
    """What the compiler has against this CUDA source; an empty string where it compiles to a binary for the architecture."""
    nvrtc, program = library(), ctypes.c_void_p()
    assert not nvrtc.nvrtcCreateProgram(ctypes.byref(program), code.encode(), b"kernels.cu", 0, None, None)
    try:
        options = [b"--gpu-architecture=" + architecture.encode(), b"-std=c++17"]
        status = nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
        size = ctypes.c_size_t()
        assert not nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        assert not nvrtc.nvrtcGetProgramLog(program, log)
        if status:
            return log.value.decode() or f"NVRTC gave up with status {status}"
        assert not nvrtc.nvrtcGetCUBINSize(program, ctypes.byref(size))
        return "" if size.value else "NVRTC made no binary"
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
