"""The tensors in what a traced function is called with and returns: collected, told apart, and replaced."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..device import is_array
from ..symbol import StaticError, mapped
from ..tensor import Tensor, mode, wrap
from ..versions import owner, wrote
from ..writes import store
from .guards import PLAIN, exactly

if TYPE_CHECKING:
    from .trace import Traced


class _Same:
    """An object that is told apart by what it is; held, so that no other one can take its place in memory."""

    def __init__(self, value: Any):
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return type(other) is _Same and other.value is self.value


class Call:
    """What a function is called with: its tensors, their shapes, and a key of what else the call is told apart by."""

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]):
        self.args, self.kwargs = args, kwargs
        self.tensors: list[Tensor] = []
        self.grad = mode.grad
        key: list[Any] = [self.grad]
        leaves_of(args, self.tensors, key)
        if kwargs:
            leaves_of(kwargs, self.tensors, key)
        number = {id(t): k for k, t in enumerate(self.tensors)}
        if len(number) < len(self.tensors):         # which of the arguments are one tensor
            key.append(tuple([number[id(t)] for t in self.tensors]))
        self.key = tuple(key)
        self.shapes = tuple([t.array.shape for t in self.tensors])


def leaves_of(value: Any, tensors: list[Tensor], key: list[Any]) -> None:
    """Collect the tensors of nested arguments, and what else a call is told apart by."""
    if isinstance(value, Tensor):
        key.append((value.array.dtype, value.array.ndim, value.node is not None))
        tensors.append(value)
    elif isinstance(value, PLAIN):
        key.append((type(value), exactly(value)))
    elif isinstance(value, (tuple, list)):
        key.append((type(value), len(value)))
        for v in value:
            leaves_of(v, tensors, key)
    elif isinstance(value, dict):
        key.append((dict, tuple(value)))
        for v in value.values():
            leaves_of(v, tensors, key)
    elif is_array(value):
        raise StaticError(f"a compiled function takes tensors, and got a NumPy {type(value).__name__}: its numbers would "
                          "become part of the trace. Write from_numpy(x).")
    else:
        key.append(_Same(value))


def replaced(value: Any, twins: dict[int, Any]) -> Any:
    """The same nested structure with other things in the place of its tensors, by id."""
    return mapped(value, lambda v: twins.get(id(v), v) if isinstance(v, Tensor) else v)


def finished(traced: Traced, values: list[Any], tensors: list[Tensor]) -> Any:
    """The function's result, with the values where the function would have put them."""
    values = unwritten(traced, values, tensors)
    made = {id(t): wrap(v) for t, v in zip(traced.result_tensors, values)}
    at = len(traced.result_tensors)
    for leaf, symbol in traced.grads:
        leaf.grad = None if symbol is None else wrap(values[at])
        at += symbol is not None
    for (k, _), value in zip(traced.argument_writes, values[at:]):
        wrote(tensors[k].array)
        store(tensors[k], value)
    for act in traced.graph.after:
        act()
    return replaced(traced.result, made)


def unwritten(traced: Traced, values: list[Any], tensors: list[Tensor]) -> list[Any]:
    """Values, with copies of what is or looks into an argument that is about to be written."""
    if not traced.argument_writes:
        return values
    memory = {id(owner(tensors[k].array)) for k, _ in traced.argument_writes}
    return [v.copy() if v.ndim and id(owner(v)) in memory else v for v in values]
