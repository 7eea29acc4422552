"""Tracing: a function is called once with symbols, what it does is written down as a graph, and later calls run that."""
from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from .. import versions
from ..device import CPU, array_module, is_array
from ..device import place as placed_on
from ..errors import Line, learner_line
from ..node import Leaf
from ..symbol import Dim, StaticError, Symbol, probes, size_of
from ..tensor import Tensor, mode, unboxed, wrap
from ..writes import unlinked
from .arguments import Call, leaves_of, replaced
from .effects import Effects
from .environment import Environment
from .graph import Graph, Operation, as_name
from .guards import Guard
from .program import uncollected


class GraphBreakError(StaticError):
    """Python needed a number in a function that must be one graph (`fullgraph=True`)."""


class Break(NamedTuple):
    """A place where Python needed a number: the operations before it are one piece of the function."""

    symbol: Symbol
    what: str
    line: Line | None
    before: int                     # how many operations had been written down
    value: Any


class TraceGraph(Graph):
    """The graph that a call of a function leaves behind.

    Every tensor from outside that it meets is a variable, which later runs read anew; one that the function makes is a
    constant. What is written in place becomes a new symbol for the same tensor, and for a variable an update when the call
    ends.
    """

    def __init__(self, name: str, environment: Environment, fullgraph: bool):
        super().__init__(name)
        self.environment, self.fullgraph = environment, fullgraph
        self.now: dict[int, Symbol] = {}                # id of an array -> what its memory holds by now
        self.updates: dict[Symbol, Symbol] = {}         # variable -> its new value
        self.breaks: list[Break] = []
        self.values: dict[Symbol, Any] = {}             # what was computed for the sake of a break
        self.used_grads: set[int] = set()               # leaves whose gradient an optimiser has used up
        self.emptied_grads: set[int] = set()            # leaves whose gradient the function itself forgets
        self.asked_grads: set[int] = set()              # leaves whose gradient was added to, or else used
        self.arguments: dict[Symbol, Any] = {}          # placeholder -> its array in this first call
        self._module_names = dict(environment.modules.items())
        self.stepped: list[Any] = []                    # the optimisers that took a step, in order
        self.after: list[Callable[[], None]] = []       # what Python has to do after every run
        self._done = 0
        self._made: dict[int, Any] = {}
        self._sizes: dict[int, int] = {}                # the sizes of this first call that are left unknown, numbered

    def probes(self, size: int) -> tuple[int, int]:
        """What an unknown size is tried out with that is this in the first call: sizes that differ are told apart."""
        return probes(self._sizes.setdefault(size, len(self._sizes)))

    # ---- what stands for what
    def made(self, array: Any) -> None:
        """The function has made a tensor, as it will at every call: its numbers are part of the graph."""
        self._made[id(array)] = array

    def capture(self, array: Any, tensor: Tensor | None) -> Symbol:
        """A symbol for an array: a variable for one from outside, a constant for one that the function made."""
        known = next((t for t in self.environment.tensors.values() if t.array is array), tensor)
        if known is None or id(array) in self._made:
            return super().capture(array.copy(), None)      # what is done to the array later is another matter
        inside = id(known) not in self.environment.tensors and not isinstance(array, np.generic)
        if inside and known.device != self.device:
            known = wrap(placed_on(array, self.device))     # array code made it, which does not know the device
        name = known.name or next((n for m in self.environment.modules.values() for n, p in m.named_parameters()
                                   if p is known), self.environment.names.get(id(known), "tensor"))
        return self.source("variable", array.shape, array.dtype, as_name(name), known)

    def symbol_of(self, array: Any, tensor: Tensor | None = None) -> Symbol:
        """What an array's memory holds at this point of the function."""
        now = self.now.get(id(array))
        return super().symbol_of(array, tensor) if now is None else now

    def slot(self, read: Callable[[], Any], store: Callable[[Any], None] | None, name: str) -> Symbol:
        """What a place outside holds at this point of the function."""
        symbol = super().slot(read, store, name)
        return next((new for key, new in self.now.items() if self._known[key][1] is symbol), symbol)

    def may_write(self, t: Tensor) -> None:
        """Refuse what eager mode refuses: a leaf, unless through a detached tensor."""
        what = "a leaf" if t._view is None else "a view of a leaf"
        while t._view is not None and t._view[1].name != "identity":
            t = t._view[0]
        if mode.grad and isinstance(t.node, Leaf):
            raise unlinked(what)

    def become(self, t: Any, new: Symbol) -> None:
        """Let a tensor (or slot) stand for `new` from here on."""
        if type(t.array) is Symbol:
            t.array = new
            return
        self.symbol_of(t.array, t)
        first = self._known[id(t.array)][1]                     # what it was when the function began, or made it
        self.now[id(t.array)] = new
        if first.operation.kind == "variable":
            self.updates[first] = new

    def collected(self, leaf: Leaf, g: Any, before: Any) -> None:
        """A leaf takes a gradient: what it does with it depends on whether one waits there."""
        self.asked_grads.add(id(leaf))

    def emptied(self, leaf: Leaf) -> None:
        """A leaf forgets its gradient, as it will at every call."""
        self.emptied_grads.add(id(leaf))

    # ---- numbers that Python asks for
    def asked_for_value(self, symbol: Symbol, what: str) -> Any:
        """Compute what was written down so far, and note that the function breaks into pieces here."""
        line = learner_line()
        if self.fullgraph:
            raise GraphBreakError(
                f"{symbol.name!r} was {what}: Python needs the number, so the function cannot be one graph.\n  at {line}\n"
                "  defined at "
                f"{symbol.line}\nUse where() or cond() for the choice, return the tensor and take its number outside, or "
                "leave fullgraph=True out.")
        value = self.computed(symbol)
        self.breaks.append(Break(symbol, what, line, len(self.operations), value))
        return value

    def computed(self, symbol: Symbol) -> Any:
        """The value of a symbol in this first call."""
        with np.errstate(all="ignore"):
            for o in self.operations[self._done:]:
                self._compute(o)
        self._done = len(self.operations)
        return self.values[symbol]

    def _compute(self, o: Operation) -> None:
        if o.kind == "placeholder":
            outs: tuple[Any, ...] = (self.arguments[o.results[0]],)
        elif o.kind == "variable":
            outs = (o.value.array,)
        elif o.kind == "constant":
            outs = (unboxed(o.value),)
        else:
            inputs = tuple([self.values[x] if isinstance(x, Symbol) else x for x in o.inputs])
            outs = o.run(array_module(*inputs), inputs, self._size)
        for symbol, out in zip(o.results, outs, strict=True):
            if symbol is not None:
                self.values[symbol] = unboxed(out)

    def _size(self, n: Any) -> int:
        return size_of(n, lambda x: self.values[x].shape)


class Traced(NamedTuple):
    """What tracing a call found out.

    Attributes:
        graph: what was written down.
        result: what the function returned, with symbolic tensors in it.
        grads: for each leaf whose `.grad` the function changed, its symbol, or None where it is None afterwards.
        argument_writes: (number of the argument's tensor, symbol) for arguments written in place.
        given: which of the arguments' tensors the placeholders are. One that the function also reads as something from
            outside is no placeholder, but that.
        fixed: (number of the argument's tensor, tensor) for arguments that must be this very tensor: those that are read
            from outside, and those that a gradient is left with.
        effects: side effects, in words.
    """

    graph: TraceGraph
    placeholders: list[Symbol]
    result: Any
    grads: list[tuple[Leaf, Symbol | None]]
    argument_writes: list[tuple[int, Symbol]]
    given: list[int]
    fixed: list[tuple[int, Tensor]]
    guards: list[Guard]
    effects: list[str]
    result_tensors: list[Tensor]    # the tensors in the result, and their symbols
    outputs: list[Symbol]


def trace(function: Callable[..., Any], call: Call, fullgraph: bool, sizes: list[tuple[Any, ...]]) -> Traced:
    """Call the function with symbols in the place of its tensors, and return what it did.

    Args:
        sizes: for each tensor of the call its shape, with None for sizes that shall stay unknown.
    """
    environment = Environment(function, (call.args, call.kwargs))
    graph = TraceGraph(getattr(function, "__name__", type(function).__name__), environment, fullgraph)
    devices = [t.device for t in (*call.tensors, *environment.tensors.values())]
    graph.device = next((d for d in devices if d != CPU), CPU if devices else graph.device)
    given, twins = _stand_ins(graph, call.tensors, sizes)
    before = {key: leaf.grad for key, leaf in environment.leaves.items()}
    histories = [(t, t.node) for t in environment.tensors.values()]
    for key, g in before.items():
        if g is not None:
            leaf = environment.leaves[key]
            graph.slot(*_gradient_of(leaf), "grad")
    try:
        with uncollected(), graph, Effects(environment) as effects:
            result = function(*replaced(call.args, twins), **replaced(call.kwargs, twins))
            found: list[Tensor] = []
            leaves_of(result, found, [])
            outputs = [graph.tensor_of(t).array for t in found]
        grads = _changed_grads(graph, before)
    finally:
        for key, g in before.items():
            environment.leaves[key].grad = g
        written = [t for t, node in histories if t.node is not node]
        for t, node in histories:
            t.node = node
    for name in [environment.names.get(id(t), t.name or "a tensor") for t in written]:
        effects.found.append(f"{name} was written with values that gradients pass through: after the call it has the values "
                             "without their history. Return it as well")
    placeholders = list(graph.arguments)
    now = [twins[id(call.tensors[k])].array for k in given]
    writes = [(k, x) for k, (x, symbol) in enumerate(zip(now, placeholders, strict=True)) if x is not symbol]
    touched = [leaf for key, leaf in environment.leaves.items() if key in before and (
        key in graph.asked_grads or any([leaf is other for other, _ in grads]))]
    fixed = [(k, t) for k, t in enumerate(call.tensors) if id(t) not in twins or any([t.node is leaf for leaf in touched])]
    refuse_shared_memory(graph, [(call.tensors[k], k in dict(writes)) for k in given])
    waits = [_waiting(environment, leaf, before[id(leaf)]) for leaf in touched]
    return Traced(graph, placeholders, result, grads, writes, given, fixed,
                  [*environment.guards, *_learners(graph), *_twins(environment), *_remembered(graph), *waits],
                  effects.found, found, outputs)


def _learners(graph: TraceGraph) -> list[Guard]:
    """That the tensors from outside which require gradients are the same ones, as they are not when layers are frozen."""
    return [Guard(f"whether {o.name} requires gradients", "attribute", o.value, "node", o.value.node)
            for o in graph.operations
            if o.kind == "variable" and isinstance(o.value, Tensor) and o.value.dtype.kind == "f"]


def _remembered(graph: TraceGraph) -> list[Guard]:
    """That optimisers keep what they remember in the dictionaries that a run reads and writes."""
    return [Guard(f"what {type(o).__name__} remembers", "values", o.state, None, tuple(o.state.values()))
            for o in dict.fromkeys(graph.stepped)]


def _twins(environment: Environment) -> list[Guard]:
    """That tensors from outside which had one memory have: the graph has one variable for them."""
    first: dict[int, Tensor] = {}
    pairs = [(first.setdefault(id(t.array), t), t) for t in environment.tensors.values() if is_array(t.array)]
    return [Guard(f"whether {environment.names.get(id(t), 'a tensor')} has the memory of another", "result",
                  lambda one=one, t=t: one.array is t.array, None, True) for one, t in pairs if one is not t]


def _stand_ins(graph: TraceGraph, tensors: list[Tensor], sizes: list[tuple[Any, ...]]) -> tuple[list[int], dict[int, Tensor]]:
    """Placeholders for the arguments' tensors: for which of them, and what stands for each, by id."""
    environment = graph.environment
    outside = {id(t.array) for t in environment.tensors.values() if not isinstance(t.array, np.generic)}
    twins: dict[int, Tensor] = {}
    given = []
    for k, (t, shape) in enumerate(zip(tensors, sizes, strict=True)):
        if isinstance(t.node, Leaf):
            environment.leaves[id(t.node)] = t.node
        if id(t) in twins or id(t) in environment.tensors or id(t.array) in outside:    # one thing under two names
            continue
        symbol = graph.source("placeholder", shape, t.dtype, as_name(t.name or f"x{k}"))
        symbol.shape = tuple([Dim(graph.probes(here), n.of) if isinstance(n, Dim) else n
                              for n, here in zip(symbol.shape, t.shape, strict=True)])
        twin = twins[id(t)] = wrap(symbol)
        twin.node = t.node
        given.append(k)
        graph.arguments[symbol] = t.array
    return given, twins


def refuse_shared_memory(graph: TraceGraph, arguments: list[tuple[Tensor, bool]]) -> None:
    """Refuse a tensor that looks into memory which the function writes through another: it would not see what is written.

    A view that is written tells its base (see `Graph.write`), so that both are.
    """
    variables = [x for o in graph.operations if o.kind == "variable" for x in o.results]
    places = [(x.name, x.operation.value.array, x in graph.updates) for x in variables]
    places += [(f"argument {t.name or k}", t.array, written) for k, (t, written) in enumerate(arguments)]
    by_memory: dict[int, list[Any]] = {}
    for place in places:
        if is_array(place[1]):
            by_memory.setdefault(id(versions.owner(place[1])), []).append(place)
    for group in by_memory.values():
        for one, other in combinations(group, 2):
            if one[2] != other[2] and array_module(one[1]).may_share_memory(one[1], other[1]):
                raise StaticError(f"{one[0]!r} and {other[0]!r} share memory, and this function writes into one of them: in "
                                  "a graph each stands for itself. Use one tensor in both places, or pass a clone().")


def _gradient_of(leaf: Leaf) -> tuple[Callable[[], Any], Callable[[Any], None]]:
    """How the gradient that waits at a leaf is read, and how another is left there."""
    def store(value: Any) -> None:
        leaf.grad = wrap(value)
    return (lambda: leaf.grad.array), store


def _waiting(environment: Environment, leaf: Leaf, g: Any) -> Guard:
    """That a gradient waits at a leaf, or that none does, as it was."""
    name = next((environment.names.get(key, t.name) for key, t in environment.tensors.items() if t.node is leaf), None)
    what = f"{name or 'tensor'}.grad"
    if g is None:
        return Guard(what, "attribute", leaf, "grad", None)
    return Guard(f"whether {what} is None", "result", lambda: leaf.grad is None, None, False)


def _changed_grads(graph: TraceGraph, before: dict[int, Any]) -> list[tuple[Leaf, Symbol | None]]:
    """The leaves whose `.grad` is another than it was.

    A gradient that an optimiser used up is not kept where the function forgets it anyway, at this call's end or the next's.
    """
    changed: list[tuple[Leaf, Symbol | None]] = []
    for key, old in before.items():
        leaf = graph.environment.leaves[key]
        if leaf.grad is old and (old is None or id(old.array) not in graph.now):
            continue
        g = leaf.grad
        used = g is None or (key in graph.used_grads and key in graph.emptied_grads)
        changed.append((leaf, None if used else graph.tensor_of(g).array))
    return changed
