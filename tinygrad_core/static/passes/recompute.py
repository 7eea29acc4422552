"""Recomputation: of what waits for its readers while memory is fullest, the part is kept that costs least to keep.

What is not kept is computed again, just before it is read. Which values to keep is a smallest cut through a network: a value
that is kept costs its bytes, one that is computed again the time of its operation, and every path from the inputs to a
reader must be cut somewhere (as in "Min-cut optimal(-ish) recomputation", H. He, 2022, with the price of time added).
"""
from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

from ...symbol import Symbol
from ..graph import Operation
from ..memory import Life, most_alive
from ..program import Program, Rewriter
from .dce import dce
from .fuse import Schedule, Step, is_view, owner
from .inline import CHEAP, EXACT
from .rewrites import noted

# How long an operation takes, roughly, in nanoseconds an element; products go by their multiplications. What is not here is
# never computed again: random numbers above all.
SPEEDS = {**dict.fromkeys(CHEAP, 0.05), **dict.fromkeys(("sqrt", "identity"), 0.1),
          **dict.fromkeys(("clone", "pad", "cat", "assemble", "sum", "amax"), 0.25), "getitem": 0.5,
          **dict.fromkeys(("exp", "exp2", "expm1", "log", "log1p", "tanh", "sin", "cos", "erf", "pow"), 0.4)}
MULTIPLICATIONS = 20.0          # a nanosecond, in products that are not large
TRAFFIC = 10.0                  # bytes a nanosecond, to and from memory
FREE = 20.0                     # bytes that a nanosecond is worth where no step shall get slower so that it can be measured,
PRICES = (4.0, 1.0, 0.2, 0.02)  # and where memory has to be saved
SMALL = 1 << 20                 # bytes that need no saving: they stay in the cache
LEAST = 1 << 18                 # bytes of a value that is worth it, without a budget
ROUNDS = 8
WORTH = 0.97                    # without a budget a change that does not bring memory down to this part of it is not made


class Planned(NamedTuple):
    """A program with its order of steps, and how long each place of its memory is needed."""

    program: Program
    schedule: Schedule
    lives: dict[Any, Life]


def recompute(program: Program, plan: Callable[[Program], Planned]) -> Program:
    """The program that needs less memory at once.

    What costs no time to speak of is done always. Beyond that time is spent until the program needs no more than its budget:
    bytes or, up to 1, a part of what it needs otherwise; or until nothing helps.

    Args:
        plan: orders a program's steps and tells how long values are needed.
    """
    planned, budget = plan(program), program.budget
    planned = _earlier(_smaller(_earlier(planned, plan), plan, FREE, SMALL, WORTH), plan)
    if budget is not None:
        limit = budget * _most(planned) if budget <= 1 else budget
        for price in PRICES:
            planned = _earlier(_smaller(planned, plan, price, limit, 1.0), plan)
    return planned.program


def _smaller(planned: Planned, plan: Callable[[Program], Planned], price: float, limit: float, worth: float) -> Planned:
    """What comes of changes at this price: while more is alive at once than the limit, and each helps by that factor."""
    for _ in range(ROUNDS):
        where, most = most_alive(planned.lives.values())
        later = (len(planned.schedule.steps) - where) // 2
        # What is read soon has to be there soon: where that does not help, only what is read later is computed again.
        for since in (where, where + later, where + later // 2)[:1 if worth < 1 else 3]:
            again = _Network(planned, where, since, price, LEAST if worth < 1 else 0).again() if most > limit else None
            if again:
                tried = plan(_rewritten(planned, planned.schedule.steps, since, again))
                if _most(tried) < most * worth:
                    break
        else:
            return planned
        for x in again:
            noted("recompute", x.operation, f"it takes {math.prod(x.shape) * x.itemsize} bytes and "
                  f"{time_of(x.operation) / 1000:.1f} µs, and would have been kept while memory was fullest")
        planned = tried
    return planned


def _most(planned: Planned) -> int:
    return most_alive(planned.lives.values())[1]


def _earlier(planned: Planned, plan: Callable[[Program], Planned]) -> Planned:
    """The same with steps that let go of more than they make moved forward, where that helps."""
    if _most(planned) <= SMALL:
        return planned
    return min(planned, plan(_rewritten(planned, _early(planned), 0, set())), key=_most)


def _early(planned: Planned) -> list[Step]:
    """The steps in an order in which those that let go of more than they make come as soon as they can."""
    schedule, program = planned.schedule, planned.program
    size = {x: math.prod(x.shape) * x.itemsize for step in schedule.steps for o in step.operations for x in o.results
            if x is not None and x in planned.lives}
    reads = [dict.fromkeys([owner(x) for o in step.operations for x in o.sources]) for step in schedule.steps]
    readers: dict[Symbol, set[int]] = {}
    for number, read in enumerate(reads):
        for x in read:
            readers.setdefault(x, set()).add(number)
    for x in program.results:                   # what is returned is read at the end
        readers.setdefault(owner(x), set()).add(len(schedule.steps))
    before = [{schedule.place[x.operation] for x in read if x.operation in schedule.place} - {number}
              for number, read in enumerate(reads)]
    for variable, new in program.updates:       # a variable is changed after every reader
        if owner(new).operation in schedule.place:
            last = schedule.place[owner(new).operation]
            before[last] |= {number for number in readers.get(variable, ()) if number < last}
    after: list[set[int]] = [set() for _ in schedule.steps]
    for number, earlier in enumerate(before):
        for k in earlier:
            after[k].add(number)
    waits = [len(earlier) for earlier in before]
    ready = [number for number, count in enumerate(waits) if not count]
    order = []

    def growth(number: int) -> int:
        made = sum([size.get(x, 0) for o in schedule.steps[number].operations for x in o.results])
        return made - sum([size.get(x, 0) for x in reads[number] if readers[x] == {number}])

    while ready:
        number = min(ready, key=lambda k: (min(growth(k), 0), k))
        ready.remove(number)
        order.append(schedule.steps[number])
        for x in reads[number]:
            readers[x].discard(number)
        for k in sorted(after[number]):
            waits[k] -= 1
            if not waits[k]:
                ready.append(k)
    return order


def time_of(o: Operation) -> float:
    """How long an operation takes, in nanoseconds; infinite for what may not be computed twice."""
    if o.does == "matmul":
        return math.prod(o.results[0].shape) * o.sources[0].shape[-1] / MULTIPLICATIONS
    if o.does not in SPEEDS or o.stateful or len(o.results) > 1:
        return math.inf
    return SPEEDS[o.does] * max([math.prod(x.shape) for x in (*o.sources, o.results[0])])


def cost_of_keeping(x: Symbol, price: float) -> float:
    """A value's bytes and, where it does not stay in the cache, what the time is worth in which it is written and read."""
    size = math.prod(x.shape) * x.itemsize
    return size * (1 + 2 * price / TRAFFIC) if size > SMALL else size


class _Network:
    """What exists before step `where` and is read from step `since` on, as a network of values.

    A value is two nodes: the arc into the first is what computing it again costs, the arc between them what keeping it does.
    """

    def __init__(self, planned: Planned, where: int, since: int, price: float, least: int):
        program, place, steps = planned.program, planned.schedule.place, planned.schedule.steps
        soon, late = ([owner(x) for step in part for o in step.operations for x in o.sources]
                      for part in (steps[where:since], steps[since:]))
        free = {*program.inputs, *[owner(x) for x in program.results], *soon}   # these are there in any case
        self.room: dict[Any, dict[Any, float]] = {}
        exact = {owner(x) for o in program.operations if o.does in EXACT for x in o.sources
                 if x.dtype.kind == "f"}
        stack = [x for x in dict.fromkeys(late) if place.get(x.operation, where) < where and x not in free
                 and math.prod(x.shape) * x.itemsize > least]
        for x in stack:
            self._arc((x, "kept"), "readers", math.inf)
        seen = set(stack)
        while stack:
            x = stack.pop()
            time = math.inf if x in exact else time_of(x.operation)
            self._arc((x, "made"), (x, "kept"), cost_of_keeping(x, price))
            self._arc("nothing", (x, "made"), time * price)
            for y in dict.fromkeys(map(owner, x.operation.sources)) if time < math.inf else ():
                if y.operation.kind == "operation" and y not in free:
                    self._arc((y, "kept"), (x, "made"), math.inf)
                    if y not in seen:
                        seen.add(y)
                        stack.append(y)

    def _arc(self, a: Any, b: Any, room: float) -> None:
        self.room.setdefault(a, {})[b] = room
        self.room.setdefault(b, {}).setdefault(a, 0.0)

    def again(self) -> set[Symbol]:
        """The values to compute again: those on the readers' side of the smallest cut."""
        while True:
            levels = self._levels("nothing")
            if "readers" not in levels:
                break
            self._send(levels)
        queue: list[Any] = ["readers"]
        near = set(queue)                   # of cuts as small the one that computes the least again
        for node in queue:
            for to in self.room.get(node, ()):
                if to not in near and self.room[to][node] > 1e-6:
                    near.add(to)
                    queue.append(to)
        return {node[0] for node in near if node != "readers" and node[1] == "made"}

    def _levels(self, start: Any) -> dict[Any, int]:
        """How many arcs with room every node is away from the start."""
        levels, queue = {start: 0}, [start]
        for node in queue:
            for to, room in self.room.get(node, {}).items():
                if room > 1e-6 and to not in levels:
                    levels[to] = levels[node] + 1
                    queue.append(to)
        return levels

    def _send(self, levels: dict[Any, int]) -> None:
        """Send as much as fits along paths from level to level (Dinic's way: an arc that leads nowhere is tried once)."""
        arcs = {node: list(to) for node, to in self.room.items()}
        path = ["nothing"]
        while path:
            node = path[-1]
            if node == "readers":
                pairs = list(itertools.pairwise(path))
                sent = min([self.room[a][b] for a, b in pairs])
                for a, b in pairs:
                    self.room[a][b] -= sent
                    self.room[b][a] += sent
                full = next(k for k, (a, b) in enumerate(pairs) if self.room[a][b] <= 1e-6)
                del path[full + 1:]
            elif not arcs[node]:
                path.pop()
                if path:
                    arcs[path[-1]].pop()
            elif self.room[node][arcs[node][-1]] > 1e-6 and levels.get(arcs[node][-1], -1) == levels[node] + 1:
                path.append(arcs[node][-1])
            else:
                arcs[node].pop()


def _rewritten(planned: Planned, order: list[Step], where: int, again: set[Symbol]) -> Program:
    """The program in this order, in which these values are computed again for readers from step `where` on."""
    program = planned.program
    r = Rewriter(program.graph.name)
    for x in program.inputs:
        r.input(x)
    for o in program.constants:
        r.keep(o)
    waiting: set[Symbol] = set()
    fresh: set[Symbol] = set()

    def bring(x: Symbol) -> None:
        """Let `r.new` have a symbol for the next operation: what waits is computed again, with the views of it."""
        stack = [(x, False)]
        while stack:
            x, ready = stack.pop()
            o = x.operation
            if ready:
                if not is_view(o) or x not in r.new or not fresh.isdisjoint(o.sources):
                    twice = x in r.new
                    if twice:
                        fresh.add(x)
                    r.keep(o).again = twice
            elif x not in fresh and o.kind == "operation" and (is_view(o) or x in waiting):
                waiting.discard(x)
                stack.append((x, True))
                stack += [(y, False) for y in reversed(o.sources)]

    for number, step in enumerate(order):
        if number == where:
            waiting |= again
        for o in step.operations:
            for x in o.sources:
                bring(x)
            r.keep(o)
    for x in program.results:
        bring(x)
    return dce(r.program(program))


__all__ = ["Planned", "recompute"]
