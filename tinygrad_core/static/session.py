"""Session: runs the part of a graph that was asked for, as often as it is asked."""
from __future__ import annotations

import math
import threading
from collections.abc import Callable
from functools import cached_property
from itertools import compress
from operator import is_
from typing import Any

import numpy as np

from .. import versions
from ..device import array_module, place
from ..errors import Line
from ..node import alone
from ..symbol import Dim, StaticError, Symbol, shape_text
from ..tensor import Tensor, mode, unboxed, wrap
from ..writes import unwritable
from .backends import choose, compiled
from .backends.interpreter import interpreter
from .define import Group, get_default_graph
from .graph import Graph, Operation
from .passes import optimised
from .passes.rewrites import Rewrite
from .program import Program, ancestors, specialise, uncollected


class FeedError(StaticError, ValueError):
    """A feed that is missing, or does not fit its placeholder."""


class UnfitError(StaticError):
    """Memory that a plan cannot run on: a variable of another kind than before, or a feed that looks into one."""


class Session:
    """Runs a graph.

    Args:
        graph: by default the graph that definitions go to at the moment.
        backend: "auto", "interpreter", "numpy", "c" or "cuda"; see `backends`.

    `with Session() as session:` works too. No value outlives a run, except those of variables.
    """

    def __init__(self, graph: Graph | None = None, backend: str = "auto"):
        self.graph = graph if graph is not None else get_default_graph()
        self.backend = choose(backend, self.graph.device)
        self._plans: dict[Any, Plan] = {}

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Forget the plans; the session can be used again."""
        self._plans.clear()

    def run(self, fetches: Any, feed_dict: dict[Any, Any] | None = None) -> Any:
        """Compute `fetches` and return their values as arrays, in the structure in which they were asked for.

        Args:
            fetches: a tensor, a group, a name, or lists, tuples and dicts of them.
            feed_dict: values by tensor (or name); any tensor of the graph can be fed, and what only it needed
                does not run then.

        Raises:
            FeedError: a placeholder that is needed was not fed, or a value does not fit.
        """
        flat: list[Any] = []
        rebuild = _flatten(fetches, flat, self.graph)
        feeds = {self._symbol(key): value for key, value in (feed_dict or {}).items()}
        arrays = [_fitting(symbol, value) for symbol, value in feeds.items()]
        key = (tuple(flat), tuple(feeds), tuple([a.shape for a in arrays]))
        watch = watcher()
        plan = self._plans.get(key) if watch is None else self._plan(flat, feeds, arrays, watch)
        if plan is None:
            plan = self._plans[key] = self._plan(flat, feeds, arrays, None)
        return rebuild(iter(plan.run(arrays, copy=True)))

    def plan(self, fetches: Any, feed_dict: dict[Any, Any] | None = None) -> Plan:
        """The plan by which `run` computes these, for reading: `print(plan.program)`, `plan.source()`."""
        flat: list[Any] = []
        _flatten(fetches, flat, self.graph)
        feeds = {self._symbol(key): value for key, value in (feed_dict or {}).items()}
        return self._plan(flat, feeds, [_fitting(s, v) for s, v in feeds.items()], None)

    def _symbol(self, key: Any) -> Symbol:
        if isinstance(key, str):
            return _named(self.graph, key)
        if not isinstance(key, Tensor) or type(key.array) is not Symbol:
            raise FeedError(f"only tensors of the graph can be fed, by themselves or by name, got {key!r}")
        return key.array

    def _plan(self, fetched: list[Any], feeds: dict[Symbol, Any], arrays: list[Any], watch: Any) -> Plan:
        for x in [*fetched, *feeds]:
            if x.operation.graph is not self.graph:
                raise StaticError(f"{x.name!r} belongs to another graph ({x.operation.graph.name!r}) than the one that this "
                                  f"session runs ({self.graph.name!r})\n  defined at {x.line}")
        needed = ancestors(fetched, feeds)
        for o in needed:
            if o.kind == "placeholder" and o.results[0] not in feeds:
                x = o.results[0]
                raise FeedError(f"placeholder {o.name!r} ({x.dtype} {shape_text(x.shape)}) is needed for "
                                f"{', '.join(repr(f.name) for f in fetched if o in ancestors([f], feeds))} and was not fed: "
                                f"session.run(..., feed_dict={{{o.name}: value}})\n  defined at {x.line}")
        updates = [(o.inputs[0], o.results[0]) for o in needed if o.does == "assign"]
        program = specialise(fetched, {s: a.shape for s, a in zip(feeds, arrays, strict=True)}, updates, needed)
        return Plan(program, self.backend, len(feeds), watch, self.graph.operations)


def watcher() -> Any:
    """The recorder that is told of runs, if one is."""
    if not mode.watched:
        return None
    return mode.watch if mode.graph is None else mode.graph.recorder


class Plan:
    """A program with the back end that runs it.

    Attributes:
        variables: the tensors that the program reads, and `changed`: those of them that it changes.
        code: what runs it, made by the back end.
    """

    def __init__(self, program: Program, backend: str, feeds: int, watch: Any = None,
                 origins: list[Operation] | None = None):
        self.backend = "interpreter" if watch is not None else backend
        self._given = program
        variables = program.inputs[feeds:]
        self.variables = [x.operation.value for x in variables]
        self.changed = [v.operation.value for v, _ in program.updates]
        self._symbols = [x for x in variables if x.shape]
        self._solid = [bool(x.shape) for x in variables]                        # the others are scalars: ever new objects
        self._numbers = [(k, x) for k, x in enumerate(variables) if not x.shape and isinstance(self.variables[k], Tensor)]
        self._changes = [any([t is v for v in self.changed]) for t in compress(self.variables, self._solid)]
        self._held: list[Any] = [None] * len(self._symbols)                     # the variables' arrays at the latest run,
        self._memory: set[int] = set()                                          # who owns their memory,
        self._written: set[int] = set()                                         # and the memory that a run writes into
        self.writes: list[versions.Write] | None = None     # the records of that memory, where it was written before
        self.lock = threading.Lock()            # a plan has one block of memory
        if watch is not None:
            self.program = program
            self.code = interpreter(program, watch.running(program, origins, backend))
        else:
            with alone, uncollected():       # generated code may be kept from another process: then no pass runs
                self.code = compiled(program if backend in ("c", "cuda") else self.program, backend)

    @cached_property
    def program(self) -> Program:
        """What is run, after the passes."""
        return optimised(self._given)

    @property
    def recomputed(self) -> dict[str, Rewrite]:
        """What is computed again rather than kept, by name: see `passes.recompute`."""
        made = getattr(self.code, "made", None)
        return made.recomputed if made is not None else {}

    def run(self, arrays: list[Any], copy: bool = False) -> list[Any]:
        """One run: the values of the outputs, given those of the feeds; variables are read and changed.

        A feed that looks into memory which the run writes is copied, or else refused: what it stands for after that
        depends on who feeds it.
        """
        with self.lock:
            held = [t.array for t in self.variables]
            solid = list(compress(held, self._solid))
            if not all(map(is_, solid, self._held)):
                self._hold(solid)
            for k, x in self._numbers:
                _check_kind(x, held[k])
            if self._written:
                for k, a in enumerate(arrays):
                    if self._overlaps(a):
                        if not copy:
                            raise UnfitError("an argument looks into memory that the function writes")
                        arrays[k] = a.copy()
            return self._run_alone(arrays, held)

    def takes(self, k: int, array: Any) -> bool:
        """Let feed `k` be read where this array lies, if it can be; for who holds the lock."""
        return type(array) is not Symbol and not self._overlaps(array) and self.code.place(k, array)

    def _hold(self, arrays: list[Any]) -> None:
        """Look at variables whose memory is not that of the latest run."""
        for x, a in zip(self._symbols, arrays, strict=True):
            _check_kind(x, a)
        self._check_written(arrays)
        self._held, self.writes = arrays, None
        self._memory = {id(versions.owner(a)) for a in arrays}
        self._written = {id(versions.owner(t.array)) for t in self.changed if t.array.ndim}

    def _check_written(self, arrays: list[Any]) -> None:
        """Refuse to write where nobody may, and where a variable lies that would have to see it."""
        by_memory: dict[int, list[Any]] = {}
        for a in compress(arrays, self._changes):
            if type(a) is np.ndarray and not a.flags.writeable:
                raise unwritable(wrap(a))
            by_memory.setdefault(id(versions.owner(a)), []).append(a)
        for a, changes in zip(arrays, self._changes, strict=True):
            beside = by_memory.get(id(versions.owner(a)), [])
            # Of two that are written each may look into the other, but be the other only where they were one from the start.
            if sum([a is b for b in beside]) > 1 or (not changes and any([array_module(a).may_share_memory(a, b)
                                                                          for b in beside])):
                raise UnfitError("a variable shares memory with one that the graph writes, as it did not before")

    def _overlaps(self, array: Any) -> bool:
        """Whether an array lies where a run writes, and not beside it in one block, as parameters often do."""
        return id(versions.owner(array)) in self._written and any(
            [array_module(array).may_share_memory(array, t.array) for t in self.changed if t.array.ndim])

    def _run_alone(self, arrays: list[Any], held: list[Any]) -> list[Any]:
        outputs, news = self.code([*arrays, *held])
        if self.variables:                      # nothing that is handed out may lie in memory that a run writes into
            outputs = [self.apart(v) for v in outputs]
        if news:                                # what the back end has not written into the variables' memory itself
            for t, new in zip(self.changed, [self.apart(v) for v in news], strict=True):
                if new is not None:
                    store(t, new)
        if self.changed:                       # backward passes must notice
            if self.writes is None:
                self.writes = [w for w in (versions.wrote(t.array) for t in self.changed) if w is not None]
            else:
                versions.wrote_again(self.writes)
        return outputs

    def apart(self, value: Any) -> Any:
        """A value, copied where it is or looks into a variable."""
        return value.copy() if value is not None and value.ndim and id(versions.owner(value)) in self._memory else value

    def memory(self) -> str:
        """How much memory a run needs, and what is computed again to need no more; empty where the back end does not plan."""
        made: Callable[[], str] | None = getattr(self.code, "memory", None)
        if made is None:
            return ""
        lines: dict[Any, list[Symbol]] = {}
        for r in self.recomputed.values():
            lines.setdefault(r.operation.where, []).extend(r.operation.results)
        again = [(sum([math.prod(x.shape) * x.itemsize for x in found]), len(found), Line.at(where) if where else "no line")
                 for where, found in lines.items()]
        return "\n    ".join([made(), *[f"computed again, not kept: {size:,} bytes ({count} values) at {line}"
                                        for size, count, line in sorted(again, key=lambda part: -part[0])]])

    def source(self) -> str:
        """The code that the back end generated; the program's listing where it generates none."""
        made: Callable[[], str] | None = getattr(self.code, "source", None)
        return made() if made is not None else str(self.program)


def _check_kind(x: Symbol, a: Any) -> None:
    """Refuse a variable that is of another dtype or shape than its graph was made for."""
    if a.dtype != x.dtype or a.shape != x.shape:
        raise UnfitError(f"{x.name!r} was {x.dtype} {shape_text(x.shape)} and is {a.dtype} {shape_text(a.shape)}: a "
                         "graph is made for variables as they are, so define it anew for others.")


def store(t: Tensor, new: Any) -> None:
    """Give a variable its new value, in its own memory."""
    if isinstance(t.array, np.generic):
        t.array = unboxed(new)
    else:
        t.array[...] = new


def _flatten(fetches: Any, flat: list[Any], graph: Graph) -> Callable[[Any], Any]:
    """Collect the symbols of a nested structure; returns what builds the structure from their values."""
    if isinstance(fetches, str):
        flat.append(_named(graph, fetches))
        return next
    if isinstance(fetches, Group):
        flat.extend([t.array for t in fetches.members])
        count = len(fetches.members)
        return lambda values: [next(values) for _ in range(count)] and None
    if isinstance(fetches, Tensor):
        flat.append(fetches.array if type(fetches.array) is Symbol else graph.tensor_of(fetches).array)
        return next
    if isinstance(fetches, dict):
        parts = {k: _flatten(v, flat, graph) for k, v in fetches.items()}
        return lambda values: {k: part(values) for k, part in parts.items()}
    if isinstance(fetches, (list, tuple)):
        made = [_flatten(f, flat, graph) for f in fetches]
        kind = type(fetches)
        return lambda values: kind([part(values) for part in made])
    raise StaticError(f"cannot fetch {fetches!r}: a fetch is a tensor, a group, a name, or a list, tuple or dict of them")


def _named(graph: Graph, name: str) -> Symbol:
    """The symbol of a name such as `loss`, or `split:1` for an operation's second result."""
    operation, _, index = name.partition(":")
    try:
        return graph[operation].results[int(index or 0)]
    except (KeyError, IndexError, ValueError):
        names = ", ".join(o.name for o in graph.operations) or "nothing yet"
        raise StaticError(f"nothing is called {name!r} in graph {graph.name!r}. A name is an operation's, as print(graph) "
                          f"lists it, and not your variable's: there are {names}. Or fetch the tensor itself, without "
                          "quotes.") from None


def _fitting(symbol: Symbol, value: Any) -> Any:
    """A value to feed as an array of the symbol's dtype, checked against its shape."""
    array = value.array if isinstance(value, Tensor) else value
    if type(array) is Symbol:
        raise FeedError(f"{symbol.name!r} was fed the symbolic tensor {array.name!r}: feed numbers, such as the result "
                        "of another run")
    if type(array) is not np.ndarray or array.dtype != symbol.dtype:
        try:
            given = array_module(array).asarray(array)
            array = given.astype(symbol.dtype, casting="same_kind" if given.dtype.kind != "i" else "unsafe")
        except (TypeError, ValueError) as error:
            raise FeedError(f"{symbol.name!r} is {symbol.dtype} and cannot be fed {value!r}: {error}\n  defined at "
                            f"{symbol.line}") from None
    shape = symbol.shape
    if len(array.shape) != len(shape) or any([m != n and not isinstance(n, Dim) for m, n in zip(array.shape, shape)]):
        raise FeedError(f"{symbol.name!r} has shape {shape_text(shape)} and was fed an array of shape "
                        f"{array.shape}\n  defined at {symbol.line}")
    return place(array, symbol.operation.graph.device)
