"""Functions that break into pieces where Python needs a number: a tree of plans, branching by the numbers it was given."""
from __future__ import annotations

import copy
from collections.abc import Hashable
from typing import Any

import numpy as np

from ..device import default_generator
from ..symbol import Symbol
from ..tensor import Tensor
from .program import ancestors, specialise
from .session import Plan, store
from .trace import Break, Traced

BRANCHES = 8        # of one break: a number that takes more values than this does not choose among pieces

Place = tuple[int, int]             # a symbol by its operation's number and its index: equal in traces that begin alike


class NewBranch(Exception):
    """Python was given a number that no trace knows how to go on from."""

    def __init__(self, piece: Piece):
        ask = piece.ask
        assert ask is not None
        self.piece = piece
        super().__init__(f"{ask.symbol.name!r} was {ask.what} at {ask.line} and had more than {BRANCHES} different values")


def place_of(x: Symbol) -> Place:
    """Where a symbol stands in its graph."""
    return x.operation.number, x.index


def answer(found: Break, value: Any) -> Hashable:
    """What a piece's number chooses the next piece by."""
    if "truth" in found.what:
        return bool(value)
    return value.item() if np.size(value) == 1 else value.tobytes()


class Piece:
    """One piece: the operations from one break (or the beginning) to the next (or the end)."""

    def __init__(self, traced: Traced, number: int):
        self.traced, self.number = traced, number
        breaks = traced.graph.breaks
        self.ask = breaks[number] if number < len(breaks) else None
        self.stop = self.ask.before if self.ask else len(traced.graph.operations)
        self.start = breaks[number - 1].before if number else 0
        self.children: dict[Hashable, Piece] = {}
        self.plans: dict[Any, tuple[Plan, list[Place], list[Place]]] = {}

    def wanted(self) -> list[Symbol]:
        """What this piece must have computed in the end, for its own sake."""
        return [self.ask.symbol] if self.ask else ends(self.traced)

    def reads(self) -> set[Place]:
        """What this piece and those after it read of what came before it."""
        graph = self.traced.graph
        needed = [o for o in ancestors(self.wanted(), self._earlier()) if o.number >= self.start]
        own = {place_of(x) for o in needed for x in o.sources if x.operation.number < self.start and _computed(x)}
        own |= {place_of(x) for x in self.wanted() if x.operation.number < self.start and _computed(x)}
        later = {p for child in self.children.values() for p in child.reads()}
        assert graph is not None
        return own | {p for p in later if p[0] < self.start}

    def _earlier(self) -> list[Symbol]:
        return [r for o in self.traced.graph.operations[:self.start] for r in o.results if r is not None and _computed(r)]

    def plan(self, shapes: tuple[Any, ...], backend: str, sizes: dict[Place, Any]) -> tuple[Plan, list[Place], list[Place]]:
        """The plan for arguments of these shapes, what it is given of earlier pieces, and what it hands on."""
        found = self.plans.get(shapes)
        if found is None:
            graph = self.traced.graph
            given_places = sorted(self.reads())
            given = dict(zip(self.traced.placeholders, shapes, strict=True))
            given.update({graph.operations[n].results[k]: sizes[n, k] for n, k in given_places})
            on = {p for child in self.children.values() for p in child.reads() if p[0] >= self.start}
            wanted = self.wanted()
            outputs = [*wanted, *[graph.operations[n].results[k] for n, k in sorted(on - {place_of(x) for x in wanted})]]
            updates = [] if self.ask else list(graph.updates.items())
            program = specialise(outputs, given, updates)
            found = self.plans[shapes] = (Plan(program, backend, len(given)), given_places, [place_of(x) for x in outputs])
        return found


def ends(traced: Traced) -> list[Symbol]:
    """Everything that the last piece has to return."""
    draws = [o.results[0] for o in traced.graph.operations if o.does == "draw"]
    return [*traced.outputs, *[g for _, g in traced.grads if g is not None], *[s for _, s in traced.argument_writes], *draws]


def _computed(x: Symbol) -> bool:
    return x.operation.kind == "operation"


class Pieces:
    """The pieces of a function, as a tree whose branches are chosen by the numbers that Python was given."""

    def __init__(self, traced: Traced, backend: str):
        self.backend = backend
        self.root = Piece(traced, 0)
        self.draws = any(o.does == "draw" for o in traced.graph.operations)
        self.add(traced)

    def add(self, traced: Traced) -> None:
        """Grow the branch that a further trace followed."""
        piece = self.root
        for number, found in enumerate(traced.graph.breaks):
            piece.plans.clear()                 # pieces may have to hand on more than before
            piece = piece.children.setdefault(answer(found, found.value), Piece(traced, number + 1))
        self.draws |= any(o.does == "draw" for o in traced.graph.operations)

    def run(self, tensors: list[Tensor]) -> tuple[Traced, list[Any]]:
        """One call: piece after piece; the trace that it followed, and the values at its end."""
        before = copy.deepcopy(default_generator._streams) if self.draws else None
        arrays = [t.array for t in tensors]
        shapes = tuple([np.shape(a) for a in arrays])
        values: dict[Place, Any] = {}
        piece = self.root
        while True:
            sizes = {p: np.shape(v) for p, v in values.items()}
            plan, given, handed_on = piece.plan(shapes, self.backend, sizes)
            outs = plan.run([*arrays, *[values[p] for p in given]])
            values.update(zip(handed_on, outs, strict=True))
            if piece.ask is None:
                return piece.traced, outs
            choice = answer(piece.ask, outs[0])
            if choice not in piece.children:
                if before is not None:          # the pieces that ran have drawn numbers that will be drawn again
                    default_generator._streams = before
                raise NewBranch(piece)
            piece = piece.children[choice]


def finish_first_call(traced: Traced) -> list[Any]:
    """The values at the end of the call that was traced, computed from what its breaks had computed already."""
    graph = traced.graph
    values = [graph.computed(x) for x in ends(traced)]
    news = [(variable.operation.value, graph.computed(new)) for variable, new in graph.updates.items()]
    for t, new in [(t, v.copy()) for t, v in news]:
        store(t, new)
    return values
