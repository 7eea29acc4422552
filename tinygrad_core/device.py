"""Which array library holds the numbers (NumPy or CuPy), the random streams, and the allocator's settings."""
from __future__ import annotations

import ctypes
import os
import sys
import warnings
from typing import Any

import numpy as np

from .errors import DeviceError

cupy: Any = None                # CuPy, from the first use of a GPU on


class Device(str):
    """Where numbers lie: `Device("cpu")`, `Device("cuda")` or `Device("cuda:1")`; equal to its name as a string."""

    __slots__ = ()

    def __new__(cls, name: Any = "cpu", index: int | None = None) -> Device:
        kind, _, number = str(name).partition(":")
        if kind not in ("cpu", "cuda") or (number and not number.isdigit()):
            raise DeviceError(f'no device {str(name)!r}: there are "cpu", "cuda" and "cuda:0", "cuda:1" and so on.')
        return super().__new__(cls, "cpu" if kind == "cpu" else f"cuda:{number or index or 0}")

    @property
    def type(self) -> str:
        """ "cpu" or "cuda"."""
        return self.partition(":")[0]

    @property
    def index(self) -> int | None:  # type: ignore[override]
        """Which GPU; None for the CPU."""
        return int(self.partition(":")[2]) if self.type == "cuda" else None

    def __repr__(self) -> str:
        return f"device({str(self)!r})"


CPU = Device("cpu")
_default = CPU


def get_default_device() -> Device:
    """The device on which tensors are made that are not told another."""
    return _default


def set_default_device(device: Any) -> None:
    """Make tensors that are not told another device on `device`."""
    global _default
    device = Device(device)
    if device.type == "cuda":
        require_cupy()
    _default = device


def require_cupy() -> Any:
    """CuPy, imported at the first use of a GPU; where it or a GPU is missing, an error that says what to do."""
    global cupy
    if cupy is not None:
        return cupy
    try:
        import cupy as found
    except ImportError as error:
        raise DeviceError('there is no CuPy here, which holds the numbers on a GPU: pip install ".[gpu]" from the '
                          'project\'s folder, or stay on device="cpu".') from error
    try:
        count = found.cuda.runtime.getDeviceCount()
    except found.cuda.runtime.CUDARuntimeError as error:
        raise DeviceError(f'CuPy finds no GPU that it can use ({error}): stay on device="cpu".') from error
    if not count:
        raise DeviceError('this machine has no GPU: stay on device="cpu".')
    cupy = found
    return cupy


def array_module(*arrays: Any) -> Any:
    """The library that the arrays belong to: CuPy when any of them lies on a GPU, otherwise NumPy."""
    if cupy is not None and any([isinstance(a, cupy.ndarray) for a in arrays]):
        return cupy
    return np


def is_array(value: Any) -> bool:
    """Whether it is an array of either library; NumPy's scalars are none."""
    return isinstance(value, np.ndarray) or (cupy is not None and isinstance(value, cupy.ndarray))


def device_of(array: Any) -> Device:
    """Where an array lies."""
    if cupy is not None and isinstance(array, cupy.ndarray):
        return Device("cuda", array.device.id)
    return CPU


def place(array: Any, device: Any) -> Any:
    """An array on another device; the same array where it is there already."""
    device = device if type(device) is Device else Device(device)
    if device.type == "cpu":
        return array.get() if cupy is not None and isinstance(array, cupy.ndarray) else array
    xp = require_cupy()
    with xp.cuda.Device(device.index):
        return xp.asarray(array)


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

    def __init__(self, device: Any = "cpu"):
        self.device = Device(device)
        self.manual_seed(int.from_bytes(os.urandom(4), "little"))

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream anew from `seed`; the same seed gives the same numbers on the same device."""
        self._seed = int(seed)
        self._streams: dict[str, Any] = {}
        return self

    def initial_seed(self) -> int:
        """The seed this stream was started from."""
        return self._seed

    @property
    def stream(self) -> Any:
        """The library's own generator on this generator's device."""
        return self.on(self.device)

    def on(self, device: Device) -> Any:
        """The stream of this seed on a device; each device has its own."""
        stream = self._streams.get(device)
        if stream is None:
            xp = np if device.type == "cpu" else require_cupy()
            stream = self._streams[device] = xp.random.default_rng(self._seed)
        return stream


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Seed the default generator: the run after it can be repeated bit for bit on the same device."""
    return default_generator.manual_seed(seed)
