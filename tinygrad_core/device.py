"""Which array library holds the numbers (NumPy or CuPy), the random streams, and the allocator's settings."""
from __future__ import annotations

import ctypes
import os
import sys
import warnings
from typing import Any

import numpy as np


cupy: Any = None                # CuPy, from the first use of a GPU on


def array_module(*arrays: Any) -> Any:
    """The library that the arrays belong to: CuPy when any of them lies on a GPU, otherwise NumPy."""
    if cupy is not None and any(isinstance(a, cupy.ndarray) for a in arrays):
        return cupy
    return np


def keep_large_blocks() -> bool:
    """Ask glibc to reuse large blocks in place of returning each to the system; True where it agreed.

    NumPy otherwise maps and unmaps every large temporary, and the page faults cost more than the
    arithmetic. The price: resident memory stays at its peak. `TINYGRAD_CORE_MALLOC=0` in the environment
    leaves the allocator alone. The parameters are those of mallopt(3).
    """
    mmap_threshold, trim_threshold, top_pad = -3, -1, -2
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    settings = ((mmap_threshold, 1 << 30), (trim_threshold, (1 << 31) - 1), (top_pad, 64 << 20))
    return all([mallopt(key, value) for key, value in settings])


if sys.platform == "linux" and os.environ.get("TINYGRAD_CORE_MALLOC", "1") != "0":
    keep_large_blocks()


# Dividing by zero gives infinity and 0/0 not-a-number, silently, as PyTorch has it; other code's warnings stay.
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"tinygrad_core\.")


class Generator:
    """A stream of random numbers with a seed of its own, PyTorch's `torch.Generator`."""

    def __init__(self, device: str = "cpu"):
        self.device = device
        self.manual_seed(int.from_bytes(os.urandom(4), "little"))

    def manual_seed(self, seed: int) -> "Generator":
        """Start the stream anew from `seed`; the same seed gives the same numbers."""
        self._seed = int(seed)
        self.stream = np.random.default_rng(self._seed)
        return self

    def initial_seed(self) -> int:
        """The seed this stream was started from."""
        return self._seed


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Seed the default generator: the run after it can be repeated bit for bit."""
    return default_generator.manual_seed(seed)
