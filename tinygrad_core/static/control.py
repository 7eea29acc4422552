"""Control flow inside a graph: a branch, a loop, and a scan over a sequence, whose bodies are graphs of their own."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..dispatch import apply
from ..errors import DTypeError, ShapeError
from ..ops import OPS
from ..ops.core import primitive
from ..symbol import StaticError, Symbol, shape_text
from ..tensor import Tensor, mode, wrap
from .block import Block, as_blocks, gone_back, leaf, traced
from .graph import Graph
from .infer import described, described_input


def _graph_of(*tensors: Any) -> Graph | None:
    """The graph of the symbolic tensors among these, or the one that is being built."""
    found = next((t.array.operation.graph for t in tensors if isinstance(t, Tensor) and type(t.array) is Symbol), None)
    return mode.graph if mode.graph is not None else found


def _alike(what: str, left: list[Symbol], right: list[Symbol]) -> None:
    """Refuse results that differ in number, shape or dtype."""
    if len(left) != len(right):
        raise StaticError(f"{what}: {len(left)} results against {len(right)}; both must be alike.")
    for k, (a, b) in enumerate(zip(left, right)):
        if a.dtype != b.dtype:
            raise DTypeError(f"{what}: result {k} is {a.dtype} in one and {b.dtype} in the other.")
        if shape_text(a.shape) != shape_text(b.shape):
            raise ShapeError(f"{what}: result {k} has shape {shape_text(a.shape)} in one and {shape_text(b.shape)} in the "
                             f"other.")


# ---- gradients
def _filled(F: Any, g: Any, outputs: list[Symbol], again: Callable[[], Any]) -> list[Any]:
    """The gradients of the floating-point results, zeros for those that got none."""
    missing = [k for k, x in enumerate(outputs) if x.dtype.kind == "f" and g[k] is None]
    results = again() if missing else ()
    return [(results[k] * 0 if g[k] is None else g[k]) for k, x in enumerate(outputs) if x.dtype.kind == "f"]


def _for_floats(found: Any, xs: Sequence[Any]) -> list[Any]:
    """Gradients in the places of the floating-point inputs, None in the others."""
    rest = iter(found)
    return [next(rest) if x.dtype.kind == "f" else None for x in xs]


def _call_xs(F: Any, g: Any, xs: Any, body: Block) -> list[Any]:
    seeds = _filled(F, g, body.outputs, lambda: F.call(*xs, body=body))
    return _for_floats(F.call(*xs, *seeds, body=body.gradient()), xs)


primitive("call", lambda xp, *xs, body: tuple(body(*xs)), several=True, xs=_call_xs,
          notation={"out": "body({xs})", "xs": "{g} back through the body"})


class Now:
    """How a loop computes: bodies on arrays."""

    def __init__(self, xp: Any):
        self.xp = xp

    def call(self, body: Block, *xs: Any) -> tuple[Any, ...]:
        """A body's results."""
        return tuple(body(*xs))

    def rows(self, x: Any) -> Any:
        """What can be gone along."""
        return x

    def stack(self, ys: list[Any], like: Symbol) -> Any:
        """The rows as one, which are `like` a symbol each."""
        if ys:
            return self.xp.stack(ys)
        return self.xp.zeros((0, *[n if isinstance(n, int) else 0 for n in like.shape]), like.dtype)


class Tape:
    """How a loop is gone through where gradients are wanted: bodies on tensors, one operation a round."""

    @staticmethod
    def call(body: Block, *xs: Tensor) -> tuple[Tensor, ...]:
        """A body's results."""
        return apply(OPS["call"], *xs, body=body)

    @staticmethod
    def rows(x: Tensor) -> Any:
        """The rows, cut by one operation, so that their gradients are put together by one."""
        from ..functions import unbind
        return unbind(x)

    @staticmethod
    def stack(ys: list[Tensor], like: Symbol) -> Tensor:
        """The rows as one, which are `like` a symbol each."""
        from ..functions import stack
        return stack(ys) if ys else wrap(Now(np).stack([], like))


# Loops by name, as functions of how they compute, their inputs and attributes.
TAPED: dict[str, Callable[..., Any]] = {}


def _pulled_back(F: Any, xs: Any, seeds: list[Any], name: str, **attrs: Any) -> list[Any]:
    """The gradients of a loop's inputs, computed by one operation, which can be differentiated in its turn."""
    return _for_floats(F.pullback(*xs, *seeds, of=(name, tuple(attrs.items())), count=len(xs)), xs)


def _back(run: Any, xs: Sequence[Tensor], of: tuple[str, tuple[Any, ...]], count: int, taped: bool = True) -> list[Tensor]:
    """The gradients of the first `count` inputs, from those of the results: the loop is run again, and gone back."""
    name, attrs = of
    return gone_back(TAPED[name](run, xs[:count], **dict(attrs)), xs[:count], xs[count:], taped)


def _pullback(xp: Any, *xs: Any, of: tuple[str, tuple[Any, ...]], count: int) -> tuple[Any, ...]:
    watch, learns = mode.watch, mode.grad
    mode.watch, mode.grad = None, True          # the tape is this operation's own affair
    try:
        return tuple([t.array for t in _back(Tape, [leaf(x) for x in xs], of, count, False)])
    finally:
        mode.watch, mode.grad = watch, learns


def _pullback_xs(F: Any, g: Any, xs: Any, of: Any, count: int) -> list[Any]:
    asked = [x for x in xs[:count] if x.dtype.kind == "f"]
    seeds = [x * 0 if one is None else one for x, one in zip(asked, g, strict=True)]
    return _pulled_back(F, xs, seeds, "pullback", of=of, count=count)


primitive("pullback", _pullback, several=True, xs=_pullback_xs,
          notation={"out": "back through {xs}", "xs": "{g} back through that"})
TAPED["pullback"] = _back
described["pullback"] = lambda o: [described_input(x) for x in o.inputs[:o.attrs["count"]] if x.dtype.kind == "f"]


# ---- a branch
def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """`true_fn()` where `pred` holds, else `false_fn()`, decided at every run; the other branch does not run.

    Only what is computed *inside* a function belongs to its branch: what it uses from outside is computed in any case.

    Args:
        pred: a tensor of one element, or a Python truth value, which decides at once.
        true_fn, false_fn: functions without arguments; their results must be alike in number, shape and dtype.
    """
    graph = _graph_of(pred)
    if graph is None or not isinstance(pred, Tensor):
        return true_fn() if pred else false_fn()
    yes, no = (traced(f, graph, name) for f, name in ((true_fn, "true branch"), (false_fn, "false branch")))
    _alike("cond", yes[2], no[2])
    (then, orelse), outer = as_blocks([yes, no])
    results = apply(OPS["cond"], pred, *outer, then=then, orelse=orelse)
    return results[0] if len(results) == 1 else results


def _cond(xp: Any, *xs: Any, then: Block, orelse: Block) -> Any:
    return tuple((then if bool(xs[0]) else orelse)(*xs[1:]))


def _cond_xs(F: Any, g: Any, xs: Any, then: Block, orelse: Block) -> list[Any]:
    values = xs[1:]
    seeds = _filled(F, g, then.outputs, lambda: F.cond(xs[0], *values, then=then, orelse=orelse))
    return [None, *_for_floats(F.cond(xs[0], *values, *seeds, then=then.gradient(), orelse=orelse.gradient()), values)]


primitive("cond", _cond, several=True, xs=_cond_xs, notation={"out": "if {xs}", "xs": "{g} through the branch that ran"})


# ---- a loop
def while_loop(cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Sequence[Any],
               maximum_iterations: int | None = None) -> Any:
    """Run `body` on the loop's variables again and again, as long as `cond` holds of them.

    Args:
        cond: from the variables to a truth value (a tensor of one element).
        body: from the variables to their next values, alike in shape and dtype.
        loop_vars: the variables at the start.
        maximum_iterations: stop after so many in any case.

    Returns:
        The variables at the end, as a list; with tensors that have numbers, computed at once.
    """
    start = [v if isinstance(v, Tensor) else Tensor(v) for v in loop_vars]
    graph = _graph_of(*start)
    if graph is None:
        return _loop(cond, body, start, maximum_iterations)
    start = [graph.tensor_of(t) for t in start]
    asks, goes = (traced(f, graph, name, start) for f, name in ((cond, "condition"), (body, "loop")))
    _alike("while_loop: the variables before and after the body", [t.array for t in start], goes[2])
    (condition, step), outer = as_blocks([asks, goes])
    return list(apply(OPS["while_loop"], *start, *outer, condition=condition, body=step, count=len(start),
                      most=maximum_iterations))


def _loop(cond: Any, body: Any, values: Any, most: int | None) -> Any:
    done = 0
    while (most is None or done < most) and bool(cond(*values)):
        found = body(*values)
        values, done = list(found) if isinstance(found, (tuple, list)) else [found], done + 1
    return values


def _rounds(run: Any, xs: Sequence[Any], condition: Block, body: Block, count: int, most: int | None) -> tuple[Any, ...]:
    """The variables after the last round, on arrays or on a tape."""
    outer = xs[count:]
    return tuple(_loop(lambda *values: run.call(condition, *values, *outer)[0],
                       lambda *values: run.call(body, *values, *outer), xs[:count], most))


def _while_xs(F: Any, g: Any, xs: Any, condition: Block, body: Block, count: int, most: int | None) -> list[Any]:
    seeds = [x * 0 if one is None else one for x, one in zip(xs, g, strict=False) if x.dtype.kind == "f"]
    return _pulled_back(F, xs, seeds, "while_loop", condition=condition, body=body, count=count, most=most)


def _while(xp: Any, *xs: Any, condition: Block, body: Block, count: int, most: int | None) -> tuple[Any, ...]:
    return _rounds(Now(xp), xs, condition, body, count, most)


primitive("while_loop", _while, several=True, xs=_while_xs,
          notation={"out": "while {xs}", "xs": "{g} back through the rounds"})
TAPED["while_loop"] = _rounds
described["while_loop"] = lambda o: [described_input(x) for x in o.inputs[:o.attrs["count"]]]


# ---- a scan
def scan(function: Callable[..., Any], init: Any, xs: Any) -> tuple[Any, Any]:
    """Go along the first dim of `xs` with a state: `function(state, x) -> (next state, y)` for every x in turn.

    Args:
        init: the state at the start, one tensor or several.
        xs: one tensor or several, of equally many rows; how many may be unknown until the run.

    Returns:
        The state at the end, and every y stacked.
    """
    states = [init] if isinstance(init, Tensor) else list(init)
    rows = [xs] if isinstance(xs, Tensor) else list(xs)
    graph = _graph_of(*states, *rows)
    if graph is None:
        return _scan_now(function, init, xs)
    states, rows = [graph.tensor_of(t) for t in states], [graph.tensor_of(t) for t in rows]
    alone = not isinstance(init, Tensor), not isinstance(xs, Tensor)
    shape: list[bool] = []

    def flat(*values: Tensor) -> list[Tensor]:
        state, x = list(values[:len(states)]), list(values[len(states):])
        after, y = function(state if alone[0] else state[0], x if alone[1] else x[0])
        shape.append(isinstance(y, Tensor))
        return [*([after] if isinstance(after, Tensor) else after), *([y] if isinstance(y, Tensor) else y)]

    body, inputs, outputs = traced(flat, graph, "scan", [*states, *[t[0] for t in rows]])
    _alike("scan: the state before and after", [t.array for t in states], outputs[:len(states)])
    (block,), outer = as_blocks([(body, inputs, outputs)])
    found = apply(OPS["scan"], *states, *rows, *outer, body=block, count=len(states), rows=len(rows))
    end, ys = list(found[:len(states)]), list(found[len(states):])
    return (end if alone[0] else end[0]), (ys[0] if shape[0] else ys)


def _scan_now(function: Any, init: Any, xs: Any) -> tuple[Any, Any]:
    from ..functions import stack
    state, ys = init, []
    rows = [xs] if isinstance(xs, Tensor) else list(xs)
    for t in range(len(rows[0])):
        state, y = function(state, rows[0][t] if isinstance(xs, Tensor) else [r[t] for r in rows])
        ys.append(y)
    if isinstance(ys[0], Tensor):
        return state, stack(ys)
    return state, [stack([y[k] for y in ys]) for k in range(len(ys[0]))]


def _steps(run: Any, xs: Sequence[Any], body: Block, count: int, rows: int) -> tuple[Any, ...]:
    """The states at the end and every y stacked, on arrays or on a tape."""
    states, outer = tuple(xs[:count]), xs[count + rows:]
    ys: list[list[Any]] = [[] for _ in body.outputs[count:]]
    for values in zip(*map(run.rows, xs[count:count + rows]), strict=True):
        found = run.call(body, *states, *values, *outer)
        states = found[:count]
        for collected, y in zip(ys, found[count:], strict=True):
            collected.append(y)
    return (*states, *[run.stack(y, x) for y, x in zip(ys, body.outputs[count:], strict=True)])


def _scan_xs(F: Any, g: Any, xs: Any, body: Block, count: int, rows: int) -> list[Any]:
    seeds = _filled(F, g, body.outputs, lambda: F.scan(*xs, body=body, count=count, rows=rows))
    return _pulled_back(F, xs, seeds, "scan", body=body, count=count, rows=rows)


def _scan(xp: Any, *xs: Any, body: Block, count: int, rows: int) -> tuple[Any, ...]:
    return _steps(Now(xp), xs, body, count, rows)


primitive("scan", _scan, several=True, xs=_scan_xs,
          notation={"out": "scan {xs}", "xs": "{g} back through the steps"})
TAPED["scan"] = _steps
