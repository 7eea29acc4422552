"""Where the values of generated C lie: in one block, in the memory of inputs, or as views of one another."""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...symbol import Symbol
from ..graph import Operation
from ..memory import Life, plan_memory
from ..passes import enabled
from ..passes.fuse import Schedule, Step, domain, is_view, owner, reduction, through
from ..program import Program


def viewed(o: Operation, array: Any) -> Any:
    """The array that a view operation gives of another, in the same memory; a ValueError where that cannot be."""
    assert o.op is not None
    if o.op.name == "reshape":
        return reshaped(array, o.results[0].shape)
    if o.op.name == "stretch":
        return np.broadcast_to(array, o.results[0].shape)
    if o.op.name == "getitem":                  # with an ellipsis a single element is a view too, not a copy
        index = o.attrs["index"] if isinstance(o.attrs["index"], tuple) else (o.attrs["index"],)
        return array[index if any([i is Ellipsis for i in index]) else (*index, ...)]
    return o.op.forward(np, array, **o.attrs)


def reshaped(array: Any, shape: tuple[int, ...]) -> Any:
    return array.reshape(shape, copy=False)


class Layout:
    """Which values need memory, and where it is: views of one block, of the inputs, or of constants."""

    def __init__(self, program: Program, schedule: Schedule):
        self.program, self.schedule = program, schedule
        self.outputs = {owner(x) for x in program.results}
        self.in_place = self._updated_in_place()
        # In the order of the steps, not a set: equal programs must give equal code, which is compiled once.
        self.stored = dict.fromkeys([r for step in schedule.steps for o in step.operations for r in o.results
                                     if r is not None and self._needs_memory(o, r)])
        lives: dict[Any, Life] = {}
        for x in self.stored:
            if x not in self.in_place:
                step = schedule.place[x.operation]
                readers = [schedule.place[u] for u in schedule.users(x)]
                last = len(schedule.steps) if x in self.outputs else max([step, *readers])
                lives[x] = Life(math.prod(x.shape) * x.itemsize, step, last)
        end = len(schedule.steps)
        self.plan = plan_memory(lives if enabled("memory") else {x: Life(size, 0, end) for x, (size, _, _) in lives.items()})
        raw = np.empty(self.plan.total + 64, np.uint8)
        start = -raw.ctypes.data % 64
        self.block = raw[start:start + self.plan.total]
        self.small = {x: np.zeros(x.shape, x.dtype) for x in program.inputs}    # only their layout, and 0-d values
        self.constants = {o.results[0]: np.asarray(o.value, order="C") for o in program.constants}
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

    def _updated_in_place(self) -> dict[Symbol, Symbol]:
        """New values that can be written straight into their variable: every reader of the old one has read it by then."""
        place, found, outputs = self.schedule.place, {}, set(self.program.outputs)
        counts: dict[Symbol, int] = {}
        for _, new in self.program.updates:
            counts[new] = counts.get(new, 0) + 1
        for variable, new in self.program.updates:
            o = new.operation
            step = place.get(o)
            if step is None or not variable.shape or counts[new] > 1 or new in outputs or new.dtype != variable.dtype:
                continue
            fused = self.schedule.steps[step]
            if fused.kind != "fused" or reduction(o) or domain(new.shape) != fused.domain or variable in outputs:
                continue
            if any([reduction(x) == "row" for x in fused.operations]):      # several passes over a row: who reads when?
                continue
            after = fused.operations.index(o)
            if all([self._read_before(variable, u, step, fused, after) for u in self.schedule.users(variable)]) \
                    and not any([owner(x) is variable for _, x in self.program.updates if x is not new]):
                found[new] = variable
        return found

    def _read_before(self, variable: Symbol, user: Operation, step: int, fused: Step, after: int) -> bool:
        at = self.schedule.place[user]
        if at != step:
            return at < step
        same = variable in set(user.sources) and (reduction(user) is not None or user.results[0].shape == variable.shape)
        return same and fused.operations.index(user) <= after and all([owner(x) is not variable or x is variable
                                                                      for x in user.sources])

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
        offset = self.plan.offsets[x]
        size = math.prod(x.shape) * x.itemsize
        return self.block[offset:offset + size].view(x.dtype).reshape(x.shape)
