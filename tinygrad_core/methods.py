"""What a Tensor can do: its operators and methods, each one of the functions, bound here to the class."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import dtypes, functions, hooks, hot, versions
from .device import Device
from .errors import DTypeError, ShapeError, at_line, learner_line
from .node import Leaf
from .ops import OPS
from .tensor import Tensor, apply, array_module, describe, mode, ndarray, unboxed, wrap, write

_SAME_NAME = """abs absolute add amax amin argmax argmin clone cos div eq exp expand flatten ge gt le log lt matmul
maximum mean minimum mul ne neg permute pow relu reshape sign sin sqrt squeeze sub sum tanh transpose unsqueeze
""".split()
_IN_PLACE = "abs add clone cos div exp log mul neg pow relu sign sin sqrt sub tanh".split()


def _in_place(name: str) -> Callable[..., Tensor]:
    function = getattr(functions, name)

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return write(self, function(self, *args, **kwargs))

    method.__name__ = name + "_"
    method.__doc__ = f"`{name}`, written into this tensor's own memory."
    return method


def _reflected(name: str) -> Callable[[Tensor, Any], Tensor]:
    op = OPS[name]

    def method(self: Tensor, other: Any) -> Tensor:
        if isinstance(other, (int, float)) and not isinstance(other, bool):
            return apply(op, other, self)
        if isinstance(other, (ndarray, np.generic, bool)):
            return apply(op, Tensor(other), self)
        return NotImplemented

    method.__name__ = f"__r{name}__"
    return method


def _operator(function: Callable[[Any, Any], Tensor]) -> Callable[[Tensor, Any], Tensor]:
    def method(self: Tensor, other: Any) -> Tensor:
        if not isinstance(other, (Tensor, int, float, ndarray, np.generic)):
            return NotImplemented
        return function(self, other)
    return method


def _equal(self: Tensor, other: Any) -> Any:
    return functions.eq(self, other) if isinstance(other, (Tensor, int, float, ndarray, np.generic)) else False


def _unequal(self: Tensor, other: Any) -> Any:
    return functions.ne(self, other) if isinstance(other, (Tensor, int, float, ndarray, np.generic)) else True


# ---- indexing
def _index(index: Any) -> Any:
    """An index as NumPy takes it: tensors and lists in it become arrays."""
    if isinstance(index, tuple):
        return tuple(_index(i) for i in index)
    if isinstance(index, Tensor):
        index = index.array
    elif isinstance(index, list):
        index = np.asarray(index)
    if hasattr(index, "dtype") and index.dtype.kind not in "iub":
        raise DTypeError(f"an index must be integers or booleans, got {index.dtype}: write i.long()."
                         f"{at_line(learner_line())}")
    return index


def _getitem(self: Tensor, index: Any) -> Tensor:
    return apply(OPS["getitem"], self, index=index if type(index) is int else _index(index))


def _setitem(self: Tensor, index: Any, value: Any) -> None:
    index = _index(index)
    if mode.watch is None and (not mode.grad or (self.node is None and getattr(value, "node", None) is None)):
        values = value.array if isinstance(value, Tensor) else value
        versions.wrote(self.array)
        try:
            self.array[index] = values
        except (ValueError, IndexError, TypeError) as error:
            raise ShapeError(f"assigning {describe(value)} into part of {describe(self)}: {error}."
                             f"{at_line(learner_line())}") from None
        return
    write(self, apply(OPS["setitem"], self, value if isinstance(value, Tensor) else Tensor(value, dtype=self.dtype),
                      index=index))


# ---- dtype and place
def to(self: Tensor, *args: Any, dtype: Any = None, device: Any = None, copy: bool = False) -> Tensor:
    """This tensor in another dtype or on another device; itself where nothing changes.

    Takes a dtype, a device, both, or another tensor to follow.
    """
    for arg in args:
        if isinstance(arg, Tensor):
            dtype, device = arg.dtype, arg.device
        elif isinstance(arg, str) and arg.split(":")[0] in ("cpu", "cuda"):
            device = arg
        elif arg is not None:
            dtype = arg
    result = self
    if device is not None and Device(device) != self.device:
        result = apply(OPS["move"], result, device=Device(device), source=self.device)
    if dtype is not None and dtypes.as_dtype(dtype) != self.dtype:
        result = apply(OPS["cast"], result, dtype=dtypes.as_dtype(dtype))
    return functions.clone(result) if copy and result is self else result


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
    return write(self, apply(OPS["setitem"], self, value if isinstance(value, Tensor) else
                             Tensor(value, dtype=self.dtype), index=...))


def zero_(self: Tensor) -> Tensor:
    """Every element set to zero."""
    return fill_(self, 0)


def copy_(self: Tensor, source: Any) -> Tensor:
    """The values of `source`, stretched to this shape, written here; gradients flow back to the source."""
    return fill_(self, source if isinstance(source, Tensor) else Tensor(source, dtype=self.dtype))


def detach_(self: Tensor) -> Tensor:
    """Forget this tensor's history."""
    self.node = None
    return self


def _t(self: Tensor) -> Tensor:
    return functions.permute(self, tuple(range(self.ndim))[::-1])


def _mt(self: Tensor) -> Tensor:
    return functions.transpose(self, -2, -1)


def retain_grad(self: Tensor) -> None:
    """Keep this tensor's gradient in `.grad` although it is not a leaf."""
    if self.node is not None and not isinstance(self.node, Leaf):
        hooks.hooks_of(self.node).retain = True


def _bind() -> None:
    """Give the class its operators and methods."""
    for name in _SAME_NAME:
        setattr(Tensor, name, getattr(functions, name))
    for name in _IN_PLACE:
        setattr(Tensor, name + "_", _in_place(name))
    for name, function in (("add", hot.add), ("sub", hot.sub), ("mul", hot.mul), ("truediv", functions.div),
                           ("pow", functions.pow)):
        setattr(Tensor, f"__{name}__", function if name in ("add", "sub", "mul") else _operator(function))
        setattr(Tensor, f"__r{name}__", _reflected("div" if name == "truediv" else name))
    for name in ("add", "sub", "mul", "div", "pow"):
        setattr(Tensor, f"__i{'truediv' if name == 'div' else name}__", getattr(Tensor, name + "_"))
    for name in ("lt", "le", "gt", "ge"):
        setattr(Tensor, f"__{name}__", _operator(getattr(functions, name)))
    for name, dtype in (("float", dtypes.float32), ("double", dtypes.float64), ("half", dtypes.float16),
                        ("long", dtypes.int64), ("int", dtypes.int32), ("bool", dtypes.bool_)):
        setattr(Tensor, name, _caster(dtype))
    plain: dict[str, Any] = {
        "__eq__": _equal, "__ne__": _unequal, "__neg__": functions.neg, "__abs__": functions.abs,
        "__matmul__": _operator(functions.matmul), "__getitem__": _getitem, "__setitem__": _setitem,
        "__rsub__": hot.rsub, "view": functions.reshape, "T": property(_t), "mT": property(_mt), "to": to, "cpu": cpu, "cuda": cuda, "fill_": fill_, "zero_": zero_,
        "copy_": copy_, "detach_": detach_, "retain_grad": retain_grad,
        "register_hook": hooks.register_hook,
    }
    for name, value in plain.items():
        setattr(Tensor, name, value)


_bind()
__all__ = ["Tensor", "array_module", "unboxed", "wrap"]
