"""Inlining: a cheap value that a later loop needs is computed there again, so that it never goes through memory."""
from __future__ import annotations

import math

from ...symbol import Symbol
from ..graph import Operation
from .fuse import Schedule, Step, domain, is_view, owner
from .rewrites import noted

CHEAP = frozenset({"add", "sub", "mul", "div", "neg", "abs", "relu", "maximum", "minimum", "where", "cast", "eq", "ne", "lt",
                   "le", "gt", "ge", "logical_and", "logical_or", "logical_not", "clamp", "sign"})
EXACT = frozenset({"eq", "ne"})  # a number computed twice may differ in its last bit, and would no longer equal itself
DEEPEST = 8                     # operations in a row that are computed again
LEAVES = 2                      # large values that may be read for it beyond those that the loop reads anyway


def inline(schedule: Schedule) -> None:
    """Let every loop compute again what is cheap, and drop what is read by nobody then."""
    kept = {owner(x) for x in schedule.program.results}
    for number, step in enumerate(schedule.steps):
        if step.kind == "fused":
            _Again(schedule, step, number, kept).run()
    _prune(schedule, kept)


class _Again:
    """One loop's turn."""

    def __init__(self, schedule: Schedule, step: Step, number: int, kept: set[Symbol]):
        self.schedule, self.step, self.number, self.kept = schedule, step, number, kept
        self.made: dict[Symbol, Symbol] = {}
        self.operations: list[Operation] = []
        self.loaded = {owner(x) for o in step.operations for x in o.sources if not self._is_from_before(x)}

    def run(self) -> None:
        """Rebuild the loop's list of operations, with copies in front of who reads them."""
        for o in self.step.operations:
            inputs = list(o.inputs)
            for k, x in enumerate(inputs):
                if isinstance(x, Symbol) and self._repeatable(o, x):
                    leaves: set[Symbol] = set()
                    if self._possible(x, leaves, 0) and len(leaves - self.loaded) <= LEAVES and self._waits_for(leaves, x):
                        self.loaded |= leaves
                        inputs[k] = self._copy(x)
            o.read(tuple(inputs))
            self.operations.append(o)
        self.step.operations = self.operations

    def _waits_for(self, leaves: set[Symbol], x: Symbol) -> bool:
        """Whether the leaves are there anyway, or wait for this loop in the place of something with as many elements.

        Booleans count like numbers: keeping them would take less memory, and several times as long to read and write.
        """
        longer = [y for y in leaves if y.operation.kind == "operation" and self.last(y) < self.number]
        return sum([math.prod(y.shape) for y in longer]) <= math.prod(x.shape)

    def last(self, x: Symbol) -> int:
        """The last step that reads a value."""
        return max([self.schedule.place[o] for o in self.schedule.users(x)], default=-1)

    def _is_from_before(self, x: Symbol) -> bool:
        """Whether a value as large as the loop comes out of an earlier loop as something cheap."""
        o = x.operation
        place = self.schedule.place.get(o, -1)
        return (o.does in CHEAP and 0 <= place < self.number and x not in self.kept
                and self.schedule.steps[place].kind == "fused" and domain(x.shape) == self.step.domain
                and self.step.domain[1] > 1)

    def _repeatable(self, reader: Operation, x: Symbol) -> bool:
        """Whether this reader may be given a copy."""
        return self._is_from_before(x) and not (reader.does in EXACT and x.dtype.kind == "f")

    def _possible(self, x: Symbol, leaves: set[Symbol], depth: int) -> bool:
        """Whether `x` can be computed from what is in memory in any case; collects what would be read."""
        if x in self.made:
            return True
        if depth > DEEPEST or not self._is_from_before(x):
            return False
        for y in x.operation.sources:
            if self._repeatable(x.operation, y):
                if not self._possible(y, leaves, depth + 1):
                    return False
            elif math.prod(y.shape) * 8 > math.prod(x.shape):
                leaves.add(owner(y))
        return True

    def _copy(self, x: Symbol) -> Symbol:
        if x not in self.made:
            o = x.operation
            inputs = tuple([self._copy(y) if isinstance(y, Symbol) and self._repeatable(o, y) else y for y in o.inputs])
            twin = o.twin(o.graph, inputs)
            twin.name, twin.number = f"{o.name}.again", o.number
            twin.results = (Symbol(x.shape, x.dtype, twin),)
            self.made[x] = twin.results[0]
            self.schedule.place[twin] = self.number
            self.operations.append(twin)
            noted("inline", o, "cheaper to compute again than to keep")
        return self.made[x]


def _prune(schedule: Schedule, kept: set[Symbol]) -> None:
    """Drop operations that nobody reads any more."""
    while True:
        running = [o for step in schedule.steps for o in step.operations]
        schedule.index([*running, *schedule.views])
        live = {o for o in schedule.views if any([True for _ in schedule.users(o.results[0])]) or o.results[0] in kept}
        schedule.views = [o for o in schedule.views if o in live or _ends(o, schedule)]
        dead = [o for o in running if schedule.steps[schedule.place[o]].kind == "fused"
                and not schedule.readers.get(o.results[0]) and o.results[0] not in kept]
        if not dead:
            return
        for o in dead:
            schedule.steps[schedule.place[o]].operations.remove(o)
            del schedule.place[o]


def _ends(view: Operation, schedule: Schedule) -> bool:
    """Whether a view leads to something that the program returns."""
    found = set(schedule.program.results)
    stack = [view.results[0]]
    while stack:
        x = stack.pop()
        if x in found:
            return True
        stack += [o.results[0] for o in schedule.readers.get(x, ()) if is_view(o)]
    return False
