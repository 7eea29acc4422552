"""Where the values of generated C lie: in one block, in the memory of inputs, or as views of one another."""
from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np

from ...device import CPU
from ...device import place as placed_on
from ...symbol import Symbol
from ..graph import Operation
from ..memory import Life, plan_memory
from ..passes import enabled
from ..passes.fuse import Schedule, Step, domain, is_view, owner, reduction, through
from ..program import Program
from .c_plan import aligned


def viewed(o: Operation, array: Any) -> Any:
    """The array that a view operation gives of another, in the same memory; a ValueError where that cannot be."""
    if o.does == "reshape":
        return reshaped(array, o.results[0].shape)
    if o.does == "stretch":
        return np.broadcast_to(array, o.results[0].shape)
    if o.does == "getitem":                  # with an ellipsis a single element is a view too, not a copy
        index = o.attrs["index"] if isinstance(o.attrs["index"], tuple) else (o.attrs["index"],)
        return array[index if any([i is Ellipsis for i in index]) else (*index, ...)]
    return o.op.forward(np, array, **o.attrs)


def reshaped(array: Any, shape: tuple[int, ...]) -> Any:
    return array.reshape(shape, copy=False)


def shell(x: Symbol, known: dict[Symbol, Any]) -> Any:
    """An array that has the strides `x` will have, and one number for memory; `known` has some, and the new one joins."""
    found = known.get(x)
    if found is None:
        if is_view(x.operation):
            found = viewed(x.operation, shell(x.operation.sources[0], known))
        else:
            steps = [x.itemsize * math.prod(x.shape[k + 1:]) for k in range(x.ndim)]
            found = np.lib.stride_tricks.as_strided(np.zeros(1, x.dtype), x.shape, steps)
        known[x] = found
    return found


class Layout:
    """Which values need memory, and where it is: views of one block, of the inputs, or of constants."""

    def __init__(self, program: Program, schedule: Schedule):
        self.program, self.schedule = program, schedule
        self.outputs = {owner(x) for x in program.results}
        self.in_place = self._updated_in_place() if enabled("memory") else {}
        self.tiles = {step.operations[0].results[0] for step in schedule.steps if step.kind == "tiles"}
        # In the order of the steps, not a set: equal programs must give equal code, which is compiled once.
        self.stored = dict.fromkeys([r for step in schedule.steps for o in step.operations for r in o.results
                                     if r is not None and self._needs_memory(o, r)])
        self.over = self._written_over() if enabled("memory") else {}
        self.shared = {*self.over, *self.over.values(), *self.in_place, *self.in_place.values()}
        self.lives = self._lives()

    def settle(self) -> None:
        """Give every value its place."""
        program, end = self.program, len(self.schedule.steps)
        self.plan = plan_memory(self.lives if enabled("memory")
                                else {x: Life(life.size, 0, end) for x, life in self.lives.items()})
        self.block = aligned(self.plan.total)
        self.small = {x: np.zeros(x.shape, x.dtype) for x in program.inputs}    # only their layout, and 0-d values
        self.constants = {o.results[0]: np.asarray(placed_on(o.value, CPU), order="C") for o in program.constants}
        self.arrays: dict[Symbol, np.ndarray] = {}

    def _needs_memory(self, o: Operation, x: Symbol) -> bool:
        """Whether a value is read outside the loop that computes it."""
        place = self.schedule.place
        if self.schedule.steps[place[o]].kind != "fused" or x in self.outputs or reduction(o) in ("column", "all"):
            return True
        return self._read_elsewhere(x, x, place[o])

    def _read_elsewhere(self, x: Symbol, source: Symbol, step: int) -> bool:
        for u in self.schedule.readers.get(x, ()):
            if is_view(u):
                if self._read_elsewhere(u.results[0], source, step):
                    return True
            elif self.schedule.place[u] != step or through(x) is not source:
                return True
        return False

    def _held(self, x: Symbol) -> tuple[int, ...]:
        """The shape of what lies in the block: of a value that is computed image by image a single one."""
        return x.shape[1:] if x in self.tiles else x.shape

    def _last_read(self, x: Symbol) -> int:
        """The last step that needs a value of the block."""
        place = self.schedule.place
        return len(self.schedule.steps) if x in self.outputs else max([place[x.operation],
                                                                       *[place[u] for u in self.schedule.users(x)]])

    def _lives(self) -> dict[Any, Life]:
        """How long each place in the block is needed, by the value that lies there first."""
        lives: dict[Any, Life] = {}
        for x in self.stored:
            if x in self.over:
                lives[self.over[x]] = lives[self.over[x]]._replace(last=self._last_read(x))
            elif x not in self.in_place:
                lives[x] = Life(math.prod(self._held(x)) * x.itemsize, self.schedule.place[x.operation], self._last_read(x))
        return lives

    def _updated_in_place(self) -> dict[Symbol, Symbol]:
        """New values that can be written straight into their variable: every reader of the old one has read it by then.

        By then no index can be found out of range any more: a run that is refused leaves the variables as they were.
        """
        place, found, outputs, safe = self.schedule.place, {}, set(self.program.outputs), self._last_check()
        read_after = set(map(owner, outputs))
        counts = Counter([new for _, new in self.program.updates])
        becoming = Counter([owner(new) for _, new in self.program.updates])
        for variable, new in self.program.updates:
            step = place.get(new.operation)
            if (step is not None and step > safe and variable.shape and counts[new] == 1
                    and new not in outputs and variable not in read_after
                    and self._can_lie_over(new, variable, step)
                    and becoming[variable] == (owner(new) is variable)):
                found[new] = variable
        return found

    def _last_check(self) -> int:
        """The last step that looks at an index which no step before has looked at, for a table of the same shape."""
        seen: set[Any] = set()
        last = -1
        for number, step in enumerate(self.schedule.steps):
            for o in step.operations:
                if o.does in ("getitem", "setitem", "scatter_into") and o.operands < len(o.inputs):
                    table = o.results[0] if o.does == "scatter_into" else o.sources[0]
                    check = o.inputs[o.operands:], table.shape
                    last = last if check in seen else number
                    seen.add(check)
        return last

    def _written_over(self) -> dict[Symbol, Symbol]:
        """Values that a loop can write where another lies that it is the last to read; each with the first that lay there."""
        place, over = self.schedule.place, {}                                   # type: ignore[var-annotated]
        for number, step in enumerate(self.schedule.steps):
            if step.kind != "fused" or not _passes_once(step):
                continue
            new = [o.results[0] for o in step.operations if o.results[0] in self.stored]
            old = dict.fromkeys([y for y in dict.fromkeys([owner(s) for o in step.operations for s in o.sources])
                                 if y in self.stored and y not in self.outputs and y not in self.in_place
                                 and place[y.operation] < number and self._read_by_then(y, number)])
            for x in new:
                y = next((y for y in old if x not in self.in_place and _as_large(x, y, step)), None)
                if y is not None:
                    over[x] = over.get(y, y)
                    del old[y]
        return over

    def _can_lie_over(self, new: Symbol, old: Symbol, number: int) -> bool:
        """Whether this step can write `new` where `old` lies: nobody reads it later, and the loop element by element."""
        step = self.schedule.steps[number]
        return step.kind == "fused" and _passes_once(step) and _as_large(new, old, step) and self._read_by_then(old, number)

    def _read_by_then(self, old: Symbol, number: int) -> bool:
        """Whether every reader of a value comes before this step, or is in it and reads element by element."""
        place, step = self.schedule.place, self.schedule.steps[number]
        return all([place[u] < number or (place[u] == number and self._by_element(u, old, step))
                    for u in self.schedule.users(old)])

    @staticmethod
    def _by_element(user: Operation, old: Symbol, loop: Step) -> bool:
        """Whether an operation reads at every place of its loop the element of `old` with the same number."""
        for x in user.sources:
            if owner(x) is old:
                if domain(x.shape) != loop.domain:
                    return False
                while x is not old:
                    if x.operation.does != "reshape":
                        return False
                    x = x.operation.sources[0]
        return True

    def array(self, x: Symbol) -> np.ndarray:
        """The array that holds a symbol, or is laid out like the one that will."""
        found = self.arrays.get(x)
        if found is None:
            found = self.arrays[x] = self._array(x)
        return found

    def _array(self, x: Symbol) -> np.ndarray:
        o = x.operation
        if x in self.small:
            return self.small[x]
        if x in self.constants:
            return self.constants[x]
        if x in self.in_place:
            return self.array(self.in_place[x])
        if is_view(o):
            return viewed(o, self.array(o.sources[0]))[...]
        offset = self.plan.offsets[self.over.get(x, x)]
        held = self._held(x)
        size = math.prod(held) * x.itemsize
        place = self.block[offset:offset + size].view(x.dtype).reshape(held)
        return np.broadcast_to(place, x.shape) if x in self.tiles else place


def _passes_once(loop: Step) -> bool:
    """Whether a loop reads a row only once: where it needs several passes, who reads when?"""
    return not any([reduction(o) == "row" for o in loop.operations])


def _as_large(new: Symbol, old: Symbol, loop: Step) -> bool:
    """Whether a loop writes `new` element by element, and `old` has room for exactly that."""
    return (new.dtype == old.dtype and domain(new.shape) == loop.domain and not reduction(new.operation)
            and math.prod(new.shape) == math.prod(old.shape))
