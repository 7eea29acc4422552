"""The functions of the top namespace, under PyTorch's names: each checks its arguments and runs a primitive."""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import dtypes, hot
from .device import Generator, default_generator
from .errors import DTypeError, ShapeError, at_line, learner_line
from .ops import OPS
from .tensor import Tensor, apply, as_array, describe, unboxed, wrap

Dim = int | Sequence[int] | None


# ---- creation
def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
           name: str | None = None) -> Tensor:
    """A tensor from numbers, nested sequences or arrays; see `Tensor`."""
    return Tensor(data, dtype=dtype, device=device, requires_grad=requires_grad, name=name)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a tensor, without a copy where it is one, or an array, of the right dtype already."""
    if isinstance(data, Tensor) and (dtype is None or data.dtype == dtypes.as_dtype(dtype)) and device is None:
        return data
    if isinstance(data, np.ndarray) and device is None and (dtype is None or data.dtype == dtypes.as_dtype(dtype)):
        return from_numpy(data)
    return Tensor(data, dtype=dtype, device=device)


def from_numpy(array: np.ndarray) -> Tensor:
    """A tensor that shares memory with a NumPy array."""
    dtypes.as_dtype(array.dtype)
    return wrap(unboxed(array))


def _shape(size: tuple[Any, ...]) -> tuple[int, ...]:
    """A shape given as numbers or as one sequence."""
    if len(size) == 1 and not isinstance(size[0], (int, np.integer)):
        size = tuple(size[0])
    return tuple(int(n) for n in size)


def _made(array: Any, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    t = wrap(unboxed(array if device is None else as_array(array, dtype, device)))
    return t.requires_grad_() if requires_grad else t


def full(size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of shape `size` with every element `fill_value`."""
    dtype = dtypes.scalar_dtype(fill_value) if dtype is None else dtypes.as_dtype(dtype)
    return _made(np.full(_shape((size,)), fill_value, dtype), dtype, device, requires_grad)


def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of zeros: `zeros(2, 3)` or `zeros((2, 3))`."""
    return full(_shape(size), 0, dtype=dtype or dtypes.get_default_dtype(), device=device, requires_grad=requires_grad)


def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of ones."""
    return full(_shape(size), 1, dtype=dtype or dtypes.get_default_dtype(), device=device, requires_grad=requires_grad)


def zeros_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros in the shape, dtype and place of another tensor."""
    return full(input.shape, 0, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad)


def ones_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones in the shape, dtype and place of another tensor."""
    return full(input.shape, 1, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad)


def arange(start: Any, end: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None,
           requires_grad: bool = False) -> Tensor:
    """The numbers from `start` (0 if only one bound is given) up to, not including, `end`."""
    if end is None:
        start, end = 0, start
    if dtype is None:
        whole = all(isinstance(v, (int, np.integer)) for v in (start, end, step))
        dtype = dtypes.int64 if whole else dtypes.get_default_dtype()
    return _made(np.arange(start, end, step).astype(dtypes.as_dtype(dtype)), dtype, device, requires_grad)


def rand(*size: Any, generator: Generator | None = None, dtype: Any = None, device: Any = None,
         requires_grad: bool = False) -> Tensor:
    """Numbers drawn evenly from [0, 1)."""
    dtype = dtypes.as_dtype(dtype or dtypes.get_default_dtype())
    stream = (generator or default_generator).stream
    return _made(np.asarray(stream.random(_shape(size)), dtype), dtype, device, requires_grad)


def randn(*size: Any, generator: Generator | None = None, dtype: Any = None, device: Any = None,
          requires_grad: bool = False) -> Tensor:
    """Numbers drawn from the normal distribution of mean 0 and variance 1."""
    dtype = dtypes.as_dtype(dtype or dtypes.get_default_dtype())
    stream = (generator or default_generator).stream
    return _made(np.asarray(stream.standard_normal(_shape(size)), dtype), dtype, device, requires_grad)


# ---- elementwise
def _unary(name: str, doc: str) -> Callable[[Tensor], Tensor]:
    op = OPS[name]

    def function(input: Tensor) -> Tensor:
        return apply(op, _operand(input, name))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


def _binary(name: str, doc: str) -> Callable[[Any, Any], Tensor]:
    op = OPS[name]

    def function(input: Any, other: Any) -> Tensor:
        if not isinstance(input, Tensor) and not isinstance(other, Tensor):
            _operand(input, name)
        return apply(op, _array_to_tensor(input), _array_to_tensor(other))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


def _array_to_tensor(x: Any) -> Any:
    return Tensor(x) if isinstance(x, (np.ndarray, np.generic, bool)) else x


def _operand(x: Any, name: str) -> Tensor:
    if isinstance(x, Tensor):
        return x
    raise DTypeError(f"{name} works on tensors, got {describe(x)}. Make one with tensor(...)."
                     f"{at_line(learner_line())}")


exp = _unary("exp", "e to the power of each element.")
log = _unary("log", "The natural logarithm of each element.")
sqrt = _unary("sqrt", "The square root of each element.")
sin = _unary("sin", "The sine of each element, in radians.")
cos = _unary("cos", "The cosine of each element, in radians.")
neg = _unary("neg", "Each element with its sign changed.")
sign = _unary("sign", "-1, 0 or 1 for each element.")
abs = absolute = _unary("abs", "The magnitude of each element; its gradient at 0 is 0.")
div = _binary("div", "The quotient, element by element, as a floating-point number.")
eq = _binary("eq", "Where the two are equal.")
ne = _binary("ne", "Where the two differ.")
lt = _binary("lt", "Where the first is less.")
le = _binary("le", "Where the first is less or equal.")
gt = _binary("gt", "Where the first is greater.")
ge = _binary("ge", "Where the first is greater or equal.")
maximum = _binary("maximum", "The greater of two, element by element; equal ones share the gradient.")
minimum = _binary("minimum", "The lesser of two, element by element; equal ones share the gradient.")
_add, _sub, _mul = (_binary(n, "") for n in ("add", "sub", "mul"))


def relu(input: Tensor) -> Tensor:
    """max(x, 0) of each element; its gradient at 0 is 0."""
    return hot.relu(_operand(input, "relu"))


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent of each element."""
    return hot.tanh(_operand(input, "tanh"))


def add(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """input + alpha * other, element by element."""
    return _add(input, other if alpha == 1 else mul(other, alpha))


def sub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """input - alpha * other, element by element."""
    return _sub(input, other if alpha == 1 else mul(other, alpha))


def mul(input: Any, other: Any) -> Tensor:
    """The product, element by element."""
    return _mul(input, other)


def pow(input: Any, exponent: Any) -> Tensor:
    """input to the power of exponent, element by element."""
    if isinstance(exponent, int) and exponent < 0 and isinstance(input, Tensor) and input.dtype.kind in "iub":
        raise DTypeError("integers to negative integer powers are not integers: use a float tensor."
                         f"{at_line(learner_line())}")
    return apply(OPS["pow"], _array_to_tensor(input), _array_to_tensor(exponent))


def where(condition: Tensor, input: Any, other: Any) -> Tensor:
    """`input` where the condition holds, `other` elsewhere."""
    return apply(OPS["where"], _operand(condition, "where"), _array_to_tensor(input), _array_to_tensor(other))


def clone(input: Tensor) -> Tensor:
    """A copy in memory of its own, through which gradients flow back."""
    return apply(OPS["clone"], input)


# ---- reductions
def dims(dim: Dim, ndim: int, name: str) -> tuple[int, ...] | None:
    """A `dim` argument as non-negative dims in order, or None for all; checked."""
    if dim is None or (not isinstance(dim, int) and len(dim) == 0):
        return None
    given = (dim,) if isinstance(dim, int) else tuple(dim)
    for d in given:
        if not -max(ndim, 1) <= d < max(ndim, 1):
            raise ShapeError(f"{name}: there is no dim {d} in a tensor with {ndim} dims; they run from "
                             f"{-ndim} to {ndim - 1}.{at_line(learner_line())}")
    positive = tuple(sorted(d % ndim for d in given)) if ndim else ()
    if len(set(positive)) != len(positive):
        raise ShapeError(f"{name}: dim {dim} names one dim twice.{at_line(learner_line())}")
    return positive


def sum(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum over the given dims, or over all; integers and booleans add up in int64."""
    if dtype is not None:
        input = input.to(dtype)
    elif input.dtype.kind in "iub":
        input = input.to(dtypes.int64)
    return apply(OPS["sum"], input, dim=dims(dim, input.ndim, "sum"), keepdim=keepdim)


def mean(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean over the given dims, or over all; floating-point tensors only."""
    if dtype is not None:
        input = input.to(dtype)
    if input.dtype.kind != "f":
        raise DTypeError(f"mean needs a floating-point tensor, got {input.dtype}: write x.float().mean()."
                         f"{at_line(learner_line())}")
    axes = dims(dim, input.ndim, "mean")
    count = input.array.size if axes is None else math.prod(input.shape[d] for d in axes)
    total = apply(OPS["sum"], input, dim=axes, keepdim=keepdim)
    return total * (1.0 / count) if count else total * math.nan


def amax(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """The greatest element over the given dims; ties share the gradient evenly."""
    return apply(OPS["amax"], _not_empty(input, "amax"), dim=dims(dim, input.ndim, "amax"), keepdim=keepdim)


def amin(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """The least element over the given dims; ties share the gradient evenly."""
    return apply(OPS["amin"], _not_empty(input, "amin"), dim=dims(dim, input.ndim, "amin"), keepdim=keepdim)


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the greatest element along `dim`, or in the flattened tensor."""
    return apply(OPS["argmax"], _not_empty(input, "argmax"), dim=dim, keepdim=keepdim)


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the least element along `dim`, or in the flattened tensor."""
    return apply(OPS["argmin"], _not_empty(input, "argmin"), dim=dim, keepdim=keepdim)


def _not_empty(input: Tensor, name: str) -> Tensor:
    if not input.array.size:
        raise ShapeError(f"{name} of no elements has no answer: the tensor has shape {input.shape}."
                         f"{at_line(learner_line())}")
    return input


# ---- shape and indexing
def reshape(input: Tensor, *shape: Any) -> Tensor:
    """The same elements in another shape; one size may be -1, to be found from the others."""
    return apply(OPS["reshape"], input, shape=_shape(shape))


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dims from `start_dim` to `end_dim` made into one."""
    if not input.ndim:
        return reshape(input, 1)
    first, last = start_dim % input.ndim, end_dim % input.ndim
    shape = input.shape
    size = math.prod(shape[first:last + 1])
    return reshape(input, (*shape[:first], size, *shape[last + 1:]))


def permute(input: Tensor, *order: Any) -> Tensor:
    """The dims in another order."""
    given = _shape(order)
    positive = tuple(d % max(input.ndim, 1) for d in given)
    if sorted(positive) != list(range(input.ndim)):
        raise ShapeError(f"permute needs each of the {input.ndim} dims once, got {given}.{at_line(learner_line())}")
    return apply(OPS["permute"], input, dims=positive)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dims exchanged."""
    order = list(range(input.ndim))
    a, b = (dims(d, input.ndim, "transpose")[0] for d in (dim0, dim1))
    order[a], order[b] = order[b], order[a]
    return apply(OPS["permute"], input, dims=tuple(order))


def expand(input: Tensor, *size: Any) -> Tensor:
    """Dims of size 1 stretched to `size`, without a copy; -1 leaves a dim as it is."""
    wanted = _shape(size)
    extra = len(wanted) - input.ndim
    shape = tuple(n if n != -1 else input.shape[k - extra] for k, n in enumerate(wanted))
    return apply(OPS["expand"], input, shape=shape)


def squeeze(input: Tensor, dim: Dim = None) -> Tensor:
    """Dims of size 1 removed: all of them, or those given."""
    axes = range(input.ndim) if dim is None else dims(dim, input.ndim, "squeeze") or ()
    return reshape(input, tuple(n for k, n in enumerate(input.shape) if n != 1 or k not in axes))


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """A new dim of size 1 at position `dim`."""
    at = dims(dim, input.ndim + 1, "unsqueeze")[0]
    return reshape(input, (*input.shape[:at], 1, *input.shape[at:]))


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors joined along an existing dim."""
    return apply(OPS["cat"], *tensors, dim=dim)


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape joined along a new dim."""
    return cat([unsqueeze(t, dim) for t in tensors], dim)


# ---- products
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product over the last two dims; a vector counts as a row (left) or a column (right)."""
    return apply(OPS["matmul"], _operand(input, "matmul"), _operand(other, "matmul"))
