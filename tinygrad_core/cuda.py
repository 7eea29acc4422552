"""The GPU as PyTorch's `torch.cuda` shows it: whether one is there, its memory, and waiting for it."""
from __future__ import annotations

import functools
from typing import Any

from . import device
from .errors import DeviceError


def is_available() -> bool:
    """Whether CuPy is installed and finds a GPU."""
    try:
        device.require_cupy()
    except DeviceError:
        return False
    return True


def device_count() -> int:
    """How many GPUs there are."""
    return device.require_cupy().cuda.runtime.getDeviceCount() if is_available() else 0


def get_device_name(index: int = 0) -> str:
    """The name of a GPU."""
    return device.require_cupy().cuda.runtime.getDeviceProperties(index)["name"].decode()


def synchronize() -> None:
    """Wait until the GPU has done all that was asked of it; before that, a clock times only the asking."""
    device.require_cupy().cuda.get_current_stream().synchronize()


def memory_allocated() -> int:
    """Bytes that arrays hold on the current GPU."""
    return device.require_cupy().get_default_memory_pool().used_bytes()


def memory_reserved() -> int:
    """Bytes that the memory pool holds on the current GPU, in use or kept for reuse."""
    return device.require_cupy().get_default_memory_pool().total_bytes()


def empty_cache() -> None:
    """Give the memory that the pool keeps for reuse back to the GPU."""
    device.require_cupy().get_default_memory_pool().free_all_blocks()


@functools.cache
def _peak() -> Any:
    """Follows the pool's use through CuPy's allocation hook, from the first call on."""
    cupy: Any = device.require_cupy()

    class Peak(cupy.cuda.MemoryHook):
        name, highest = "tinygrad_core peak", 0

        def malloc_postprocess(self, **_: Any) -> None:
            self.highest = max(self.highest, memory_allocated())

    peak = Peak()
    peak.__enter__()
    return peak


def reset_peak_memory_stats() -> None:
    """Start the peak anew from what is allocated now; the peak is followed from the first call on."""
    _peak().highest = memory_allocated()


def max_memory_allocated() -> int:
    """The most bytes that arrays have held since `reset_peak_memory_stats`."""
    return max(_peak().highest, memory_allocated())
