"""Control flow inside a graph: a branch, a loop, and a scan over a sequence, whose bodies are graphs of their own."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..autograd import enable_grad, no_grad
from ..autograd import grad as differentiate
from ..dispatch import apply
from ..errors import DTypeError, ShapeError, at_line, learner_line
from ..node import Leaf
from ..ops import OPS
from ..ops.core import primitive
from ..symbol import StaticError, Symbol, shape_text
from ..tensor import Tensor, mode, wrap
from .backends.interpreter import interpreter
from .graph import Graph, fill
from .program import specialise


class Block:
    """A body: a graph with inputs and outputs, which is run by another graph's operation."""

    def __init__(self, graph: Graph, inputs: Sequence[Symbol], outputs: Sequence[Symbol]):
        self.graph, self.inputs, self.outputs = graph, list(inputs), list(outputs)
        self._runs: dict[Any, Any] = {}

    @property
    def stateful(self) -> bool:
        """Whether two runs may differ."""
        return any(o.stateful for o in self.graph.operations)

    def __call__(self, *arrays: Any) -> list[Any]:
        """The outputs' arrays for the inputs' arrays."""
        shapes = tuple([np.shape(a) for a in arrays])
        run = self._runs.get(shapes)
        if run is None:
            run = self._runs[shapes] = interpreter(specialise(self.outputs, dict(zip(self.inputs, shapes, strict=True))))
        return run(list(arrays))[0]

    def gradient(self) -> Block:
        """The body that computes the gradients of the inputs from the inputs and the gradients of the outputs.

        Only floating-point inputs have one, and only floating-point outputs bring one; where there is no path it is zeros.
        """
        graph = Graph(f"{self.graph.name}'s gradient")
        given = [graph.source("placeholder", _sizes(x), x.dtype, x.operation.name.rpartition("/")[2]) for x in self.inputs]
        seeds = [graph.source("placeholder", _sizes(x), x.dtype, "gradient") for x in self.outputs if x.dtype.kind == "f"]
        with graph, enable_grad():
            tensors = [_leaf(s) for s in given]
            outs = [t for t in _replayed(self, tensors) if t.dtype.kind == "f"]
            asked = [t for t in tensors if t.dtype.kind == "f"]
            paths = [(t, wrap(s)) for t, s in zip(outs, seeds, strict=True) if t.node is not None]
            found = differentiate([t for t, _ in paths], asked, [s for _, s in paths], retain_graph=True, create_graph=True,
                                  allow_unused=True) if paths and asked else (None,) * len(asked)
            with no_grad():
                grads = [(t * 0 if g is None else g) for t, g in zip(asked, found, strict=True)]
        return Block(graph, [*given, *seeds], [graph.tensor_of(g).array for g in grads])


def _sizes(x: Symbol) -> tuple[Any, ...]:
    return tuple([n if isinstance(n, int) else None for n in x.shape])


def _leaf(symbol: Symbol) -> Tensor:
    t = wrap(symbol)
    if symbol.dtype.kind == "f":
        t.node = Leaf()
    return t


def _replayed(block: Block, tensors: list[Tensor]) -> list[Tensor]:
    """A body's operations again, on tensors of the graph that is being built, with a tape."""
    known: dict[Symbol, Any] = dict(zip(block.inputs, tensors, strict=True))
    for o in block.graph.operations:
        if o.kind == "constant":
            known[o.results[0]] = wrap(mode.graph.symbol_of(o.value))
        elif o.kind == "operation":
            assert o.op is not None
            inputs = tuple([known[x] if isinstance(x, Symbol) else x for x in o.inputs])
            attrs = fill(o.attrs, tuple([t.array if isinstance(t, Tensor) else t for t in inputs]))
            out = apply(o.op, *inputs[:o.operands], **attrs)
            known.update(zip(o.results, out if isinstance(out, tuple) else (out,)))
    return [known[x] for x in block.outputs]


class _Body(Graph):
    """A graph that takes what it needs of the graph around it as inputs."""

    def __init__(self, around: Graph, name: str):
        super().__init__(name)
        self.around = around
        self.taken: dict[Symbol, Symbol] = {}           # a symbol of the graph around -> the input that brings it
        self.outer: dict[Symbol, Tensor] = {}           # and the tensor that it was

    def tensor_of(self, t: Tensor) -> Tensor:
        """A tensor in this body; one from outside comes in as an input."""
        if type(t.array) is Symbol and t.array.operation.graph is self:
            return t
        if type(t.array) is not Symbol and not isinstance(t.node, Leaf):
            return super().tensor_of(t)
        return wrap(self.take(self.around.tensor_of(t)))

    def symbol_of(self, array: Any, tensor: Tensor | None = None) -> Symbol:
        """The symbol of an array in this body."""
        if type(array) is Symbol and array.operation.graph is not self:
            return self.take(wrap(array))
        return super().symbol_of(array, tensor)

    def take(self, outer: Tensor) -> Symbol:
        """The input that brings a tensor of the graph around."""
        x = outer.array
        if x not in self.taken:
            self.taken[x] = self.source("placeholder", _sizes(x), x.dtype, x.operation.name.rpartition("/")[2])
            self.outer[x] = outer
        return self.taken[x]


Traced = tuple[_Body, list[Symbol], list[Symbol]]


def _traced(function: Callable[..., Any], around: Graph, name: str, given: Sequence[Tensor] = ()) -> Traced:
    """A Python function as a body: its graph, the inputs for `given`, and its results."""
    body = _Body(around, name)
    inputs = [body.source("placeholder", _sizes(t.array), t.dtype, t.array.operation.name.rpartition("/")[2]) for t in given]
    with body, no_grad():
        results = function(*[wrap(s) for s in inputs])
        flat = list(results) if isinstance(results, (tuple, list)) else [results]
        flat = [body.tensor_of(t if isinstance(t, Tensor) else Tensor(t)).array for t in flat]
    return body, inputs, flat


def _blocks(bodies: list[Traced]) -> tuple[list[Block], list[Tensor]]:
    """Bodies as blocks with one list of what they take from outside, and those tensors."""
    outer: dict[Symbol, Tensor] = {}
    for body, _, _ in bodies:
        outer.update(body.outer)
    made = []
    for body, inputs, outputs in bodies:
        made.append(Block(body, [*inputs, *[body.take(t) for t in outer.values()]], outputs))
    return made, list(outer.values())


def _graph_of(*tensors: Any) -> Graph | None:
    """The graph of the symbolic tensors among these, or the one that is being built."""
    found = next((t.array.operation.graph for t in tensors if isinstance(t, Tensor) and type(t.array) is Symbol), None)
    return mode.graph if mode.graph is not None else found


def _alike(what: str, left: list[Symbol], right: list[Symbol]) -> None:
    """Refuse results that differ in number, shape or dtype."""
    if len(left) != len(right):
        raise StaticError(f"{what}: {len(left)} results against {len(right)}; both must be alike.{at_line(learner_line())}")
    for k, (a, b) in enumerate(zip(left, right)):
        if a.dtype != b.dtype:
            raise DTypeError(f"{what}: result {k} is {a.dtype} in one and {b.dtype} in the other.{at_line(learner_line())}")
        if shape_text(a.shape) != shape_text(b.shape):
            raise ShapeError(f"{what}: result {k} has shape {shape_text(a.shape)} in one and {shape_text(b.shape)} in the "
                             f"other.{at_line(learner_line())}")


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
    yes, no = (_traced(f, graph, name) for f, name in ((true_fn, "true branch"), (false_fn, "false branch")))
    _alike("cond", yes[2], no[2])
    (then, orelse), outer = _blocks([yes, no])
    results = apply(OPS["cond"], pred, *outer, then=then, orelse=orelse)
    return results[0] if len(results) == 1 else results


def _cond(xp: Any, *xs: Any, then: Block, orelse: Block) -> Any:
    return tuple((then if bool(np.asarray(xs[0])) else orelse)(*xs[1:]))


def _cond_xs(F: Any, g: Any, xs: Any, then: Block, orelse: Block) -> list[Any]:
    values = xs[1:]
    seeds = _filled(F, g, then.outputs, lambda: F.cond(xs[0], *values, then=then, orelse=orelse))
    found = iter(F.cond(xs[0], *values, *seeds, then=then.gradient(), orelse=orelse.gradient()))
    return [None, *[next(found) if x.dtype.kind == "f" else None for x in values]]


def _filled(F: Any, g: Any, outputs: list[Symbol], again: Callable[[], Any]) -> list[Any]:
    """The gradients of the floating-point results, zeros for those that got none."""
    missing = [k for k, x in enumerate(outputs) if x.dtype.kind == "f" and g[k] is None]
    results = again() if missing else ()
    return [(results[k] * 0 if g[k] is None else g[k]) for k, x in enumerate(outputs) if x.dtype.kind == "f"]


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
        return _loop_now(cond, body, start, maximum_iterations)
    start = [graph.tensor_of(t) for t in start]
    asks, goes = (_traced(f, graph, name, start) for f, name in ((cond, "condition"), (body, "loop")))
    _alike("while_loop: the variables before and after the body", [t.array for t in start], goes[2])
    (condition, step), outer = _blocks([asks, goes])
    return list(apply(OPS["while_loop"], *start, *outer, condition=condition, body=step, count=len(start),
                      most=maximum_iterations))


def _loop_now(cond: Any, body: Any, values: list[Any], most: int | None) -> list[Any]:
    done = 0
    while (most is None or done < most) and bool(cond(*values)):
        found = body(*values)
        values, done = list(found) if isinstance(found, (tuple, list)) else [found], done + 1
    return values


def _history(xs: tuple[Any, ...], condition: Block, body: Block, count: int, most: int | None) -> list[tuple[Any, ...]]:
    """The variables before every round, and after the last."""
    values, outer = xs[:count], xs[count:]
    history = [values]
    while (most is None or len(history) <= most) and bool(np.asarray(condition(*values, *outer)[0])):
        values = tuple(body(*values, *outer))
        history.append(values)
    return history


def _while(xp: Any, *xs: Any, condition: Block, body: Block, count: int, most: int | None) -> Any:
    return _history(xs, condition, body, count, most)[-1]


def _while_back(xp: Any, *xs: Any, condition: Block, body: Block, back: Block, count: int, most: int | None,
                total: int) -> Any:
    """The gradients of the variables at the start and of what the body takes: the rounds are run again, then backwards."""
    own, g = xs[:total], list(xs[total:])
    outer = own[count:]
    floats = [k for k, x in enumerate(own) if x.dtype.kind == "f"]
    sums = {k: np.zeros_like(own[k]) for k in floats if k >= count}
    for values in _history(own, condition, body, count, most)[-2::-1]:
        found = dict(zip(floats, back(*values, *outer, *g), strict=True))
        g = [found[k] for k in floats if k < count]
        for k in sums:
            sums[k] = sums[k] + found[k]
    return (*g, *sums.values())


def _while_xs(F: Any, g: Any, xs: Any, condition: Block, body: Block, count: int, most: int | None) -> list[Any]:
    again = {"condition": condition, "body": body, "count": count, "most": most}
    seeds = _filled(F, g, body.outputs, lambda: F.while_loop(*xs, **again))
    found = iter(F.while_loop_backward(*xs, *seeds, **again, back=body.gradient(), total=len(xs)))
    return [next(found) if x.dtype.kind == "f" else None for x in xs]


def _only_once(F: Any, g: Any, xs: Any) -> Any:
    raise StaticError("gradients of gradients do not pass through while_loop and scan: unroll the loop in Python for them")


primitive("while_loop", _while, several=True, xs=_while_xs,
          notation={"out": "while {xs}", "xs": "{g} back through the rounds"})
primitive("while_loop_backward", _while_back, several=True, xs=_only_once, notation={"out": "rounds backwards", "xs": "-"})


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

    body, inputs, outputs = _traced(flat, graph, "scan", [*states, *[t[0] for t in rows]])
    _alike("scan: the state before and after", [t.array for t in states], outputs[:len(states)])
    (block,), outer = _blocks([(body, inputs, outputs)])
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


def _scan(xp: Any, *xs: Any, body: Block, count: int, rows: int) -> Any:
    states, sequences, outer = list(xs[:count]), xs[count:count + rows], xs[count + rows:]
    ys: list[list[Any]] = [[] for _ in body.outputs[count:]]
    for t in range(len(sequences[0])):
        found = body(*states, *[s[t] for s in sequences], *outer)
        states = found[:count]
        for collected, y in zip(ys, found[count:], strict=True):
            collected.append(y)
    empty = [xp.zeros((0, *[n if isinstance(n, int) else 0 for n in x.shape]), x.dtype) for x in body.outputs[count:]]
    return (*states, *[xp.stack(y) if y else e for y, e in zip(ys, empty, strict=True)])


def _scan_back(xp: Any, *xs: Any, body: Block, back: Block, count: int, rows: int, total: int) -> Any:
    """The gradients of states, sequences and what the body takes: forwards again, then backwards."""
    own, g = xs[:total], list(xs[total:])
    states, sequences, outer = [own[:count]], own[count:count + rows], own[count + rows:]
    steps = len(sequences[0])
    for t in range(steps):
        states.append(tuple(body(*states[-1], *[s[t] for s in sequences], *outer)[:count]))
    floats = [k for k, x in enumerate(own) if x.dtype.kind == "f"]
    learned = sum(k < count for k in floats)
    g_states, g_ys = g[:learned], g[learned:]
    sums = {k: np.zeros_like(own[k]) for k in floats if k >= count}
    for t in range(steps - 1, -1, -1):
        found = dict(zip(floats, back(*states[t], *[s[t] for s in sequences], *outer, *g_states, *[y[t] for y in g_ys]),
                         strict=True))
        g_states = [found[k] for k in floats if k < count]
        for k in sums:
            if k < count + rows:
                sums[k][t] = found[k]
            else:
                sums[k] = sums[k] + found[k]
    return (*g_states, *sums.values())


def _scan_xs(F: Any, g: Any, xs: Any, body: Block, count: int, rows: int) -> list[Any]:
    seeds = _filled(F, g, body.outputs, lambda: F.scan(*xs, body=body, count=count, rows=rows))
    found = iter(F.scan_backward(*xs, *seeds, body=body, back=body.gradient(), count=count, rows=rows, total=len(xs)))
    return [next(found) if x.dtype.kind == "f" else None for x in xs]


primitive("scan", _scan, several=True, xs=_scan_xs, notation={"out": "scan {xs}", "xs": "{g} back through the steps"})
primitive("scan_backward", _scan_back, several=True, xs=_only_once, notation={"out": "steps backwards", "xs": "-"})
