"""Writing in place: the same memory with new values, a new history for it, and for every view that looks into it."""
from __future__ import annotations

from typing import Any

import numpy as np

from . import versions
from .device import array_module, is_array
from .dispatch import record
from .errors import DTypeError, GradError, ShapeError
from .node import Leaf
from .ops import OPS
from .symbol import Symbol
from .tensor import Tensor, describe, mode, ndarray, root_of, view_chain


def write(t: Tensor, result: Tensor) -> Tensor:
    """Give `t` the values of `result`, in place: same memory, new history. What `t.add_(1)` ends with."""
    graph, watch, records = mode.graph, mode.watch, mode.grad
    if graph is not None or type(t.array) is Symbol:
        return (graph if graph is not None else t.array.operation.graph).write(t, result)
    if result.shape != t.shape:
        raise ShapeError(f"an in-place operation cannot change a tensor's shape: it has {t.shape}, the result has "
                         f"{result.shape}.")
    if result.dtype != t.dtype and not np.can_cast(result.dtype, t.dtype, "same_kind"):
        raise DTypeError(f"the result is {result.dtype} and cannot be written into a {t.dtype} tensor.")
    if isinstance(t.array, ndarray) and not t.array.flags.writeable:
        raise unwritable(t)
    root = root_of(t)
    if not _looks_into(t, root):
        t._view, root = None, t
    if records and isinstance(root.node, Leaf):
        raise unlinked("a view of a leaf" if root is not t else "a leaf")
    if result.node is not None and type(result.node.saved) is tuple:
        result.node.saved = _apart(result.node.saved, t.array)
    memory = None if watch is None else watch.memory_of(t.array)
    versions.wrote(t.array)
    store(t, result.array)
    if records and (result.node is not None or t.node is not None):
        if root is t:
            t.node = result.node
        else:
            _rebase(t, root, result)
        _refresh_views(root)
    if watch is not None:
        watch.wrote(t, result, memory)
    return t


def unwritable(t: Tensor) -> ShapeError:
    """The error of writing into memory where nobody may."""
    return ShapeError(f"{describe(t)} cannot be written into: several of its elements are one place in memory, as after "
                      "expand, or the memory is somebody's who forbids it. Write into a clone().")


def unlinked(what: str) -> GradError:
    """The error of writing into a leaf that requires gradients while they are recorded."""
    return GradError(f"this tensor is {what} that requires gradients, and writing into it would break the link "
                     "between its value and its gradient. Update it under `with no_grad():`, or compute a new "
                     "tensor (`w = w * 2`).")


def _apart(saved: tuple[Any, ...], array: Any) -> tuple[Any, ...]:
    """What a node saved, with copies of what lies in memory that is about to be written: `y.mul_(w)` needs old y."""
    memory = versions.owner(array)
    return tuple([np.array(v)[()] if v is array and isinstance(v, np.generic)
                  else v.copy() if is_array(v) and versions.owner(v) is memory else v for v in saved])


def store(t: Tensor, values: Any) -> None:
    """Put `values` into the tensor's memory; one without dims holds a scalar, and writes through to its base."""
    if isinstance(t.array, np.generic):
        t.array = t.array.dtype.type(values)
        t._rewritten = t._version + 1
        source = t._view
        if source is None:
            return
        base, op, attrs = source
        if isinstance(base.array, np.generic):
            store(base, t.array)
        elif op.name == "getitem" and isinstance(base.array, ndarray):
            base.array[attrs["index"]] = t.array
            versions.wrote(base.array)
    else:
        t.array[...] = values


def fill(t: Tensor, values: Any) -> Tensor:
    """Give `t` values in its own memory that no gradient sees."""
    versions.wrote(t.array)
    store(t, values)
    return t


def _rebase(t: Tensor, root: Tensor, result: Tensor) -> None:
    """After a write into view `t`: the root's history becomes its old one outside the view, `result` inside."""
    places: Any = np.arange(root.array.size).reshape(root.shape)
    for op, attrs in view_chain(t):
        places = op.forward(np, places, **attrs)
    inside = np.zeros(root.shape, bool)
    inside.reshape(-1)[places] = True
    attrs = {"inside": array_module(root.array).asarray(inside), "chain": tuple(view_chain(t))}
    root.node = record(OPS["patch"], [root.node, result.node], 3, root.array, [root.array, t.array], (), attrs)


def _looks_into(view: Tensor, root: Tensor) -> bool:
    """Whether a view is one: a reshape may have to copy, and an array as an index does; numbers count as views."""
    return view is root or isinstance(view.array, np.generic) or versions.owner(view.array) is versions.owner(root.array)


def _refresh_views(root: Tensor) -> None:
    """After a write: every living view's history starts from its base's new one; one without dims gets its value too."""
    for weak in getattr(root, "_views", ()):
        view = weak()
        if view is not None and view.node is not None and _looks_into(view, root):
            base, op, attrs = view._view
            parent = base.node
            values = [base.array]
            if isinstance(view.array, np.generic):
                view.array = op.forward(np, base.array, **attrs)[()]
            view.node = record(op, [parent], 1, view.array, values, (), attrs) if parent is not None else None
