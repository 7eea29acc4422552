"""Walking the graph: backward and grad."""
from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import compress
from operator import attrgetter, not_
from sys import getrefcount
from typing import Any

import numpy as np

from .. import device as devices
from .. import versions
from ..device import array_module, is_array, place
from ..dispatch import apply, recorded
from ..errors import GradError, Line, ShapeError, here, stand
from ..hooks import keep_too
from ..node import FREED, Absent, Leaf, Node, Output, alone, ancestors
from ..ops import Arrays, arrays, core
from ..ops.core import INPUT, OUT, gradient_op
from ..symbol import Symbol, shape_text
from ..tensor import Tensor, describe, mode, wrap
from .switches import enable_grad

ndarray = np.ndarray


# ---- entry points
def backward(tensors: Any, grad_tensors: Any = None, retain_graph: bool | None = None, create_graph: bool = False,
             inputs: Any = None) -> None:
    """Add the gradients of `tensors` to the `.grad` of the leaves that they depend on.

    Args:
        tensors: one tensor or several.
        grad_tensors: for each the gradient to start from, in its shape; None for 1 on a tensor of one element.
        retain_graph: keep what the nodes have saved; by default the same as `create_graph`.
        create_graph: record the backward pass, so that gradients can be differentiated again.
        inputs: add gradients to these tensors only, leaves or not.
    """
    roots, seeds = _start(tensors, grad_tensors)
    nodes = None if inputs is None else [_input_node(t) for t in _listed(inputs)]
    with alone:
        _sweep(roots, seeds, create_graph if retain_graph is None else retain_graph, create_graph, nodes, True)


def _backward(self: Tensor, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False,
              inputs: Any = None) -> None:
    """Compute the gradient of this tensor with respect to every leaf it depends on; add it to their `.grad`.

    Args:
        gradient: the gradient to start from, in this tensor's shape; 1 for a tensor of one element.
        retain_graph: keep what the graph has saved, so that it can be walked again; by default as `create_graph`.
        create_graph: record the backward pass too, for gradients of gradients.
        inputs: the only tensors to add gradients to, leaves or not; by default all leaves.
    """
    if inputs is None:
        with alone:
            _sweep([_root(self)], [_seed(self, gradient)], create_graph if retain_graph is None else retain_graph,
                   create_graph, None, True)
    else:
        backward(self, gradient, retain_graph, create_graph, inputs)


Tensor.backward = _backward


def grad(outputs: Any, inputs: Any, grad_outputs: Any = None, retain_graph: bool | None = None,
         create_graph: bool = False, allow_unused: bool = False,
         materialize_grads: bool = False) -> tuple[Tensor | None, ...]:
    """The gradients of `outputs` with respect to `inputs`, as tensors; no `.grad` is touched.

    Args:
        outputs, grad_outputs, retain_graph, create_graph: as in `backward`.
        inputs: one tensor or several, leaves or not.
        allow_unused: give None for an input that the outputs do not depend on; otherwise that is an error.
        materialize_grads: give zeros for it.
    """
    roots, seeds = _start(outputs, grad_outputs)
    tensors = _listed(inputs)
    nodes = [_input_node(t) for t in tensors]
    with alone:
        found = _sweep(roots, seeds, create_graph if retain_graph is None else retain_graph, create_graph, nodes, False)
    grads = [found.get(node) for node in nodes]
    if materialize_grads:
        grads = [t.detach() * 0 if g is None else g for g, t in zip(grads, tensors)]
    if not allow_unused and any([g is None for g in grads]):
        k = next(k for k, g in enumerate(grads) if g is None)
        raise GradError(f"input {k} ({describe(tensors[k])}) is not in the graph of the outputs: they do not depend "
                        "on it. Pass allow_unused=True to get None for it.")
    return tuple([g if g is None or isinstance(g, Tensor) else wrap(g) for g in grads])


def _listed(tensors: Any) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _input_node(t: Tensor) -> Node:
    if t.node is None:
        raise GradError(f"{describe(t)} does not require gradients, so there is no gradient with respect to it. "
                        "Make it with requires_grad=True.")
    return t.node


def _start(tensors: Any, gradients: Any) -> tuple[list[Node], list[Any]]:
    """The nodes to start from and the gradient that each starts with, checked."""
    tensors = _listed(tensors)
    given = [None] * len(tensors) if gradients is None else (
        [gradients] if isinstance(gradients, Tensor) or not isinstance(gradients, Sequence) else list(gradients))
    if len(given) != len(tensors):
        raise GradError(f"{len(tensors)} outputs need as many starting gradients, got {len(given)}")
    return [_root(t) for t in tensors], [_seed(t, g) for t, g in zip(tensors, given)]


def _refused(why: str, node: Node | None = None) -> GradError:
    """The error to raise, after whoever watches has been told of it; `node` is what it is about."""
    error = GradError(why)
    if mode.watched:
        mode.watch.failed(error, node)
    return error


def _root(t: Tensor) -> Node:
    if t.node is None:
        raise _refused("backward on a tensor that was not computed from anything that requires gradients: no graph "
                       "leads from it to a leaf. Make the inputs with requires_grad=True, and compute outside "
                       "no_grad() and without detach().")
    return t.node


_ONES = {kind: kind(1) for kind in (np.float16, np.float32, np.float64)}


def _seed(t: Tensor, gradient: Any) -> Any:
    array = t.array
    if gradient is None and type(array) in _ONES:
        return _ONES[type(array)]
    if type(array) is Symbol:
        return _later_seed(t, gradient)
    if gradient is None:
        if array.size != 1:
            raise _refused(f"backward needs one number to start from, and this tensor has shape {t.shape}: the slope "
                           f"of which of its {array.size} elements? Reduce it first (t.sum().backward(), "
                           f"t.mean().backward()), or pass gradient= in its shape.", t.node)
        return array_module(array).ones_like(array)
    gradient = gradient if isinstance(gradient, Tensor) else Tensor(gradient, dtype=t.dtype)
    if gradient.shape != t.shape:
        raise ShapeError(f"the starting gradient must have the tensor's shape {t.shape}, got {gradient.shape}.")
    return gradient


def _later_seed(t: Tensor, gradient: Any) -> Tensor:
    """The starting gradient of a symbolic tensor: ones, in its graph."""
    if gradient is None and t.array.size != 1:
        raise GradError(f"gradients need one number to start from, and {t.array.name!r} has shape "
                        f"{shape_text(t.array.shape)}: reduce it first, as by mean().")
    if gradient is None:
        one, graph = np.ones(t.array.shape, t.dtype)[()], t.array.operation.graph
        return wrap(graph.source("constant", one.shape, one.dtype, "one", place(one, graph.device)))
    return t.array.operation.graph.tensor_of(gradient if isinstance(gradient, Tensor) else Tensor(gradient, dtype=t.dtype))


# ---- the sweep
def _sweep(roots: list[Node], seeds: list[Any], retain: bool, create: bool, targets: list[Node] | None,
           accumulate: bool, enclosed: bool = False) -> dict[Node, Any]:
    """Visit every node once, youngest first, and hand its gradient on to its parents.

    With `targets`, only paths that lead to them are followed; their gradients are returned, and also added
    to `.grad` if `accumulate` says so. `enclosed`: the targets bound a piece of graph of its own within a
    sweep that is under way, and what lies behind them, with the gradients that wait there, is left alone.
    """
    global _under_way
    stop = frozenset(targets) if targets else ()
    order = ancestors(roots, stop if enclosed else ())
    _check_writes(order)
    waiting = _set_aside(order) if _under_way and not enclosed else ()
    found: dict[Node, Any] = {}
    values = [g.array if isinstance(g, Tensor) else g for g in seeds]
    built = create or Symbol in map(type, values)       # with tensors, not arrays
    F: Any = recorded if built else arrays(np if devices.cupy is None else array_module(*values))
    if built:
        before, mode.grad, place = mode.grad, create, stand(here())
    _under_way += 1
    try:
        for node, g in zip(roots, [g if isinstance(g, Tensor) else wrap(g) for g in seeds] if built else values):
            node.g = g if node.g is None else node.g + g
            if mode.watched:
                mode.watch.seeded(node, g)
        wanted = None if targets is None else _leading_to(order, stop)
        if wanted is None and not enclosed and not mode.watched and (not stop or all([type(node) is Leaf for node in stop])):
            _run(order, F, retain, built, None if targets is None else found, accumulate)
        else:
            for node in order:
                if node.g is not None:
                    _visit(node, F, retain, built, stop, wanted, accumulate, enclosed, found)
        return found
    except BaseException:
        for node in order:                      # a pass that was broken off leaves no gradients lying about
            node.g = None
        raise
    finally:
        _under_way -= 1
        for node, g in waiting:
            node.g = g
        if built:
            mode.grad = before
            stand(place)


_under_way = 0          # how many sweeps are running: a hook or a custom function's backward may start another


def _set_aside(order: list[Node]) -> list[tuple[Node, Any]]:
    """Take the gradients that wait on these nodes for a sweep that is under way, to be put back after another one."""
    waiting = [(node, node.g) for node in order if node.g is not None]
    for node, _ in waiting:
        node.g = None
    return waiting


def _run(order: list[Any], F: Any, retain: bool, built: bool, found: dict[Node, Any] | None,
         accumulate: bool) -> None:
    """The loop of the usual pass, in which training spends its time: every node is wanted, and nobody watches.

    It does what `_visit` does, without what the usual case does not need. Gradients of leaves go to `found`
    where that is given, and to `.grad` if `accumulate` says so.
    """
    for node in order:
        g = node.g
        if g is None:
            continue
        node.g = None
        if node.hooks is not None:
            g = node.hooks.run(g, built)
        op = node.op
        if op is None:
            if type(node) is Output:
                _gather(node, g)
                continue
            if found is not None:
                found[node] = g
            if accumulate:
                if type(g) is ndarray and g.base is None and getrefcount(g) <= 2 and node.grad is None:
                    node.grad = wrap(g)
                else:
                    _collect(node, g, built)
            continue
        if built:
            _hand_on(node, g, F, node.parents)
        else:
            try:
                op.fast(F, g, node.parents, node.saved, node.shapes)
            except Absent:
                _bring_back(node)
                op.fast(F, g, node.parents, node.saved, node.shapes)
        if not retain and op.holds:
            node.saved = FREED


def _visit(node: Node, F: Any, retain: bool, create: bool, stop: Collection[Node], wanted: set[Node] | None,
           accumulate: bool, enclosed: bool, found: dict[Node, Any]) -> None:
    """One node's turn in the general sweep."""
    g = node.g
    node.g = None
    op = node.op
    if node.hooks is not None:
        kept = node.hooks.kept
        g = node.hooks.run(g, create)
        if mode.watched and node.hooks.retain and op is not None:
            mode.watch.collected(node, g, kept)
    if node in stop:
        found[node] = g
        if enclosed:
            return
        if accumulate and type(node) is not Leaf:
            keep_too(node, g)
    if op is None:
        if type(node) is Output:
            _gather(node, g)
        elif accumulate and (not stop or node in stop):
            _collect(node, g, create)
        return
    parents = [p if wanted is None or p in wanted else None for p in node.parents]
    if wanted is not None and not any(parents):
        return                                  # a target, behind which nobody waits: it keeps what it has saved
    if mode.watched:
        baskets = [None if p is None else _Basket() for p in parents]
        _hand_on(node, g, F, baskets)
        grads = [None if b is None else b.g for b in baskets]
        mode.watch.visited(node, g, parents, grads)
        _add(parents, grads)
    else:
        _hand_on(node, g, F, parents)
    if not retain and op.holds:
        if mode.watched:
            mode.watch.freed(node)
        node.saved = FREED


class _Basket:
    """Catches a gradient on its way to a parent, to be shown."""

    __slots__ = ("g",)

    def __init__(self) -> None:
        self.g: Any = None


def _hand_on(node: Node, g: Any, F: Any, parents: Sequence[Any]) -> None:
    """Add what the node's rules give to the gradients of its parents; None where none is wanted."""
    op = node.op
    if type(node.saved) is not tuple:
        _bring_back(node)
    if type(F) is Arrays:
        op.fast(F, g, parents, node.saved, node.shapes)
    elif op.backward is not None and not any(op.rules) and _is_later(g):
        _add(parents, _gradients_later(node, g, tuple([p is not None for p in parents])))
    elif op.formula is not None:
        _add(parents, _differentiated(op, _by_name(node), g, tuple([p is not None for p in parents])))
    else:
        op.push(F, g, parents, op.lift(_lift, node, node.saved), node.shapes)


def _add(parents: Sequence[Any], grads: Sequence[Any]) -> None:
    for p, d in zip(parents, grads):
        if p is not None and d is not None:
            p.g = d if p.g is None else p.g + d


def _lift(value: Any, node: Node | None) -> Any:
    """A saved array as a tensor with its place in the graph; anything else as it is."""
    if not hasattr(value, "dtype"):
        return value
    t = wrap(value)
    t.node = node
    return t


def _is_later(g: Any) -> bool:
    return any([t is not None and type(t.array) is Symbol for t in (g if isinstance(g, list) else (g,))])


def _by_name(node: Node) -> dict[str, Any]:
    """What a node saved, as tensors, under the names by which its rules ask for it."""
    return {kept.name: value for kept, value in zip(node.op.keep, node.op.lift(_lift, node, node.saved))}


def _gradients_later(node: Node, g: Any, needs: tuple[bool, ...]) -> list[Any]:
    """The gradients of a fused operation as one operation of the graph that is being built."""
    arrived, saved = tuple(g) if node.op.several else (g,), _by_name(node)
    op = gradient_op(node.op, len(arrived))
    grads = apply(op, *arrived, *[saved.pop(name) for name in op.inputs[len(arrived):]], needs=needs, **saved)
    return [d if need else None for d, need in zip(grads, needs)]


def _differentiated(op: Any, saved: dict[str, Any], g: Any, needs: tuple[bool, ...]) -> list[Any]:
    """The gradients of a fused operation as graph: its formula is run again on its inputs and differentiated."""
    records = mode.grad
    with enable_grad():
        # Fresh aliases mark where the formula's graph ends and the inputs' own history begins.
        inputs = [recorded.alias(x) if isinstance(x, Tensor) and x.node is not None else x
                  for x in [saved[name] for name in op.inputs]]
        out = op.formula(*inputs, **{name: saved[name] for name in op.attributes})
        asked = [x.node if need else None for x, need in zip(inputs, needs)]
        pairs = [(t, d) for t, d in zip(*((out, g) if isinstance(out, tuple) else ((out,), (g,)))) if d is not None]
        found = _sweep([t.node for t, _ in pairs], [d for _, d in pairs], True, True,
                       [n for n in asked if n is not None], False, enclosed=True)
    grads = [None if n is None else found.get(n) for n in asked]
    return grads if records else [None if d is None else wrap(d.array) for d in grads]


core.by_formula.append(_differentiated)


def _gather(node: Output, g: Any) -> None:
    """Put one output's gradient in its place among those of its operation."""
    operation = node.parents[0]
    if operation.g is None:
        operation.g = [None] * node.count
    before = operation.g[node.index]
    operation.g[node.index] = g if before is None else before + g


def _collect(leaf: Any, g: Any, create: bool) -> None:
    """Add a gradient to a leaf's `.grad`."""
    before = leaf.grad
    if mode.watched:
        mode.watch.collected(leaf, g, before)
    if before is None:
        if create:
            leaf.grad = g
        elif is_array(g) and (g.base is not None or getrefcount(g) > 3):
            leaf.grad = wrap(g.copy())          # a view, or still referenced elsewhere: a leaf owns its gradient
        else:
            leaf.grad = wrap(g)
    elif create:
        leaf.grad = before + g
    elif is_array(before.array):
        before.array += g
    else:
        before.array = before.array + g


def _leading_to(order: list[Node], stop: Collection[Node]) -> set[Node] | None:
    """The nodes of `order` from which a target can be reached, the only ones worth visiting; None for all."""
    if frozenset(stop).issuperset(compress(order, map(not_, map(attrgetter("op"), order)))):    # leaves have no operation
        return None
    leading = set(stop)
    for node in reversed(order):
        for p in node.parents:
            if p in leading:
                leading.add(node)
                break
    return leading


def _bring_back(node: Node) -> None:
    """What a node has not at hand: computed again where a checkpoint dropped it, an error where it was freed."""
    if node.saved is FREED:
        raise _refused(f"backward ran through this graph already, and what {node.op.name} had saved for it was freed "
                       "then. Compute the loss again before the second backward, or pass retain_graph=True to the "
                       "first.", node)
    node.saved.restore()


def _check_writes(order: list[Node]) -> None:
    """Refuse to compute with a saved value that was written in place after it was saved."""
    for node in reversed(order):
        if node.op is not None:
            if versions.written_since(node.seq):
                break
            return
    for node in order:
        if node.op is None or type(node.saved) is not tuple:
            continue
        found = versions.stale(node.saved, node.seq)
        if found is not None:
            k, write = found
            raise _refused(
                f"{node.op.name} saved {_saved_name(node.op, k)} for the backward pass, and that value was changed in "
                f"place afterwards, so its gradient would be wrong.\n  saved by {node.op.name}{_where(node)}\n  changed "
                f"at {write.line}\nWrite the change as a new tensor (y = y + 1, not y += 1), or clone() the value first.",
                node)


def _saved_name(op: Any, k: int) -> str:
    name, kind = op.keep[k][:2] if k < len(op.keep) else ("", None)
    return "its result" if kind == OUT else f"its input {name!r}" if kind == INPUT else "a value"


def _where(node: Node) -> str:
    return f" at {Line.at(node.where)}" if node.where is not None else ""
