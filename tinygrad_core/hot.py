"""The few operations that record themselves inline, because a call of `apply` costs more than they do.

They compute and save exactly what `apply` would; the tests hold the two against each other. Anything out of
the ordinary (another dtype than float32, recording, no_grad, an operand that is no tensor or number) goes
through `apply`.
"""
from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from sys import _getframe
from typing import Any

import numpy as np

from .dispatch import apply, recorded
from .dtypes import float32, int64
from .errors import DTypeError, ShapeError, here, outside
from .node import Node
from .ops import OPS, Op
from .ops.fused import highest
from .products import matmul as product
from .products import total
from .symbol import Dim
from .tensor import Tensor, describe, mode, ndarray, wrap
from .versions import tick

_NUMBERS = (float, int)
_scalar = np.float32
_HOST = (_scalar, ndarray)
_new, _node = Tensor.__new__, Node.__new__
_SUB = OPS["sub"]


def _result(array: Any, op: Op, parents: tuple[Any, ...], saved: tuple[Any, ...], depth: int = 2) -> Tensor:
    """A tensor around `array` with a node, without the cost of two constructors; the learner may be `depth` calls away."""
    n = _node(Node)
    n.op, n.parents, n.saved, n.shapes = op, parents, saved, None
    n.seq = tick()
    n.hooks = n.g = None
    frame = _getframe(depth)
    code = frame.f_code
    n.where = (code, frame.f_lasti) if code.co_filename in outside else here(depth)
    t = _new(Tensor)
    t.array, t.node, t._view = array, n, None
    return t


def _two(name: str, compute: Callable[[Any, Any], Any], saves: bool) -> Callable[[Tensor, Any], Tensor]:
    """An elementwise operation of two operands; `saves`: its rules read each other's operand."""
    op = OPS[name]

    def hot(a: Tensor, b: Any) -> Tensor:
        x, p = a.array, a.node
        if isinstance(b, Tensor):
            y, q = b.array, b.node
        elif type(b) in _NUMBERS:
            y, q = b, None
        else:
            return _strange(op, a, b)
        if not mode.plain or type(x) not in _HOST:
            return apply(op, a, b)
        try:
            out = compute(x, y)
        except Exception:
            return apply(op, a, b)
        shapes = None
        if type(out) is not _scalar:
            if out.dtype is not float32 or x.dtype is not float32 or (q is not None and y.dtype is not float32):
                return apply(op, a, b)
            shape = out.shape
            if (p is not None and x.shape != shape) or (q is not None and y.shape != shape):
                shapes = (x.shape, np.shape(y))
        t = _new(Tensor)
        t.array, t._view = out, None
        if p is None and q is None:
            t.node = None
            return t
        t.node = n = _node(Node)
        n.op, n.parents, n.shapes = op, (p, q), shapes
        n.saved = (x if q is not None else None, y if p is not None else None) if saves else ()
        n.seq = tick()
        n.hooks = n.g = None
        frame = _getframe(1)
        code = frame.f_code
        n.where = (code, frame.f_lasti) if code.co_filename in outside else here(1)
        return t

    hot.__name__, hot.__doc__ = name, f"The operation `{name}` of a tensor and a tensor or number."
    return hot


def rsub(a: Tensor, b: Any) -> Tensor:
    """A number minus a tensor."""
    x, p = a.array, a.node
    if type(b) not in _NUMBERS or not mode.plain or type(x) not in _HOST or x.dtype is not float32:
        return apply(_SUB, b, a) if type(b) in _NUMBERS else _strange(_SUB, b, a)
    out = b - x
    if p is not None:
        return _result(out, _SUB, (None, p), ())
    return wrap(out)


def _strange(op: Op, a: Any, b: Any) -> Any:
    """The operation with an operand that is no tensor and no plain number: an array, a NumPy number, or a stranger."""
    if isinstance(a, Dim) or isinstance(b, Dim):
        return apply(op, a, b)
    if all(isinstance(x, (Tensor, ndarray, np.generic, bool)) for x in (a, b)):
        return apply(op, *[x if isinstance(x, Tensor) else Tensor(x) for x in (a, b)])
    return NotImplemented


def _one(name: str, compute: Callable[[Any], Any]) -> Callable[[Tensor], Tensor]:
    """An elementwise operation of one operand whose rule reads its result."""
    op = OPS[name]

    def hot(a: Tensor) -> Tensor:
        x, p = a.array, a.node
        if p is None or not mode.plain or type(x) not in _HOST or x.dtype is not float32:
            return apply(op, a)
        out = compute(x)
        return _result(out, op, (p,), (out,))

    hot.__name__, hot.__doc__ = name, f"The operation `{name}` on each element."
    return hot


_MATMUL = OPS["matmul"]


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """The product of matrices, stacks of them, and vectors."""
    x, y, p, q = a.array, b.array, a.node, b.node
    if not mode.plain or type(x) is not ndarray or type(y) is not ndarray or (p is None and q is None):
        return apply(_MATMUL, a, b)
    if x.dtype is not float32 or y.dtype is not float32:
        return apply(_MATMUL, a, b)
    try:
        out = product(np, x, y)
    except ValueError:
        return apply(_MATMUL, a, b)
    saved = _MATMUL.save(out, (x, y), (), None, (p is not None) | (q is not None) << 1)
    return _result(out, _MATMUL, (p, q), saved, 3)


_LINEAR = OPS["linear"]


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x Wᵀ + b: input (*, in), weight (out, in) or (in), bias (out) or (); the result is (*, out) or (*)."""
    if not isinstance(input, Tensor):
        raise DTypeError(f"linear needs a tensor as input, got {type(input).__name__}: make one with tensor(x).")
    a, w, p, q = input.array, weight.array, input.node, weight.node
    b, r = (None, None) if bias is None else (bias.array, bias.node)
    if b is not None and b.shape != w.shape[:1]:    # stretched, as () is for one output: its gradient is a sum then
        return linear(input, weight) + bias
    usual = mode.plain and type(a) is ndarray and a.dtype is w.dtype and (b is None or b.dtype is w.dtype)
    if usual and w.ndim == 2 and (q is not None or p is not None or r is not None):
        try:
            return _result(_LINEAR.forward(np, a, w, b), _LINEAR, (p, q, r), (a, w))
        except (ValueError, IndexError):
            pass                                # shapes that do not fit
    if a.ndim and w.ndim == 1:                  # one output: no dim for it
        out = matmul(input, weight)
        return out if bias is None else out + bias
    if a.ndim < 1 or w.ndim != 2 or a.shape[-1] != w.shape[1]:
        raise ShapeError(f"linear got {describe(input)} and a weight of shape {weight.shape}: the input's last dim "
                         f"must be {weight.shape[-1]}, the layer's in_features. To make rows of an image batch, "
                         f"flatten it first: torch.flatten(x, 1).")
    return apply(_LINEAR, input, weight, bias)


_CROSS_ENTROPY = OPS["cross_entropy"]


def cross_entropy(x: Tensor, target: Any) -> Tensor | None:
    """The mean loss of logits (N, C) against class indices (N), or None where these are not all classes, or not as usual."""
    a, p, y = x.array, x.node, target.array
    if p is None or not mode.plain or type(a) is not ndarray or a.dtype is not float32 or a.ndim != 2:
        return None
    if type(y) is not ndarray or y.dtype is not int64 or y.shape != a.shape[:1] or not y.size or highest(y) >= a.shape[1]:
        return None
    out, slope = _CROSS_ENTROPY.forward(np, a, y, ignore=None)
    return _result(out, _CROSS_ENTROPY, (p, None), (a, y, None, slope), 3)


_SUM = OPS["sum"]


def whole_sum(x: Tensor) -> Tensor | None:
    """The sum over all elements, or None where it is not as usual."""
    a, p = x.array, x.node
    if not mode.plain or type(a) is not ndarray or a.dtype is not float32:
        return None
    out = total(np, a)
    return wrap(out) if p is None else _result(out, _SUM, (p,), (a.shape, None, False), 3)


add = _two("add", operator.add, False)
sub = _two("sub", operator.sub, False)
mul = _two("mul", operator.mul, True)
relu = _one("relu", partial(OPS["relu"].forward, np))
tanh = _one("tanh", np.tanh)
vars(recorded)["matmul"] = matmul      # gradient rules call it too
