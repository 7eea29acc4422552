"""Defining a graph by hand: placeholders, variables, constants, assignments, order, and gradients as new nodes."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd import enable_grad, no_grad
from ..autograd import grad as differentiate
from ..errors import GradError, ShapeError
from ..node import Leaf
from ..ops import OPS
from ..symbol import StaticError, Symbol, shape_text
from ..tensor import Tensor, as_array, describe, mode, unboxed, wrap
from ..writes import write
from .graph import Graph, Operation

_default = Graph("default")


def get_default_graph() -> Graph:
    """The graph that definitions go to: the one of the open `with` block, otherwise the program's own."""
    return _default if mode.graph is None else mode.graph


def reset_default_graph() -> None:
    """Begin the program's own graph anew, empty."""
    global _default
    _default = Graph("default")


def _differentiable(symbol: Symbol, name: str | None) -> Tensor:
    t = wrap(symbol)
    if name is not None:
        t.name = name
    if symbol.dtype.kind == "f":
        t.node = Leaf()
    return t


def placeholder(shape: Sequence[int | None], dtype: Any = None, name: str = "placeholder") -> Tensor:
    """A tensor whose value every run is fed.

    Args:
        shape: the sizes; None for one that is not known before the run.
        dtype: by default float32.
        name: its name in listings, errors and `feed_dict`.
    """
    sizes = tuple(shape)
    if any([n is not None and (not isinstance(n, (int, np.integer)) or n < 0) for n in sizes]):
        raise ShapeError(f"a placeholder's sizes are whole numbers of at least 0, or None for an unknown one, got "
                         f"{shape!r}.")
    dtype = dtypes.as_dtype(dtype or dtypes.get_default_dtype())
    return _differentiable(get_default_graph().source("placeholder", sizes, dtype, name), name)


def constant(value: Any, dtype: Any = None, name: str = "constant") -> Tensor:
    """A tensor whose value is part of the graph."""
    array = unboxed(as_array(value, dtype, None))
    return wrap(get_default_graph().source("constant", array.shape, array.dtype, name, array))


def Variable(initial_value: Any, dtype: Any = None, name: str = "variable", trainable: bool = True) -> Tensor:
    """A tensor that keeps its value from run to run, until it is assigned another.

    The value is there from the beginning (no initialiser has to be run) and is shared by all sessions.

    Args:
        initial_value: numbers, or a tensor, which is then the storage itself.
        trainable: whether optimisers change it.
    """
    storage = initial_value if isinstance(initial_value, Tensor) else Tensor(initial_value, dtype=dtype, name=name)
    graph = get_default_graph()
    if trainable and storage.dtype.kind == "f" and storage.node is None:
        storage.requires_grad_()
    symbol = graph.source("variable", storage.shape, storage.dtype, name, storage)
    graph._known[id(storage.array)] = (storage.array, symbol)
    return _differentiable(symbol, name)


@contextmanager
def name_scope(name: str) -> Iterator[str]:
    """Put `name/` before the names of everything that is defined inside."""
    graph = get_default_graph()
    graph._scopes.append(graph.unique(name).rpartition("/")[2])
    try:
        yield "/".join(graph._scopes)
    finally:
        graph._scopes.pop()


def assign(variable: Tensor, value: Any) -> Tensor:
    """An operation that gives a variable a new value *when it is run*; its result is that value.

    A run reads every variable as it was when the run began; only what is defined under
    `control_dependencies([the assignment])` sees the new value. On a tensor with numbers it assigns at once.
    """
    if type(variable.array) is not Symbol:
        with no_grad():
            return write(variable, value if isinstance(value, Tensor) else Tensor(value, dtype=variable.dtype))
    symbol = variable.array
    while symbol.operation.does == "assign":
        symbol = symbol.operation.inputs[0]
    if symbol.operation.kind != "variable":
        raise StaticError(f"only a variable can be assigned to, and {symbol.name!r} is a {symbol.operation.kind} "
                          f"(defined at {symbol.line}): make it with Variable(...).")
    graph = symbol.operation.graph
    new = graph.tensor_of(value if isinstance(value, Tensor) else Tensor(value, dtype=symbol.dtype)).array
    if new.shape != symbol.shape:
        raise ShapeError(f"variable {symbol.name!r} has shape {shape_text(symbol.shape)} and cannot take a value of shape "
                         f"{shape_text(new.shape)}.")
    if new.dtype != symbol.dtype:
        new, = graph.add(OPS["cast"], (new,), {"dtype": symbol.dtype})
    return wrap(_assigned(graph, symbol, new))


def _assigned(graph: Graph, variable: Symbol, new: Symbol) -> Symbol:
    """The assignment itself, whose first input is the variable and never what was assigned to it before."""
    controls, graph._controls = graph._controls, []
    try:
        result, = graph.add(OPS["assign"], (variable, new), {}, f"{variable.name.rpartition('/')[2]}.assign")
    finally:
        graph._controls = controls
    result.operation.control = tuple([c for group in controls for c in group])
    return result


def assign_add(variable: Tensor, value: Any) -> Tensor:
    """`assign(variable, variable + value)`."""
    return assign(variable, variable + value)


def assign_sub(variable: Tensor, value: Any) -> Tensor:
    """`assign(variable, variable - value)`."""
    return assign(variable, variable - value)


class Group:
    """Several operations to be run for what they do, not for their values; running it gives None."""

    def __init__(self, members: Sequence[Tensor], name: str = "group"):
        self.members, self.name = tuple(members), name

    def __repr__(self) -> str:
        return f"<group {self.name!r} of {len(self.members)} operations>"


def group(*members: Tensor | Group, name: str = "group") -> Group:
    """One thing to fetch that runs all of these."""
    return Group([t for m in members for t in (m.members if isinstance(m, Group) else (m,))], name)


@contextmanager
def control_dependencies(control_inputs: Sequence[Any]) -> Iterator[None]:
    """Let everything that is defined inside run only after these operations."""
    graph = get_default_graph()
    operations: list[Operation] = []
    for item in control_inputs:
        operations += [t.array.operation for t in (item.members if isinstance(item, Group) else (item,))]
    graph._controls.append(tuple(operations))
    try:
        yield
    finally:
        graph._controls.pop()


def gradients(ys: Any, xs: Any, grad_ys: Any = None) -> list[Tensor | None]:
    """Add to the graph the nodes that compute the gradients of `ys` (summed) with respect to each of `xs`.

    Nothing is computed: the gradients are symbolic tensors, and can be differentiated again. None for an x that no
    y depends on.
    """
    tensors = [xs] if isinstance(xs, Tensor) else list(xs)
    for t in tensors:
        if t.node is None:
            raise GradError(f"there is no gradient with respect to {describe(t)}: it is not computed from, and is not, a "
                            f"floating-point placeholder or variable.")
    roots = [ys] if isinstance(ys, Tensor) else list(ys)
    if grad_ys is None:
        grad_ys = [wrap(np.ones((), t.dtype)[()]) if not t.ndim else _ones_like(t) for t in roots]
    with enable_grad():
        return list(differentiate(roots, tensors, grad_ys, retain_graph=True, create_graph=True, allow_unused=True))


def _ones_like(t: Tensor) -> Tensor:
    graph = t.array.operation.graph
    one = wrap(graph.source("constant", (), t.dtype, "one", t.dtype.type(1)))
    return wrap(graph.add(OPS["stretch"], (one.array,), {"shape": t.array.shape})[0])


__all__ = ["Group", "Variable", "assign", "assign_add", "assign_sub", "constant", "control_dependencies", "get_default_graph",
           "gradients", "group", "name_scope", "placeholder", "reset_default_graph"]
