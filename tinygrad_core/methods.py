"""What a Tensor can do: its operators and methods, each one of the functions, bound here to the class."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import dtypes, functions, hooks, hot, versions
from .device import Device
from .dispatch import apply
from .errors import DTypeError, GradError, ShapeError
from .node import Leaf
from .ops import OPS
from .symbol import Dim, known
from .tensor import Tensor, array_module, describe, mode, ndarray, remember_view, unboxed, wrap
from .writes import write

# Of the functions, tensors have as methods two that draw and all that are not about making tensors, but for these.
_NO_METHODS = """Found arccosh arcsin arcsinh arctan arctan2 arctanh cat concat concatenate einsum greater_equal hstack
less_equal meshgrid searchsorted stack std_mean tensordot var_mean vstack""".split()
_SAME_NAME = ["bernoulli", "multinomial", *[name for name in functions.__all__ if name not in _NO_METHODS
                                            and getattr(functions, name).__module__ != functions.creation.__name__]]
_IN_PLACE = """abs acos acosh add addmm asin asinh atan atan2 atanh ceil clamp clip cos cosh cumprod cumsum div eq erf exp
exp2 expm1 floor floor_divide ge gt le lerp log log10 log1p log2 logical_and logical_not logical_or
logical_xor lt masked_fill mul nan_to_num ne neg pow reciprocal relu remainder round rsqrt scatter scatter_add
sigmoid sign sin sinh sqrt square sub tan tanh tril triu trunc""".split()


def _written(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function as a method that writes its result into the tensor's own memory."""
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return write(self, function(self, *args, **kwargs))
    return method


def _in_place(name: str) -> Callable[..., Tensor]:
    method = _written(getattr(functions, name))
    method.__name__ = name + "_"
    method.__doc__ = f"`{name}`, written into this tensor's own memory."
    return method


def _swapped(function: Callable[[Any, Any], Tensor]) -> Callable[[Tensor, Any], Tensor]:
    def method(self: Tensor, other: Any) -> Tensor:
        return function(other, self) if isinstance(other, _OPERANDS) else NotImplemented
    return method


def _reflected(name: str) -> Callable[[Tensor, Any], Tensor]:
    op = OPS[name]
    either_way = getattr(hot, name) if name in ("add", "mul") else None

    def method(self: Tensor, other: Any) -> Tensor:
        if isinstance(other, (int, float)) and not isinstance(other, bool):
            return either_way(self, other) if either_way is not None and mode.plain else apply(op, other, self)
        if isinstance(other, (ndarray, np.generic, bool)):
            return apply(op, Tensor(other), self)
        return NotImplemented

    method.__name__ = f"__r{name}__"
    return method


_OPERANDS = (Tensor, int, float, ndarray, np.generic, Dim)      # what an operator takes on its right side


def _operator(function: Callable[[Any, Any], Tensor], otherwise: Any = NotImplemented) -> Callable[[Tensor, Any], Tensor]:
    def method(self: Tensor, other: Any) -> Tensor:
        return function(self, other) if isinstance(other, _OPERANDS) else otherwise
    return method


# ---- indexing
def _index(index: Any) -> Any:
    """An index as NumPy takes it: tensors and lists in it become arrays."""
    if isinstance(index, tuple):
        return tuple(_index(i) for i in index)
    if isinstance(index, Tensor):
        index = index.array
    elif isinstance(index, list):
        index = np.asarray(index) if index else np.empty(0, np.int64)
    if isinstance(index, slice) and index.step is not None and index.step <= 0:
        raise ShapeError(f"a slice's step must be at least 1, got {index.step}: to reverse, use flip.")
    if hasattr(index, "dtype") and index.dtype.kind not in "iub":
        raise DTypeError(f"an index must be integers or booleans, got {index.dtype}: write i.long().")
    return index


_LONE = (int, np.integer)                       # what takes one place of a dim away; a boolean does not
_REST = (slice, type(None), type(...))


def _parted(self: Tensor, index: Any) -> tuple[Tensor, Any]:
    """The tensor and an index of it, where one number stands apart from arrays: `x[0, :, [1, 2]]`.

    NumPy takes the number for an array and puts the arrays' dims in front; PyTorch takes its place first.
    """
    if type(index) is not tuple or not any([isinstance(i, _REST) for i in index]):
        return self, index
    lone = [isinstance(i, _LONE) and not isinstance(i, bool) for i in index]
    arrays = [not alone and not isinstance(i, _REST) for i, alone in zip(index, lone)]
    if not any(lone) or not any(arrays):
        return self, index
    first: list[Any] = []
    for i, alone, array in zip(index, lone, arrays):
        boolean = array and getattr(i, "dtype", None) == np.bool_ and getattr(i, "ndim", 0)
        first += [i] if alone else [slice(None)] * (boolean or 1) if i is not None and i is not ... else [...] if i else []
    rest = tuple([i for i, alone in zip(index, lone) if not alone])
    return apply(OPS["getitem"], self, index=tuple(first)), rest


def _like(self: Tensor, value: Any) -> Tensor:
    """A value as a tensor, by default of this tensor's dtype."""
    return value if isinstance(value, Tensor) else Tensor(value, dtype=self.dtype)


def _getitem(self: Tensor, index: Any) -> Tensor:
    if type(index) is not int:
        self, index = _parted(self, _index(index))
    return apply(OPS["getitem"], self, index=index)


def _setitem(self: Tensor, index: Any, value: Any) -> None:
    self, index = _parted(self, _index(index))
    if isinstance(value, Tensor) and value.ndim and known(value.array) and value.array.size == 1:
        value = value.reshape(())               # a single number fits everywhere
    if mode.watch is None and (not mode.grad or (self.node is None and getattr(value, "node", None) is None)) and (
            not isinstance(self.array, np.generic)):
        values = value.array if isinstance(value, Tensor) else value
        versions.wrote(self.array)
        try:
            self.array[index] = values
        except (ValueError, IndexError, TypeError) as error:
            raise ShapeError(f"assigning {describe(value)} into part of {describe(self)}: {error}.") from None
        return
    write(self, apply(OPS["setitem"], self, _like(self, value), index=index))


# ---- dtype and place
def destination(args: tuple[Any, ...], dtype: Any, device: Any) -> tuple[Any, Any]:
    """The dtype and device that the arguments of `to` ask for: each by itself, or those of another tensor."""
    for arg in args:
        if isinstance(arg, Tensor):
            dtype, device = arg.dtype, arg.device
        elif isinstance(arg, str) and not hasattr(np, arg):         # "gpu" is a place that there is not, and no dtype
            device = arg
        elif arg is not None:
            dtype = arg
    return dtype, device


def to(self: Tensor, *args: Any, dtype: Any = None, device: Any = None, non_blocking: bool = False,
       copy: bool = False) -> Tensor:
    """This tensor in another dtype or on another device; itself where nothing changes, unless a `copy` is asked for.

    Takes a dtype, a device, both, or another tensor to follow. `non_blocking` is taken for PyTorch's sake.
    """
    dtype, device = destination(args, dtype, device)
    result = self
    if device is not None and Device(device) != self.device:
        result = apply(OPS["move"], result, device=Device(device), source=self.device)
    if dtype is not None and dtypes.as_dtype(dtype) != self.dtype:
        result = apply(OPS["cast"], result, dtype=dtypes.as_dtype(dtype))
    return functions.clone(result) if copy and result is self else result


def where(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    """This tensor's elements where the condition holds, those of `other` elsewhere."""
    return functions.where(condition, self, other)


def dlpack(self: Tensor, **options: Any) -> Any:
    """The memory in the form in which array libraries hand it to each other; see `from_dlpack`."""
    if self.node is not None:
        raise GradError("a tensor that requires gradients is handed on without its history: write t.detach().")
    array = np.asarray(self.array) if isinstance(self.array, np.generic) else self.array
    return array.__dlpack__(**options)  # type: ignore[misc]


def dlpack_device(self: Tensor) -> tuple[int, int]:
    """The kind and number of the device that the memory lies on, as DLPack counts them."""
    return self.array.__dlpack_device__() if not isinstance(self.array, np.generic) else (1, 0)


def cpu(self: Tensor) -> Tensor:
    """This tensor on the CPU."""
    return to(self, device="cpu")


def cuda(self: Tensor, device: Any = "cuda") -> Tensor:
    """This tensor on a GPU."""
    return to(self, device=device if isinstance(device, str) else f"cuda:{device}")


def _caster(dtype: np.dtype[Any]) -> Callable[[Tensor], Tensor]:
    def method(self: Tensor) -> Tensor:
        return to(self, dtype)
    method.__doc__ = f"This tensor as {dtype}."
    return method


# ---- writing in place
def fill_(self: Tensor, value: Any) -> Tensor:
    """Every element set to `value`; gradients to the old values are zero."""
    return write(self, apply(OPS["setitem"], self, _like(self, value), index=...))


def zero_(self: Tensor) -> Tensor:
    """Every element set to zero."""
    return fill_(self, 0)


def copy_(self: Tensor, source: Any) -> Tensor:
    """The values of `source`, stretched to this shape, written here; gradients flow back to the source."""
    return fill_(self, source)


def _drawn_in_place(name: str, draw: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def method(self: Tensor, *args: Any, generator: Any = None, **kwargs: Any) -> Tensor:
        return write(self, to(draw(self, *args, generator=generator, **kwargs), self.dtype))

    method.__name__, method.__doc__ = name, f"{draw.__doc__} Written into this tensor's own memory."
    return method


def _normal(self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> Tensor:
    """Numbers drawn from the normal distribution with this mean and standard deviation."""
    return functions.randn(self.shape, generator=generator, device=self.device) * std + mean


def _uniform(self: Tensor, low: float = 0.0, high: float = 1.0, *, generator: Any = None) -> Tensor:
    """Numbers drawn evenly from `low` to `high`."""
    return functions.rand(self.shape, generator=generator, device=self.device) * (high - low) + low


def _coins(self: Tensor, p: Any = 0.5, *, generator: Any = None) -> Tensor:
    """1 with probability `p`, a number or a tensor of probabilities, otherwise 0."""
    chances = p if isinstance(p, Tensor) else functions.full(self.shape, float(p), device=self.device)
    return functions.bernoulli(functions.broadcast_to(chances, self.shape), generator=generator)


def _reshaped_in_place(name: str) -> Callable[..., Tensor]:
    """`squeeze_` and its like, which change a tensor's shape and not its numbers."""
    function = getattr(functions, name)

    def method(self: Tensor, *args: Any) -> Tensor:
        if mode.grad and self.is_leaf and self.node is not None:
            raise GradError(f"{name}_ would change a leaf that requires gradients: use {name} for a new tensor, or "
                            "no_grad().")
        old = wrap(self.array)                  # what it is a view of is what it was, and not itself
        old.node, old._view = self.node, self._view
        view = function(old, *args)
        self.array, self.node, self._view = view.array, view.node if view.node is not None else self.node, view._view
        remember_view(old, self)
        return self

    method.__name__, method.__doc__ = name + "_", f"`{name}`, of this tensor itself: its shape changes, its memory stays."
    return method


def detach_(self: Tensor) -> Tensor:
    """Forget this tensor's history."""
    self.node = None
    return self


def retain_grad(self: Tensor) -> None:
    """Keep this tensor's gradient in `.grad` although it is not a leaf."""
    if self.node is None:
        raise GradError("retain_grad: this tensor does not require gradients, so there will be none to keep.")
    if not isinstance(self.node, Leaf):
        hooks.hooks_of(self.node).retain = True


def retains_grad(self: Tensor) -> bool:
    """Whether `retain_grad` was asked for here."""
    return self.node is not None and self.node.hooks is not None and self.node.hooks.retain


def type_as(self: Tensor, other: Tensor) -> Tensor:
    """This tensor in another one's dtype and place."""
    return to(self, other)


def contiguous(self: Tensor) -> Tensor:
    """This tensor with its elements in order in memory: itself where they are."""
    flags = getattr(self.array, "flags", None)
    return self if flags is None or flags.c_contiguous else functions.clone(self.reshape(self.shape))


def is_contiguous(self: Tensor) -> bool:
    """Whether the elements lie in order in memory."""
    flags = getattr(self.array, "flags", None)
    return flags is None or bool(flags.c_contiguous)


def _bitwise(self: Tensor, name: str, signs: str, *others: Any) -> Tensor:
    """An operator of booleans, which works bit by bit on integers."""
    if self.dtype.kind not in "biu":
        raise DTypeError(f"{signs} for booleans and integers, this tensor is {self.dtype}.")
    booleans = all([isinstance(x, Tensor) and x.dtype.kind == "b" for x in (self, *others)])
    return apply(OPS[f"{'logical' if booleans else 'bitwise'}_{name}"], self, *others)


def _logical(name: str) -> Callable[[Tensor, Any], Tensor]:
    return lambda self, other: _bitwise(self, name, "&, | and ^ are", other)


def _invert(self: Tensor) -> Tensor:
    return _bitwise(self, "not", "~ is")


# Operators, and the functions that they are; those that models are full of record themselves.
_ARITHMETIC = {"add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "pow": "pow", "mod": "remainder",
               "floordiv": "floor_divide"}


def _bind() -> None:
    """Give the class its operators and methods."""
    for name in _SAME_NAME:
        setattr(Tensor, name, getattr(functions, name))
    for name in _IN_PLACE:
        setattr(Tensor, name + "_", _in_place(name))
    for name in ("squeeze", "unsqueeze", "t", "transpose", "swapaxes", "swapdims"):
        setattr(Tensor, name + "_", _reshaped_in_place(name))
    for name, draw in (("normal_", _normal), ("uniform_", _uniform), ("bernoulli_", _coins)):
        setattr(Tensor, name, _drawn_in_place(name, draw))
    for operator, name in _ARITHMETIC.items():
        setattr(Tensor, f"__{operator}__", getattr(hot, name, None) or _operator(getattr(functions, name)))
        setattr(Tensor, f"__i{operator}__", getattr(Tensor, name + "_"))
    for operator in ("add", "mul", "truediv"):
        setattr(Tensor, f"__r{operator}__", _reflected(_ARITHMETIC[operator]))
    for operator in ("pow", "mod", "floordiv", "matmul"):
        setattr(Tensor, f"__r{operator}__", _swapped(getattr(functions, _ARITHMETIC.get(operator, operator))))
    for name in ("matmul", "lt", "le", "gt", "ge"):
        setattr(Tensor, f"__{name}__", _operator(getattr(functions, name)))
    for name in ("and", "or", "xor"):
        setattr(Tensor, f"__{name}__", _logical(name))
        setattr(Tensor, f"__r{name}__", _logical(name))
        setattr(Tensor, f"__i{name}__", _written(_logical(name)))
    for name in ("float_", "double", "half", "long", "int_", "short", "bool_"):
        setattr(Tensor, name.rstrip("_"), _caster(getattr(dtypes, name)))
    for name, value in (
            ("where", where), ("__pos__", lambda self: self), ("__reversed__", lambda self: functions.flip(self, 0)),
            ("__dlpack__", dlpack), ("__dlpack_device__", dlpack_device), ("nelement", Tensor.numel),
            ("element_size", lambda self: self.itemsize), ("view_as", lambda self, other: functions.view(self, other.shape)),
            ("__eq__", _operator(functions.eq, False)), ("__ne__", _operator(functions.ne, True)),
            ("__neg__", functions.neg), ("__abs__", functions.abs), ("__rsub__", hot.rsub),
            ("__invert__", _invert), ("__getitem__", _getitem), ("__setitem__", _setitem),
            ("T", property(lambda self: functions.permute(self, tuple(range(self.ndim))[::-1]))),
            ("mT", property(lambda self: functions.transpose(self, -2, -1))),
            ("is_cuda", property(lambda self: self.device.type == "cuda")), ("retains_grad", property(retains_grad))):
        setattr(Tensor, name, value)
    for method in (to, cpu, cuda, type_as, contiguous, is_contiguous, fill_, zero_, copy_, detach_, retain_grad,
                   hooks.register_hook):
        setattr(Tensor, method.__name__, method)


_bind()
__all__ = ["Tensor", "array_module", "unboxed", "wrap"]
