"""A program: the part of a graph that one run needs, with every size a number, in an order that can be run."""
from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..symbol import Dim, Symbol, leaves, size_of
from .graph import Graph, Operation
from .infer import concrete


class Program:
    """What to compute from what.

    Attributes:
        graph: the operations, in an order in which each stands behind its inputs. A program owns its graph.
        inputs: the symbols whose arrays a run is given, in this order: fed values, then variables.
        outputs: the symbols whose arrays a run returns.
        updates: (variable, its new value) for every variable that a run changes; a variable is read before that,
            whatever the order of operations, and changed after its last reader.
        budget: how much memory a run may need at once, as `compile` takes it, or None.
    """

    def __init__(self, graph: Graph, inputs: Sequence[Symbol], outputs: Sequence[Symbol],
                 updates: Sequence[tuple[Symbol, Symbol]] = (), budget: float | None = None):
        self.graph, self.inputs, self.outputs, self.updates = graph, list(inputs), list(outputs), list(updates)
        self.budget = budget

    @property
    def operations(self) -> list[Operation]:
        """What a run computes, in order; without the inputs, which are given, and the constants."""
        return [o for o in self.graph.operations if o.kind == "operation"]

    @property
    def constants(self) -> list[Operation]:
        """The constants."""
        return [o for o in self.graph.operations if o.kind == "constant"]

    @property
    def results(self) -> list[Symbol]:
        """Everything that must exist at the end: the outputs and the new values of variables."""
        return [*self.outputs, *(new for _, new in self.updates)]

    def __str__(self) -> str:
        names = ", ".join(x.name for x in self.inputs)
        ends = [", ".join(x.name for x in self.outputs), *(f"{v.name} ← {new.name}" for v, new in self.updates)]
        return f"given {names}\n{self.graph}\nreturn {'; '.join(e for e in ends if e)}"


@contextmanager
def uncollected() -> Iterator[None]:
    """A while without Python's collector of cycles, which would look through a graph over and over while it grows."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def ancestors(roots: Iterable[Any], given: Iterable[Symbol] = ()) -> list[Operation]:
    """The operations that the roots (symbols or operations) need, in order of definition; `given` symbols need nothing."""
    known = set(given)
    seen: set[Operation] = set()
    stack = [r for r in roots if r not in known]
    while stack:
        item = stack.pop()
        operation = item.operation if isinstance(item, Symbol) else item
        if operation in seen:
            continue
        seen.add(operation)
        stack += [x for x in (*operation.sources, *dims_in((operation.attrs, operation.inputs))) if x not in known]
        stack += operation.control
    return sorted(seen, key=lambda o: o.number)


def dims_in(value: Any) -> list[Symbol]:
    """The symbols whose sizes attributes are computed from."""
    dims = [v for v in leaves(value) if isinstance(v, Dim)]
    return [s for n in dims for s in ([n.of[0]] if isinstance(n.of[0], Symbol) else dims_in(n.of[1:]))]


class Rewriter:
    """Builds a new program from an old one, operation by operation: what every pass does.

    `new[symbol]` is the symbol in the new graph that an old one has become.
    """

    def __init__(self, name: str = "program"):
        self.graph = Graph(name)
        self.new: dict[Symbol, Any] = {}

    def input(self, symbol: Symbol, shape: tuple[int, ...] | None = None) -> Symbol:
        """A given value of the new program in place of an old symbol."""
        o = symbol.operation
        kind = o.kind if o.kind == "variable" else "placeholder"
        sizes = symbol.shape if shape is None else shape
        made = self.graph.source(kind, sizes, symbol.dtype, o.name.rpartition("/")[2], o.value)
        made.operation.where, made.operation.module, made.operation.name = o.where, o.module, o.name
        self.new[symbol] = made
        return made

    def map(self, x: Any) -> Any:
        """An input in the new graph."""
        return self.new[x] if isinstance(x, Symbol) else self.size(x) if isinstance(x, Dim) else x

    def keep(self, o: Operation) -> Operation:
        """The operation as it is, on the new symbols."""
        twin = o.twin(self.graph, tuple([self.map(x) for x in o.inputs]))
        twin.again = o.again
        twin.results = tuple([r if r is None else Symbol(r.shape, r.dtype, twin, k) for k, r in enumerate(o.results)])
        self._append(o, twin)
        return twin

    def resized(self, o: Operation) -> Operation:
        """The operation with its unknown sizes as numbers, which may change its results' shapes."""
        from .infer import infer

        twin = o.twin(self.graph, tuple([self.map(x) for x in o.inputs]))
        twin.attrs = concrete(o.attrs, self.size)
        described = infer(twin)
        twin.results = tuple([d if d is None else Symbol(d[0], d[1], twin, k) for k, d in enumerate(described)])
        self._append(o, twin)
        return twin

    def _append(self, o: Operation, twin: Operation) -> None:
        twin.number = len(self.graph.operations)
        self.graph.operations.append(twin)
        for old, new in zip(o.results, twin.results, strict=True):
            if old is not None:
                self.new[old] = new

    def size(self, n: Dim) -> int:
        """An unknown size as the number it has in the new graph."""
        return size_of(n, lambda x: self.new[x].shape)

    def program(self, old: Program) -> Program:
        """The new program, which is given and returns what the old one was and did."""
        return Program(self.graph, [self.new[x] for x in old.inputs], [self.new[x] for x in old.outputs],
                       [(self.new[v], self.new[x]) for v, x in old.updates], old.budget)


def rewritten(program: Program, change: Callable[[Rewriter, Operation], Any] | None = None,
              only: set[Operation] | None = None) -> Program:
    """The program with each operation as `change(rewriter, operation)` rebuilds it.

    `change` returns the new symbols of the results (one, or a tuple), or None to keep the operation as it is.
    """
    r = Rewriter(program.graph.name)
    for x in program.inputs:
        r.input(x)
    for o in program.graph.operations:
        if o.kind in ("placeholder", "variable") or (only is not None and o not in only):
            continue
        found = change(r, o) if change is not None and o.kind == "operation" else None
        if found is None:
            r.keep(o)
        else:
            for old, new in zip(o.results, found if isinstance(found, tuple) else (found,), strict=False):
                if old is not None:
                    r.new[old] = new
    return r.program(program)


def specialise(outputs: Sequence[Symbol], given: dict[Symbol, tuple[int, ...]],
               updates: Sequence[tuple[Symbol, Symbol]] = (), also: Sequence[Operation] = ()) -> Program:
    """The program that computes `outputs` from given values of these shapes: the ancestors alone, every size a number."""
    needed = ancestors([*outputs, *(new for _, new in updates), *(v for v, _ in updates), *also], given)
    r = Rewriter()
    inputs = [r.input(x, shape) for x, shape in given.items()]
    for o in needed:
        if o.kind == "variable" and o.results[0] not in given:
            inputs.append(r.input(o.results[0]))
    for o in needed:
        if o.kind == "constant":
            r.keep(o)
        elif o.kind == "operation":
            r.resized(o) if any([isinstance(n, Dim) for x in o.results if x is not None for n in x.shape]) \
                or dims_in((o.attrs, o.inputs)) or _changed(r, o) else r.keep(o)
    return Program(r.graph, inputs, [r.new[x] for x in outputs], [(r.new[v], r.new[x]) for v, x in updates])


def _changed(r: Rewriter, o: Operation) -> bool:
    """Whether an input has another shape than when the operation was defined, as a fed intermediate may."""
    return any([r.new[x].shape != x.shape for x in o.sources])
