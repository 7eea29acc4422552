"""Running operations on tensors: `apply` is the one door, and where a gradient is wanted it leaves a node behind."""
from __future__ import annotations

import reprlib
from functools import partial
from itertools import repeat
from typing import Any

import numpy as np

from . import device as devices
from . import dtypes
from .device import array_module
from .errors import DeviceError, DTypeError, EngineError, ShapeError, here
from .node import Leaf, Node, Output
from .ops import OPS, Op
from .ops.core import Namespace
from .symbol import Symbol, first_symbol
from .tensor import Tensor, describe, mode, ndarray, remember_view, unboxed, wrap
from .versions import tick

_NUMBERS = (float, int)
_endless = repeat(True)
_new, _new_node = Tensor.__new__, Node.__new__


def apply(op: Op, *inputs: Any, **attrs: Any) -> Any:
    """Run one operation: compute on the arrays and, where a gradient is wanted, leave a node behind.

    Args:
        op: an entry of the table.
        *inputs: tensors, or Python numbers, which get no gradient.
        **attrs: the operation's attributes.
    """
    watched = not mode.plain and mode.watched
    if watched and mode.graph is not None:      # written down, to run later
        return mode.graph.define(op, inputs, attrs)
    mask = 0
    if len(inputs) == 1 and isinstance(inputs[0], Tensor):
        x = inputs[0]
        values: Any = (x.array,)
        node = x.node
        if node is not None and (op.reach is None or op.reach[0]):
            mask = 1
            parents: Any = (node,)
        else:
            parents = (None,)
    else:
        values, parents, mask = _unpack(op, inputs)
    if op.mixes and _casts_needed(op, values):
        cast = _casts(op, inputs, values)
        if cast is not None:
            return apply(op, *cast, **attrs)
    try:
        out = op.forward(np if devices.cupy is None else array_module(*values), *values, **attrs)
    except Exception as error:
        symbol = first_symbol((values, tuple(attrs.values())))
        if symbol is not None:
            return symbol.operation.graph.define(op, inputs, attrs)
        if isinstance(error, EngineError):
            raise
        if isinstance(error, OverflowError) and op.mixes:       # a number that the integers' dtype does not have
            return apply(op, *_wrapped_around(values, inputs), **attrs)
        told = explain(op, inputs, attrs, error)
        if watched:
            mode.watch.failed(told)
        raise told from None
    aux: Any = ()
    if op.aux:
        out, *aux = out
    if op.several:
        if type(out[0]) is Symbol:
            return out[0].operation.graph.define(op, inputs, attrs)
        return _several(op, inputs, parents, mask, out, values, aux, attrs)
    if type(out) is ndarray:
        if not out.ndim:
            out = out[()]
    elif type(out) is Symbol:                   # what does nothing to arrays, such as an alias, is written down too
        return out.operation.graph.define(op, inputs, attrs)
    result = _new(Tensor)
    result.array = out
    result._view = None
    if mask and (mode.plain or mode.grad) and out.dtype.kind == "f":
        result.node = record(op, parents, mask, out, values, aux, attrs)
    else:
        result.node = None
    if op.view:
        result._view = (inputs[0], op, attrs)
        if result.node is not None and type(inputs[0].node) is not Leaf:
            remember_view(inputs[0], result)
    if watched:
        mode.watch.ran(op, inputs, attrs, result)
    return result


def _unpack(op: Op, inputs: tuple[Any, ...]) -> tuple[list[Any], list[Any], int]:
    """The operands' arrays, their nodes where a gradient can reach, and a mask of which those are."""
    values: list[Any] = []
    parents: list[Any] = []
    mask = 0
    bit = 1
    for x, reached in zip(inputs, op.reach or _endless):
        node = None
        if isinstance(x, Tensor):
            values.append(x.array)
            if reached:
                node = x.node
                if node is not None:
                    mask |= bit
        else:
            values.append(x)
        parents.append(node)
        bit += bit
    return values, parents, mask


def record(op: Op, parents: Any, mask: int, out: Any, values: Any, aux: Any, attrs: dict[str, Any]) -> Node:
    """The node of an operation that has just run, holding what the wanted rules will read."""
    node = _new_node(Node)
    node.op, node.parents, node.shapes = op, tuple(parents), None
    node.saved = op.save(out, values, aux, attrs, mask)
    node.seq = tick()
    node.hooks = node.g = None
    node.where = here(2)
    if op.broadcasts:
        shape = out.shape
        for v, p in zip(values, parents):
            if p is not None and v.shape != shape:
                node.shapes = tuple([np.shape(v) for v in values])
                break
    return node


def _several(op: Op, inputs: Any, parents: list[Node | None], mask: int, outs: Any, values: list[Any], aux: Any,
             attrs: dict[str, Any]) -> tuple[Any, ...]:
    """The results of an operation with several outputs, each with its own link to the one node."""
    results = tuple([None if out is None else wrap(unboxed(out)) for out in outs])
    if mask and mode.grad:
        node = record(op, parents, mask, outs, values, aux, attrs)
        for k, t in enumerate(results):
            if t is not None and t.array.dtype.kind == "f":
                t.node = Output(node, k, len(results))
    if mode.watch is not None:
        mode.watch.ran(op, inputs, attrs, results)
    return results


def _casts_needed(op: Op, values: list[Any]) -> bool:
    """Whether the operands may differ in dtype; quick, because every arithmetic operation asks."""
    if not hasattr(values[0], "dtype"):
        values = values[::-1]
    first = values[0]
    if not hasattr(first, "dtype"):
        return True
    dtype = first.dtype
    if op.floating and dtype.kind != "f":
        return True
    for v in values[1:]:
        if type(v) in _NUMBERS:
            if dtype.kind != "f":
                return True
        elif getattr(v, "dtype", None) is not dtype:
            return True
    return False


def _casts(op: Op, inputs: tuple[Any, ...], values: list[Any]) -> list[Any] | None:
    """The inputs in their common dtype, or None where they have it already."""
    operands = range(1 if op.name == "where" else 0, len(inputs))
    dtype = dtypes.result_type(tuple(values[k] for k in operands))
    if op.floating and dtype.kind != "f":
        dtype = dtypes.get_default_dtype()
    arrays = any(hasattr(values[k], "dtype") for k in operands)
    cast: list[Any] | None = None
    for k in operands:
        v = values[k]
        if hasattr(v, "dtype"):
            if v.dtype != dtype:
                cast = cast or list(inputs)
                x = inputs[k] if isinstance(inputs[k], Tensor) else wrap(v)
                cast[k] = apply(OPS["cast"], x, dtype=dtype)
        elif not arrays:
            cast = cast or list(inputs)
            cast[k] = wrap(dtype.type(v))
    return cast


def _wrapped_around(values: Any, inputs: Any) -> list[Any]:
    """The inputs with Python's integers cut to the bits of the arrays' dtype, as PyTorch cuts them."""
    dtype = next(v.dtype for v in values if hasattr(v, "dtype"))
    return [np.asarray(x).astype(dtype)[()] if isinstance(x, int) else x for x in inputs]


def explain(op: Op, inputs: tuple[Any, ...], attrs: dict[str, Any], error: Exception) -> EngineError:
    """The error to raise when an operation's forward computation failed: what it got, what it needed, where."""
    got = " and ".join(describe(x) for x in inputs)
    devices = {x.device for x in inputs if isinstance(x, Tensor)}
    if len(devices) > 1:
        return DeviceError(f"{op.name} got {got}: all its tensors must be on one device. Move one with "
                           f"t.to({sorted(devices)[0]!r}).")
    strangers = [x for x in inputs if not isinstance(x, (Tensor, int, float, np.ndarray, np.generic))]
    if strangers:
        return DTypeError(f"{op.name} works on tensors and numbers, got {type(strangers[0]).__name__} "
                          f"{strangers[0]!r}.")
    shapes = [x.shape for x in inputs if isinstance(x, Tensor)]
    if op.name == "matmul":
        return ShapeError(f"matmul got {got}: {_matmul_need(*shapes[:2])}.")
    if op.broadcasts and len(shapes) > 1:
        return ShapeError(f"{op.name} got {got}: {_broadcast_need(*shapes[:2])}.")
    extra = ", ".join(f"{k}={reprlib.repr(v)}" for k, v in attrs.items())
    kind = ShapeError if isinstance(error, (ValueError, IndexError)) else DTypeError
    return kind(f"{op.name} got {got}{', with ' + extra if extra else ''}: {error}.")


def _matmul_need(x: tuple[int, ...], y: tuple[int, ...]) -> str:
    if not x or not y:
        return "both must have at least one dim; use * for numbers"
    inner_y = y[-2] if len(y) > 1 else y[0]
    if x[-1] != inner_y:
        return (f"the last dim of the left ({x[-1]}) must equal the "
                f"{'second to last' if len(y) > 1 else 'only'} dim of the right ({inner_y})")
    return "their leading dims must be equal, or 1, or missing"


def _broadcast_need(x: tuple[int, ...], y: tuple[int, ...]) -> str:
    pairs = list(zip(reversed(x), reversed(y), strict=False))
    for k, (a, b) in enumerate(pairs):
        if a != b and 1 not in (a, b):
            return (f"aligned at the right, dim -{k + 1} is {a} in one and {b} in the other; "
                    "they must be equal, or one 1")
    return "their dtypes or values do not fit it"


# The namespace in which rules build graph: every operation, on tensors.
recorded = Namespace(lambda op: partial(apply, op))
