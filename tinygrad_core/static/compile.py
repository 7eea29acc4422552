"""compile: a function whose calls run a plan, traced anew only when something it depends on has changed."""
from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd import Function
from ..autograd import grad as differentiate
from ..errors import EngineError, learner_line
from ..nn.module import Module
from ..node import FREED, Leaf
from ..node import ancestors as history
from ..symbol import Dim, StaticError, Symbol, when_size_is_asked
from ..tensor import Tensor, mode, wrap
from .arguments import leaves_of, replaced
from .backends import choose
from .guards import Guard, predicate
from .pieces import BRANCHES, NewBranch, Pieces, ends, finish_first_call
from .program import ancestors, specialise
from .session import Plan, UnfitError, watcher
from .trace import GraphBreakError, Traced, trace


class TraceWarning(UserWarning):
    """A traced function does something that later calls will not do again."""


_MISS = object()
TRACES = 16         # of one function for arguments alike: where so many do not serve, another will not either


class Entry:
    """One trace of a function, ready to run for arguments of these shapes."""

    def __init__(self, traced: Traced, shapes: tuple[Any, ...], backend: str, tensors: list[Tensor],
                 budget: float | None = None):
        self.argument_nodes, self.budget = [tensors[k].node for k in traced.given], budget
        self.traced, self.shapes, self.backend = traced, shapes, backend
        self.guards, self.holds = traced.guards, predicate(traced.guards)
        self.result_tensors, self.outputs = traced.result_tensors, traced.outputs
        self.pieces = Pieces(traced, backend) if traced.graph.breaks else None
        self.plans: dict[Any, Any] = {}
        self.differentiable = self._needs_backward()
        self.quick: tuple[Any, Plan] | None = None      # what the latest call's tensors were like, and its plan
        self.cleared = [leaf for leaf, g in traced.grads if g is None]
        self.simple = (len(self.outputs) == 1 and traced.result is self.result_tensors[0]
                       and len(self.cleared) == len(traced.grads) and not traced.argument_writes and not traced.fixed)

    def _needs_backward(self) -> bool:
        """Whether a caller can call backward on a result; not where the function did so itself and freed the graph."""
        roots = [t.node for t in self.result_tensors if t.node is not None and not isinstance(t.node, Leaf)]
        return bool(roots) and all([node.saved is not FREED for node in history(roots)])

    # ---- whether it holds
    def fits(self, shapes: tuple[Any, ...]) -> bool:
        """Whether arguments of these shapes can be run by this trace."""
        return shapes == self.shapes or (len(shapes) == len(self.shapes) and all(
            [len(a) == len(b) and all([n is None or n == m for n, m in zip(b, a)]) for a, b in zip(shapes, self.shapes)]))

    def serves(self, shapes: tuple[Any, ...], tensors: list[Tensor]) -> bool:
        """Whether this trace can run these arguments now."""
        return self.fits(shapes) and self.holds() and not self.strangers(tensors)

    def strangers(self, tensors: list[Tensor]) -> list[str]:
        """Which arguments had to be a certain tensor and are another."""
        return [f"argument {k} was {t.name or 'a tensor'} that the function reads from outside or leaves a gradient with, "
                "and is another" for k, t in self.traced.fixed
                if tensors[k].array is not t.array or tensors[k].node is not t.node]

    # ---- running
    def run_quickly(self, args: tuple[Any, ...]) -> Any:
        """The result for tensors like those of the latest call, or `_MISS`: the shortest way through a call."""
        if self.quick is None:
            return _MISS
        like, plan = self.quick
        if len(like) != len(args):
            return _MISS
        arrays = []
        for t, (dtype, shape, learns) in zip(args, like):
            if not isinstance(t, Tensor):
                return _MISS
            array = t.array
            if array.dtype is not dtype or array.shape != shape or (t.node is not None) is not learns:
                return _MISS
            arrays.append(array)
        if not self.holds():
            return _MISS
        values = plan.run(arrays)
        for leaf in self.cleared:
            leaf.grad = None
        for act in self.traced.graph.after:
            act()
        return wrap(values[0])

    def run(self, tensors: list[Tensor]) -> Any:
        """The function's result for these arguments, and its effects on tensors outside."""
        tensors = [tensors[k] for k in self.traced.given]
        if self.pieces is not None:
            traced, values = self.pieces.run(tensors)
            return finished(traced, values, tensors)
        if self.differentiable and mode.grad:
            return self._run_with_backward(tensors)
        arrays = [t.array for t in tensors]
        key = tuple([a.shape for a in arrays]) if arrays else ()
        if watcher() is not None:               # somebody records: operation by operation, as it was written
            return finished(self.traced, self._planned(key, watcher()).run(arrays), tensors)
        plan = self.plans.get(key)
        if plan is None:
            plan = self.plans[key] = self._planned(key)
        if self.simple:
            self.quick = [(t.array.dtype, t.array.shape, t.node is not None) for t in tensors], plan
        return finished(self.traced, plan.run(arrays), tensors)

    def _planned(self, shapes: tuple[Any, ...], watch: Any = None) -> Plan:
        """The plan for arguments of exactly these shapes."""
        traced = self.traced
        given = dict(zip(traced.placeholders, shapes, strict=True))
        program = specialise(ends(traced), given, list(traced.graph.updates.items()))
        program.budget = self.budget
        return Plan(program, self.backend, len(given), watch, traced.graph.operations)

    # ---- a result that can be differentiated outside
    def _run_with_backward(self, tensors: list[Tensor]) -> Any:
        joint = self.plans.get("joint")
        if joint is None:
            joint = self.plans["joint"] = Joint(self)
        values = _Compiled.apply(joint, *tensors, *joint.captured)
        return replaced(self.traced.result, {id(t): v for t, v in zip(self.result_tensors, values)})


def finished(traced: Traced, values: list[Any], tensors: list[Tensor]) -> Any:
    """The function's result, with the values where the function would have put them."""
    made = {id(t): wrap(v) for t, v in zip(traced.result_tensors, values)}
    at = len(traced.result_tensors)
    for leaf, symbol in traced.grads:
        leaf.grad = None if symbol is None else wrap(values[at])
        at += symbol is not None
    for (k, _), value in zip(traced.argument_writes, values[at:]):
        _write_argument(tensors[k], value)
    for act in traced.graph.after:
        act()
    return replaced(traced.result, made)


def _write_argument(t: Tensor, value: Any) -> None:
    if isinstance(t.array, np.ndarray):
        t.array[...] = value
    else:
        t.array = value


class Joint:
    """A traced function with the backward pass that its results will want: two plans, and what goes from one to the other."""

    def __init__(self, entry: Entry):
        self.entry = entry
        traced, graph = entry.traced, entry.traced.graph
        self.captured = [o.value for o in graph.operations
                         if o.kind == "variable" and isinstance(o.value, Tensor) and isinstance(o.value.node, Leaf)]
        self.inputs = [*traced.placeholders, *[graph._known[id(t.array)][1] for t in self.captured]]
        self.wanted = [k for k, t in enumerate(entry.result_tensors) if t.node is not None]
        forward_end = len(graph.operations)
        with graph:
            self.seeds = [graph.source("placeholder", x.shape, x.dtype, "gradient") for x in
                          (entry.outputs[k] for k in self.wanted)]
            sources = [_leaf_tensor(s, t) for s, t in zip(self.inputs, [*self._argument_leaves(), *self.captured])]
            asked = [t for t in sources if t is not None and t.node is not None]
            grads = differentiate([entry.result_tensors[k] for k in self.wanted], asked, [wrap(s) for s in self.seeds],
                                  retain_graph=True, allow_unused=True)
        found = iter(grads)
        self.grads = [next(found) if t is not None and t.node is not None else None for t in sources]
        made = set(ancestors([g.array for g in self.grads if g is not None]))
        cut = {x for o in made if o.number >= forward_end for x in o.sources if x.operation.number < forward_end
               and x.operation.kind != "constant"}
        self.kept = sorted(cut - set(self.inputs), key=lambda x: (x.operation.number, x.index))
        self.plans: dict[Any, tuple[Plan, Plan]] = {}

    def _argument_leaves(self) -> list[Any]:
        return [self.entry.argument_nodes[k] for k in range(len(self.entry.traced.placeholders))]

    def planned(self, shapes: tuple[Any, ...]) -> tuple[Plan, Plan]:
        """The forward and the backward plan for arguments of these shapes."""
        found = self.plans.get(shapes)
        if found is None:
            entry, graph = self.entry, self.entry.traced.graph
            given = dict(zip(entry.traced.placeholders, shapes, strict=True))
            forward = specialise([*entry.outputs, *self.kept], given, list(graph.updates.items()))
            known = {x: y.shape for x, y in zip([*entry.outputs, *self.kept], forward.outputs, strict=True)}
            behind = {s: known[entry.outputs[k]] for s, k in zip(self.seeds, self.wanted, strict=True)}
            behind.update({x: known[x] for x in self.kept})
            behind.update({x: (given.get(x, x.shape)) for x in self.inputs})
            backward = specialise([g.array for g in self.grads if g is not None], behind)
            found = self.plans[shapes] = (Plan(forward, entry.backend, len(given)),
                                          Plan(backward, entry.backend, len(behind)))
        return found


def _leaf_tensor(symbol: Symbol, like: Any) -> Tensor | None:
    t = wrap(symbol)
    t.node = like.node if isinstance(like, Tensor) else like
    return t


class _Compiled(Function):
    """Runs a joint's plans as one differentiable operation."""

    @staticmethod
    def forward(ctx: Any, joint: Joint, *tensors: Tensor) -> Any:
        count = len(joint.entry.traced.placeholders)
        arrays = [t.array for t in tensors[:count]]
        first, ctx.second = joint.planned(tuple([a.shape for a in arrays]))
        values = first.run(arrays)
        results = len(joint.entry.outputs)
        ctx.joint, ctx.kept, ctx.arrays = joint, values[results:], [t.array for t in tensors]
        return tuple([wrap(v) for v in values[:results]])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        joint = ctx.joint
        if mode.grad:
            raise StaticError("gradients of gradients do not pass through a compiled function: compute the first gradient "
                              "inside it (autograd.grad(..., create_graph=True)), or leave the function uncompiled.")
        seeds = [grads[k].array for k in joint.wanted]
        found = iter(ctx.second.run([*seeds, *ctx.kept, *ctx.arrays]))
        return (None, *[None if g is None else wrap(next(found)) for g in joint.grads])


class Compiled:
    """A function that runs as a plan. Made by `compile`."""

    def __init__(self, function: Callable[..., Any], backend: str, dynamic: bool | None, fullgraph: bool,
                 memory_budget: float | None = None):
        self.__name__ = getattr(function, "__name__", type(function).__name__)
        functools.update_wrapper(self, function)
        self.function, self.backend, self.dynamic, self.fullgraph = function, choose(backend), dynamic, fullgraph
        self.entries: dict[Any, list[Any]] = {}
        self.memory_budget = memory_budget
        self.breaks: list[str] = []
        self.eager = ""                         # why it runs uncompiled, if it does
        self.latest: tuple[Entry, bool] | None = None
        self.history: list[str] = []
        self.effects: list[str] = []

    def __get__(self, owner: Any, _: Any = None) -> Any:
        return self if owner is None else functools.partial(self, owner)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if mode.graph is not None or self.eager:    # inside another trace: part of that
            return self.function(*args, **kwargs)
        latest = self.latest
        if latest is not None and latest[1] is mode.grad and not kwargs and not mode.watched:
            try:
                found = latest[0].run_quickly(args)
            except UnfitError:
                found = _MISS
            if found is not _MISS:
                return found
        tensors: list[Tensor] = []
        key: list[Any] = [mode.grad]
        leaves_of(args, tensors, key)
        if kwargs:
            leaves_of(kwargs, tensors, key)
        number = {id(t): k for k, t in enumerate(tensors)}
        if len(number) < len(tensors):              # which of the arguments are one tensor
            key.append(tuple([number[id(t)] for t in tensors]))
        shapes = tuple([t.array.shape for t in tensors])
        entries = self.entries.setdefault(tuple(key), [])
        unfit = ""
        for entry in entries:
            if entry.serves(shapes, tensors):
                try:
                    return self._run(entry, tensors, args)
                except UnfitError as error:
                    unfit = error.args[0].partition("\n")[0]
                except NewBranch as new:
                    piece = new.args[0]
                    if len(piece.children) >= BRANCHES:
                        return self._give_up(f"{piece.ask.symbol.name!r} was {piece.ask.what} at {piece.ask.line} and had "
                                             f"more than {BRANCHES} different values: return the tensor, and take its "
                                             "number outside", args, kwargs)
                    break
        reason = unfit or self._reason(shapes, tensors, entries, key)
        if sum([e.fits(shapes) for e in entries]) >= TRACES:
            return self._give_up(f"it was traced {TRACES} times for arguments alike, and would be again, because {reason}: "
                                 "pass what changes as an argument that is a tensor", args, kwargs)
        return self._trace(args, kwargs, tensors, shapes, entries, reason)

    def _trace(self, args: Any, kwargs: Any, tensors: list[Tensor], shapes: tuple[Any, ...], entries: list[Any],
               reason: str) -> Any:
        self.history.append(f"traced again: {reason}" if reason else "traced at the first call")
        if reason and watcher() is not None:
            watcher().graphs.guarded(self.__name__, reason)
        sizes = self._sizes(shapes, entries)
        before = when_size_is_asked(_ask_for_sizes)
        try:
            traced = trace(self.function, args, kwargs, tensors, self.fullgraph, sizes)
        except (_SizeNeeded, EngineError) as needed:
            if self.dynamic or sizes == list(shapes):
                raise
            why = f"Python needs one as a number at {needed.args[0]}" if isinstance(needed, _SizeNeeded) else str(needed)
            self.history[-1] += f"; sizes cannot be left unknown: {why}"
            sizes, self.dynamic = list(shapes), False
            traced = trace(self.function, args, kwargs, tensors, self.fullgraph, sizes)
        finally:
            when_size_is_asked(before)
        self._warn(traced.effects)
        if watcher() is not None:
            watcher().graphs.traced(self.__name__, self.history[-1], len(traced.graph))
        if traced.graph.breaks:
            return self._in_pieces(traced, tensors, entries, sizes)
        entry = Entry(traced, tuple(map(tuple, sizes)), self.backend, tensors, self.memory_budget)
        entries.append(entry)
        return self._run(entry, tensors, args)

    def _give_up(self, why: str, args: Any, kwargs: Any) -> Any:
        """Run the function as it is, from now on: every call is another one to a trace."""
        self.eager = f"runs uncompiled, because {why}"
        self.history.append(self.eager)
        warnings.warn(f"{self.__name__} {self.eager}.", TraceWarning, stacklevel=4)
        return self.function(*args, **kwargs)

    def _in_pieces(self, traced: Traced, tensors: list[Tensor], entries: list[Any], sizes: Any) -> Any:
        """The result of a traced call that broke into pieces; the pieces are kept for the calls to come."""
        for found in traced.graph.breaks:
            words = f"breaks into pieces at {found.line}: {found.symbol.name!r} was {found.what}"
            if words not in self.breaks:
                self.breaks.append(words)
        shapes = tuple([t.array.shape for t in tensors])
        known = next((e for e in entries if e.pieces is not None and e.serves(shapes, tensors)), None)
        if known is None:
            entries.append(Entry(traced, tuple(map(tuple, sizes)), self.backend, tensors))
        else:
            known.pieces.add(traced)
        return finished(traced, finish_first_call(traced), [tensors[k] for k in traced.given])

    def _run(self, entry: Entry, tensors: list[Tensor], args: tuple[Any, ...]) -> Any:
        """Run a trace, and remember it for calls alike where the arguments are tensors and nothing else."""
        plain = len(tensors) == len(args) and all([isinstance(a, Tensor) for a in args])
        self.latest = (entry, mode.grad) if plain and entry.simple and not entry.differentiable else None
        return entry.run(tensors)

    def _sizes(self, shapes: tuple[Any, ...], entries: list[Any]) -> list[tuple[Any, ...]]:
        """The arguments' shapes with None for what shall stay unknown: all sizes, or those seen to differ."""
        if self.dynamic is True:
            return [tuple([None if n > 1 else n for n in shape]) for shape in shapes]
        if self.dynamic is False or not entries:
            return list(shapes)
        last = entries[-1].shapes
        return [tuple([n if n == m else None for n, m in zip(shape, old)]) if len(old) == len(shape) else shape
                for shape, old in zip(shapes, last, strict=True)]

    def _warn(self, effects: list[str]) -> None:
        for words in effects:
            if words not in self.effects:
                self.effects.append(words)
                warnings.warn(f"{self.__name__}: {words}.", TraceWarning, stacklevel=4)

    def _reason(self, shapes: tuple[Any, ...], tensors: list[Tensor], entries: list[Any], key: Any) -> str:
        """Why no trace serves; empty where there is none yet."""
        if not entries:
            others = [k for k, found in self.entries.items() if found]
            return _key_difference(others[-1], tuple(key)) if others else ""
        latest = entries[-1]
        if not latest.fits(shapes):
            return _shape_difference(latest.shapes, shapes)
        changes = (change for change in map(Guard.change, latest.guards) if change)
        return next(changes, "") or "; ".join(latest.strangers(tensors)) \
            or "Python was given a number that it had not been given before"

    def explain(self) -> str:
        """Why this function was traced each time, where it breaks into pieces, what side effects it has, and for each plan
        how much memory it needs and what it computes again to need no more."""
        lines = [f"{self.__name__}: {sum(map(len, self.entries.values()))} traces, back end {self.backend}"]
        lines += [f"  {n + 1}. {why}" for n, why in enumerate(self.history)]
        lines += [f"  {words}" for words in self.breaks]
        lines += [f"  side effect: {words}" for words in self.effects]
        lines += [f"  {words}" for plan in self._plans() if (words := plan.memory())]
        return "\n".join(lines)

    @property
    def graphs(self) -> list[Any]:
        """The graphs that were traced, for reading: `print(f.graphs[0])`."""
        return [e.traced.graph for entries in self.entries.values() for e in entries]

    def source(self) -> str:
        """The code that the back end generated for the latest trace."""
        plans = self._plans()
        return plans[-1].source() if plans else ""

    def _plans(self) -> list[Plan]:
        return [p for entries in self.entries.values() for e in entries for p in e.plans.values() if isinstance(p, Plan)]


class _SizeNeeded(EngineError):
    """Python asked for the number of a size that should have stayed unknown."""


def _ask_for_sizes(n: Dim) -> int:
    raise _SizeNeeded(learner_line())


def _shape_difference(old: tuple[Any, ...], new: tuple[Any, ...]) -> str:
    k = next((k for k, (a, b) in enumerate(zip(old, new)) if a != b), 0)
    return f"argument {k} had shape {old[k]} and has {new[k]}"


def _key_difference(old: Any, new: Any) -> str:
    for a, b in zip(old, new):
        if a != b:
            return f"an argument was {_told_key(a)} and is {_told_key(b)}"
    return f"the call had {len(old) - 1} arguments and has {len(new) - 1}" if len(old) != len(new) else "no trace was kept"


def _told_key(key: Any) -> str:
    if isinstance(key, bool):
        return "under enable_grad" if key else "under no_grad"
    if isinstance(key, tuple) and len(key) == 3:
        return f"a {key[0]} tensor with {key[1]} dims" + (" that requires gradients" if key[2] else "")
    return repr(key[1]) if isinstance(key, tuple) else "another object"


def compile(function: Any = None, *, backend: str = "auto", dynamic: bool | None = None, fullgraph: bool = False,
            memory_budget: float | None = None) -> Any:
    """Trace a function of tensors, modules and Python values at its first call, and run the plan at later ones.

    A whole training step can be compiled: forward, backward and the optimiser's update become one plan.

    Args:
        function: the function, or a module. `@compile` and `@compile(backend="numpy")` both work.
        backend: "auto", "interpreter", "numpy" or "c".
        dynamic: True keeps every size of the arguments unknown, so that one trace serves all; False never does; by
            default a size becomes unknown when a second one has been seen.
        fullgraph: make it an error, with the line, when Python needs a number and the function would break into pieces.
        memory_budget: how much memory the plan of the "c" back end may need at once, in bytes, or up to 1 as a part of what
            it needs by default. Values are then computed a second time rather than kept, those first that save most bytes
            for their time, until that is enough or nothing helps any more. By default only what costs no time to speak of.

    What the trace depends on is guarded: dtypes, shapes, Python numbers, globals, variables of enclosing functions, and
    what is reached through them: attributes of objects, classes and Python modules, items of containers, the numbers in
    NumPy arrays. `f.explain()` tells why it was traced each time, and a function that no trace serves for long runs
    uncompiled. Python code does not run again at later calls: printing, appending and the like happen once, which a
    `TraceWarning` says. A gradient that an optimiser inside the function has used is not kept: `.grad` is None after the
    call.

    Not noticed: what installed packages keep to themselves, and what code reads by a name that it puts together at run
    time from another object than those that it mentions.
    """
    if function is None:
        return lambda f: compile(f, backend=backend, dynamic=dynamic, fullgraph=fullgraph,
                                 memory_budget=memory_budget)
    if memory_budget is not None and not memory_budget > 0:
        raise ValueError(f"memory_budget is a number of bytes, or a part of the memory up to 1, and was {memory_budget!r}")
    if not callable(function):
        raise TypeError(f"compile takes a function or a module, got {type(function).__name__}")
    if isinstance(function, Module):
        wrapper = Compiled(function.__call__, backend, dynamic, fullgraph, memory_budget)
        wrapper.__name__ = type(function).__name__
        return wrapper
    return Compiled(function, backend, dynamic, fullgraph, memory_budget)


__all__ = ["Compiled", "GraphBreakError", "TraceWarning", "compile"]
