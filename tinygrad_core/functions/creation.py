"""Tensors from nothing: filled, counted, or drawn at random."""
from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..device import Device, Generator, default_generator, get_default_device, place, require_cupy
from ..dispatch import apply
from ..errors import DTypeError, ShapeError
from ..ops import OPS
from ..symbol import known
from ..tensor import Tensor, as_array, mode, unboxed, wrap
from .arguments import operand, size_of


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
           name: str | None = None) -> Tensor:
    """A tensor from numbers, nested sequences or arrays; see `Tensor`."""
    return Tensor(data, dtype=dtype, device=device, requires_grad=requires_grad, name=name)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a tensor, without a copy where it is one, or an array, of the right dtype already."""
    fits = isinstance(data, (Tensor, np.ndarray)) and (dtype is None or data.dtype == dtypes.as_dtype(dtype))
    if not fits or device is not None:
        return Tensor(data, dtype=dtype, device=device)
    return data if isinstance(data, Tensor) else from_numpy(data)


def from_numpy(array: np.ndarray) -> Tensor:
    """A tensor that shares memory with a NumPy array."""
    dtypes.as_dtype(array.dtype)
    return wrap(unboxed(array))


def from_dlpack(external: Any) -> Tensor:
    """A tensor that shares memory with another library's array, by the DLPack protocol."""
    on_cpu = not hasattr(external, "__dlpack_device__") or external.__dlpack_device__()[0] in (1, 3)
    return wrap(unboxed((np if on_cpu else require_cupy()).from_dlpack(external)))


def _made(array: Any, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    """A fresh array as a tensor of a dtype, by default float32 or int64, on its device."""
    usual = dtypes.get_default_dtype() if array.dtype.kind == "f" else dtypes.int64
    array = array.astype(dtypes.as_dtype(dtype or usual), copy=False)
    on_cpu = device is None and get_default_device().type == "cpu"
    t = wrap(unboxed(array if on_cpu else as_array(array, array.dtype, device)))
    if mode.graph is not None:
        mode.graph.made(t.array)
    return t.requires_grad_() if requires_grad else t


def full(size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of shape `size` with every element `fill_value`."""
    fill_value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    dtype = dtypes.scalar_dtype(fill_value) if dtype is None else dtypes.as_dtype(dtype)
    return _made(np.full(size_of((size,)), fill_value, dtype), dtype, device, requires_grad)


def full_like(input: Tensor, fill_value: Any, *, dtype: Any = None, device: Any = None,
              requires_grad: bool = False) -> Tensor:
    """`fill_value` everywhere, in the shape, dtype and place of another tensor."""
    return full(input.shape, fill_value, dtype=dtype or input.dtype, device=device or input.device,
                requires_grad=requires_grad)


def zeros(*sizes: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of zeros: `zeros(2, 3)` or `zeros((2, 3))`."""
    return full(size_of(sizes, size), 0, dtype=dtype or dtypes.get_default_dtype(), device=device,
                requires_grad=requires_grad)


def ones(*sizes: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of ones."""
    return full(size_of(sizes, size), 1, dtype=dtype or dtypes.get_default_dtype(), device=device,
                requires_grad=requires_grad)


def empty(*sizes: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor to be filled: zeros, where PyTorch leaves whatever the memory held."""
    return zeros(*sizes, size=size, dtype=dtype, device=device, requires_grad=requires_grad)


def zeros_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros in the shape, dtype and place of another tensor."""
    return full_like(input, 0, dtype=dtype, device=device, requires_grad=requires_grad)


empty_like = zeros_like


def ones_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones in the shape, dtype and place of another tensor."""
    return full_like(input, 1, dtype=dtype, device=device, requires_grad=requires_grad)


def arange(start: Any = 0, end: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None,
           requires_grad: bool = False) -> Tensor:
    """The numbers from `start` (0 if only one bound is given) up to, not including, `end`."""
    start, end, step = (v.item() if isinstance(v, Tensor) else v for v in (start, end, step))
    if end is None:
        start, end = 0, start
    if not step or (end - start) / step < 0:
        raise ShapeError(f"arange from {start} to {end} in steps of {step} never arrives.")
    return _made(np.arange(start, end, step), dtype, device, requires_grad)


def linspace(start: float, end: float, steps: int, *, dtype: Any = None, device: Any = None,
             requires_grad: bool = False) -> Tensor:
    """`steps` numbers at even distances from `start` to `end`, both included."""
    return _made(np.linspace(start, end, steps), dtype, device, requires_grad)


def eye(n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones on the diagonal of an (n, m) matrix of zeros; square without `m`."""
    return _made(np.eye(n, m), dtype, device, requires_grad)


# ---- at random
def _draw(call: str, *args: Any, generator: Generator | None = None, device: Any = None) -> Tensor:
    """What the library's own generator gives for `call(*args)`, now or at every run of the graph that is being built."""
    attrs = {"call": call, "args": args, "generator": generator or default_generator,
             "device": get_default_device() if device is None else Device(device)}
    return apply(OPS["draw"], **attrs)


def _drawn(call: str, *args: Any, generator: Generator | None, dtype: Any, device: Any,
           requires_grad: bool = False) -> Tensor:
    """A draw as a tensor of a dtype, by default the usual floating-point one."""
    t = _draw(call, *args, generator=generator, device=device).to(dtype or dtypes.get_default_dtype())
    return t.requires_grad_() if requires_grad else t


def rand(*sizes: Any, size: Any = None, generator: Generator | None = None, dtype: Any = None, device: Any = None,
         requires_grad: bool = False) -> Tensor:
    """Numbers drawn evenly from [0, 1)."""
    return _drawn("random", size_of(sizes, size), generator=generator, dtype=dtype, device=device,
                  requires_grad=requires_grad)


def randn(*sizes: Any, size: Any = None, generator: Generator | None = None, dtype: Any = None, device: Any = None,
          requires_grad: bool = False) -> Tensor:
    """Numbers drawn from the normal distribution of mean 0 and variance 1."""
    return _drawn("standard_normal", size_of(sizes, size), generator=generator, dtype=dtype, device=device,
                  requires_grad=requires_grad)


def randint(low: int, high: Any = None, size: Any = None, *, generator: Generator | None = None,
            dtype: Any = dtypes.int64, device: Any = None) -> Tensor:
    """Whole numbers drawn evenly from `low` (0 if only one bound is given) up to, not including, `high`."""
    if size is None:
        low, high, size = 0, low, high
    if high <= low:
        raise ShapeError(f"randint draws from {low} up to, not including, {high}: there is no such number.")
    return _drawn("integers", low, high, size_of((size,)), generator=generator, dtype=dtype, device=device)


def randperm(n: int, *, generator: Generator | None = None, dtype: Any = dtypes.int64, device: Any = None) -> Tensor:
    """The numbers from 0 to n - 1 in a random order."""
    if n < 0:
        raise ShapeError(f"randperm needs a number of at least 0, got {n}.")
    return _drawn("permutation", n, generator=generator, dtype=dtype, device=device)


def rand_like(input: Tensor, **options: Any) -> Tensor:
    """`rand` in the shape, dtype and place of another tensor."""
    return rand(input.shape, **{"dtype": input.dtype, "device": input.device, **options})


def randn_like(input: Tensor, **options: Any) -> Tensor:
    """`randn` in the shape, dtype and place of another tensor."""
    return randn(input.shape, **{"dtype": input.dtype, "device": input.device, **options})


def bernoulli(input: Tensor, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that each element gives, otherwise 0."""
    chances = operand(input, "bernoulli").array
    if chances.dtype.kind != "f" or (known(chances) and not ((chances >= 0) & (chances <= 1)).all()):
        raise DTypeError("bernoulli needs probabilities between 0 and 1 in a floating-point dtype.")
    draws = _draw("random", input.shape, generator=generator, device=input.device)
    return apply(OPS["lt"], draws, input).to(input.dtype)


def normal(mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None,
           device: Any = None) -> Tensor:
    """Normal numbers with the given means and standard deviations: tensors, or numbers with a `size`."""
    if not isinstance(std, Tensor) and std < 0:
        raise ValueError(f"normal: a standard deviation is not negative, got {std}")
    shape = size_of((size,)) if size is not None else np.broadcast_shapes(
        *(v.shape for v in (mean, std) if isinstance(v, Tensor)))
    return (randn(shape, generator=generator, device=device) * std + mean).detach()


def multinomial(input: Tensor, num_samples: int, replacement: bool = False, *,
                generator: Generator | None = None) -> Tensor:
    """Indices drawn with probabilities in proportion to `input`, (C) or (N, C); without `replacement` no index twice."""
    weights = operand(input, "multinomial").detach()
    if weights.ndim not in (1, 2) or weights.dtype.kind != "f":
        raise DTypeError("multinomial needs floating-point weights of shape (C) or (N, C), got "
                         f"{input.dtype} of shape {input.shape}.")
    rows = np.atleast_2d(np.asarray(place(weights.array, "cpu"), np.float64))
    if (rows < 0).any() or not np.isfinite(rows).all() or (rows.sum(1) <= 0).any():
        raise ShapeError("multinomial needs weights of at least 0 that do not all vanish.")
    if not replacement and ((rows > 0).sum(1) < num_samples).any():
        raise ShapeError(f"multinomial cannot draw {num_samples} different indices from fewer positive weights: pass "
                         f"replacement=True.")
    stream = (generator or default_generator).on(Device("cpu"))
    drawn = np.stack([stream.choice(rows.shape[1], num_samples, replacement, row / row.sum()) for row in rows])
    return Tensor(drawn if weights.ndim == 2 else drawn[0], dtype=dtypes.int64, device=weights.device)
