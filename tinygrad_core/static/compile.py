"""compile: a function whose calls run a plan, traced anew only when something it depends on has changed."""
from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

from ..device import CPU, get_default_device
from ..errors import EngineError, Line, learner_line
from ..nn.module import Module
from ..node import FREED, Leaf, alone
from ..node import ancestors as history
from ..symbol import Dim, StaticError, Symbol, when_size_is_asked
from ..tensor import Tensor, mode
from .arguments import Call, finished, replaced
from .backends import choose
from .guards import Guard, predicate
from .joint import Both, Joint
from .pieces import BRANCHES, NewBranch, Pieces, ends, finish_first_call
from .program import specialise
from .session import Plan, UnfitError, watcher
from .shortcut import MISS, shortcut
from .trace import Traced, refuse_shared_memory, trace


class TraceWarning(UserWarning):
    """A traced function does something that later calls will not do again."""


TRACES = 32         # of one function for arguments alike: where so many do not serve, another will not either


class Entry:
    """One trace of a function, ready to run for arguments of these shapes."""

    def __init__(self, traced: Traced, call: Call, sizes: list[tuple[Any, ...]], backend: str,
                 budget: float | None = None):
        self.argument_nodes, self.budget = [call.tensors[k].node for k in traced.given], budget
        self.traced, self.shapes, self.backend = traced, tuple(map(tuple, sizes)), backend
        self.first_shapes, self.guards = call.shapes, traced.guards
        self.result_tensors, self.outputs = traced.result_tensors, traced.outputs
        self.pieces = Pieces(traced, backend) if traced.graph.breaks else None
        self.plans: dict[Any, Any] = {}
        self.differentiable = self._needs_backward()
        self.shortcuts: dict[Any, Any] = {}

    def _needs_backward(self) -> bool:
        """Whether a caller can call backward on a result; not where the function did so itself and freed the graph."""
        roots = [t.node for t in self.result_tensors if t.node is not None and not isinstance(t.node, Leaf)]
        return bool(roots) and all([node.saved is not FREED for node in history(roots)])

    # ---- whether it holds
    @functools.cached_property
    def holds(self) -> Callable[[], bool]:
        """Asks whether every guard does; the first call does without."""
        return predicate(self.guards)

    def fits(self, shapes: tuple[Any, ...]) -> bool:
        """Whether arguments of these shapes can be run by this trace."""
        return shapes == self.shapes or (len(shapes) == len(self.shapes) and all(
            [len(a) == len(b) and all([n is None or n == m for n, m in zip(b, a)]) for a, b in zip(shapes, self.shapes)])
            and self._alike(shapes))

    def _alike(self, shapes: tuple[Any, ...]) -> bool:
        """Whether unknown sizes that were equal while tracing are: broadcasting and its gradients go by that."""
        now: dict[int, int] = {}
        triples = [n for unknown, then, here in zip(self.shapes, self.first_shapes, shapes, strict=True)
                   for n in zip(unknown, then, here, strict=True)]
        return all([now.setdefault(then, here) == here for unknown, then, here in triples if unknown is None])

    def serves(self, call: Call) -> bool:
        """Whether this trace can run these arguments now."""
        return self.fits(call.shapes) and self.holds() and not self.strangers(call.tensors)

    def strangers(self, tensors: list[Tensor]) -> list[str]:
        """Which arguments had to be a certain tensor and are another."""
        return [f"argument {k} was {t.name or 'a tensor'} that the function reads from outside or leaves a gradient with, "
                "and is another" for k, t in self.traced.fixed
                if tensors[k].array is not t.array or tensors[k].node is not t.node]

    # ---- running
    def run(self, tensors: list[Tensor]) -> Any:
        """The function's result for these arguments, and its effects on tensors outside."""
        tensors = [tensors[k] for k in self.traced.given]
        if self.traced.argument_writes:
            written = {k for k, _ in self.traced.argument_writes}
            refuse_shared_memory(self.traced.graph, [(t, k in written) for k, t in enumerate(tensors)])
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
        return finished(self.traced, plan.run(arrays), tensors)

    def shortcut(self, call: Call) -> Any:
        """The short way for calls like this one, which has run; None where there is none."""
        plan = self.plans.get(tuple([call.tensors[k].array.shape for k in self.traced.given]))
        if plan is None or (self.differentiable and call.grad):
            return None
        key = call.shapes, tuple(map(type, call.args))
        if key not in self.shortcuts:
            self.shortcuts[key] = shortcut(self, plan, call)
        return self.shortcuts[key]

    def _planned(self, shapes: tuple[Any, ...], watch: Any = None) -> Plan:
        """The plan for arguments of exactly these shapes."""
        traced = self.traced
        given = dict(zip(traced.placeholders, shapes, strict=True))
        program = specialise(ends(traced), given, list(traced.graph.updates.items()))
        program.budget = self.budget
        return Plan(program, self.backend, len(given), watch, traced.graph.operations)

    # ---- a result that can be differentiated outside
    def _run_with_backward(self, tensors: list[Tensor]) -> Any:
        with alone:
            joint = self.plans.get("joint")
            if joint is None:
                joint = self.plans["joint"] = Joint(self)
        values = Both.apply(joint, *tensors, *joint.captured)
        return replaced(self.traced.result, {id(t): v for t, v in zip(self.result_tensors, values)})


class Compiled:
    """A function that runs as a plan. Made by `compile`."""

    def __init__(self, function: Callable[..., Any], backend: str, dynamic: bool | None, fullgraph: bool,
                 memory_budget: float | None = None):
        self.__name__ = getattr(function, "__name__", type(function).__name__)
        functools.update_wrapper(self, function)
        self.function, self.dynamic, self.fullgraph = function, dynamic, fullgraph
        self.asked = backend
        self.backend = choose(backend, get_default_device() if backend == "auto" else CPU)
        self.entries: dict[Any, list[Any]] = {}
        self.memory_budget = memory_budget
        self.breaks: list[str] = []
        self.eager = ""                         # why it runs uncompiled, if it does
        self.shortcut: Callable[[tuple[Any, ...]], Any] | None = None      # for calls like the latest one
        self.traces = 0                         # how many calls can build on
        self.history: list[str] = []
        self.effects: list[str] = []

    def __get__(self, owner: Any, _: Any = None) -> Any:
        return self if owner is None else functools.partial(self, owner)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.shortcut is not None and not kwargs:
            found = self.shortcut(args)
            if found is not MISS:
                return found
        if mode.graph is not None or self.eager:    # inside another trace: part of that
            return self.function(*args, **kwargs)
        call = Call(args, kwargs)
        if any([type(t.array) is Symbol for t in call.tensors]):        # part of the graph that is to run later
            return self.function(*args, **kwargs)
        return self._called(call)

    def _called(self, call: Call) -> Any:
        """Run the first trace that serves; where none does, trace anew, one thread at a time."""
        seen = self.traces
        found, unfit = self._served(call)
        if found is MISS:
            with alone:
                if self.traces > seen:          # another thread has traced meanwhile, for a call like this one perhaps
                    found, unfit = self._served(call)
                if found is MISS:
                    found = self._trace(call, unfit)
        return found

    def _served(self, call: Call) -> tuple[Any, str]:
        """The result by the first trace that serves; or `MISS`, and which memory did not fit."""
        unfit = ""
        for entry in self.entries.setdefault(call.key, []):
            if entry.serves(call):
                try:
                    return self._run(entry, call), ""
                except UnfitError as error:
                    unfit = error.args[0].partition("\n")[0].partition(": ")[0]
                except NewBranch as new:
                    if len(new.piece.children) >= BRANCHES:
                        return self._give_up(f"{new}: return the tensor, and take its number outside", call), ""
                    break
        return MISS, unfit

    def _trace(self, call: Call, unfit: str) -> Any:
        """Call the function with symbols, keep what it did for calls to come, and return its result.

        Where that has been in vain too often, it is called as it is.
        """
        reason = unfit or self._reason(call)
        if sum([e.fits(call.shapes) for entries in self.entries.values() for e in entries]) >= TRACES:
            return self._give_up(f"it was traced {TRACES} times for arguments alike, and would be again, because {reason}: "
                                 "pass what changes as an argument that is a tensor", call)
        self.history.append(f"traced again: {reason}" if reason else "traced at the first call")
        if reason and watcher() is not None:
            watcher().graphs.guarded(self.__name__, reason)
        entries = self.entries[call.key]
        sizes = self._sizes(call.shapes, entries)
        before = when_size_is_asked(_ask_for_sizes)
        try:
            traced = trace(self.function, call, self.fullgraph, sizes)
        except (_SizeNeeded, EngineError) as needed:
            if self.dynamic or sizes == list(call.shapes):
                raise
            why = f"Python needs one as a number at {needed.line}" if isinstance(needed, _SizeNeeded) else str(needed)
            self.history[-1] += f"; sizes cannot be left unknown: {why}"
            sizes, self.dynamic = list(call.shapes), False
            traced = trace(self.function, call, self.fullgraph, sizes)
        finally:
            when_size_is_asked(before)
        self.backend = choose(self.asked, traced.graph.device)
        self._warn(traced.effects)
        if watcher() is not None:
            watcher().graphs.traced(self.__name__, self.history[-1], len(traced.graph))
        entry = Entry(traced, call, sizes, self.backend, self.memory_budget)
        known = next((e for e in entries if e.pieces is not None and e.serves(call)), None) if entry.pieces else None
        if known is None:
            entries.append(entry)
        else:
            known.pieces.add(traced)
        self.traces += 1
        if entry.pieces is None:
            return entry.run(call.tensors)
        self._tell_breaks(traced)
        return finished(traced, finish_first_call(traced), [call.tensors[k] for k in traced.given])

    def _give_up(self, why: str, call: Call) -> Any:
        """Run the function as it is, from now on: every call is another one to a trace."""
        self.eager = f"runs uncompiled, because {why}"
        self.history.append(self.eager)
        warnings.warn(f"{self.__name__} {self.eager}.", TraceWarning, stacklevel=5)
        return self.function(*call.args, **call.kwargs)

    def _run(self, entry: Entry, call: Call) -> Any:
        """Run a trace, and remember the short way for calls like this."""
        result = entry.run(call.tensors)
        self.shortcut = entry.shortcut(call)
        return result

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
                warnings.warn(f"{self.__name__}: {words}.", TraceWarning, stacklevel=5)

    def _tell_breaks(self, traced: Traced) -> None:
        for found in traced.graph.breaks:
            words = f"breaks into pieces at {found.line}: {found.symbol.name!r} was {found.what}"
            if words not in self.breaks:
                self.breaks.append(words)

    def _reason(self, call: Call) -> str:
        """Why no trace serves; empty where there is none yet."""
        if not self.entries[call.key]:
            others = [k for k, found in self.entries.items() if found]
            return _key_difference(others[-1], call.key) if others else ""
        latest = self.entries[call.key][-1]
        if not latest.fits(call.shapes):
            return _shape_difference(latest.shapes, call.shapes)
        changes = (change for change in map(Guard.change, latest.guards) if change)
        return next(changes, "") or "; ".join(latest.strangers(call.tensors)) \
            or "Python was given a number that it had not been given before"

    def explain(self) -> str:
        """Why this function was traced each time, where it breaks into pieces, what side effects it has, and for each plan
        how much memory it needs and what it computes again to need no more."""
        count = sum(map(len, self.entries.values()))
        lines = [f"{self.__name__}: {count} trace{'s' * (count != 1)}, back end {self.backend}"]
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


class _SizeNeeded(StaticError):
    """Python asked for the number of a size that should have stayed unknown."""

    def __init__(self, line: Line | None):
        super().__init__("with dynamic=True every size is left unknown, and Python needs one as a number, to count with it "
                         f"or to choose by it.\n  at {line}\nLeave dynamic=True out: then only sizes that change are left "
                         "unknown, and only where nothing needs them.")
        self.line = line


def _ask_for_sizes(n: Dim) -> int:
    raise _SizeNeeded(learner_line())


def _shape_difference(old: tuple[Any, ...], new: tuple[Any, ...]) -> str:
    """The first argument whose shape does not fit, in words; where all do, unknown sizes were equal to each other."""
    k = next((k for k, (a, b) in enumerate(zip(old, new)) if len(a) != len(b) or any(
        [n is not None and n != m for n, m in zip(a, b)])), None)
    if k is None:
        return "sizes that were equal to each other, or of which one was 1, are not any more"
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
    if not isinstance(key, tuple):
        return "another object"
    return key[1] if isinstance(key[1], str) and key[0] is not str else repr(key[1])     # see guards.exactly


def compile(function: Any = None, *, backend: str = "auto", dynamic: bool | None = None, fullgraph: bool = False,
            memory_budget: float | None = None) -> Any:
    """Trace a function of tensors, modules and Python values at its first call, and run the plan at later ones.

    A whole training step can be compiled: forward, backward and the optimiser's update become one plan.

    Args:
        function: the function, or a module. `@compile` and `@compile(backend="numpy")` both work.
        backend: "auto", "interpreter", "numpy", "c" or "cuda" (see `backends.cuda`: it has not run on a GPU yet).
        dynamic: True keeps every size of the arguments unknown, so that one trace serves all; False never does; by
            default a size becomes unknown when a second one has been seen.
        fullgraph: make it an error, with the line, when Python needs a number and the function would break into pieces.
        memory_budget: how much memory the plan of the "c" back end may need at once, in bytes, or up to 1 as a part of what
            it needs by default. Values are then computed a second time rather than kept, those first that save most bytes
            for their time, until that is enough or nothing helps any more. By default only what costs no time to speak of.

    What the trace depends on is guarded: dtypes, shapes, Python numbers, globals, variables of enclosing functions, and
    what is reached through them: attributes and methods of objects, classes and Python modules, the code and defaults of
    functions, items of containers, the numbers in NumPy arrays, whether a gradient waits at a leaf. `f.explain()` tells why
    it was traced each time, and a function that no trace serves for long runs uncompiled. Python code does not run again at
    later calls: printing, appending and the like happen once, which a `TraceWarning` says. A gradient that an optimiser
    inside the function has used, and that the function forgets (`zero_grad()`), is not kept: `.grad` is None after the call.

    Threads may call the function at once: they trace one after the other, and run a plan one after the other.

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
