"""The memory plan: where in one block each value lies, so that values that are never needed at once share their place."""
from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from itertools import accumulate
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from .graph import Operation

ALIGNED = 64                    # bytes: a cache line


class Life(NamedTuple):
    """How long a value is needed: from the step that computes it to the last step that reads it, both included."""

    size: int                   # bytes
    first: int
    last: int


class MemoryPlan(NamedTuple):
    """Where everything lies.

    Attributes:
        offsets: the place of each value, in bytes from the block's start.
        total: the block's size in bytes.
        alone: the size if no two values shared a place.
    """

    offsets: dict[Hashable, int]
    total: int
    alone: int


class Report(NamedTuple):
    """What a memory plan comes to.

    Attributes:
        total: the block's size in bytes.
        alone: the size if no two values shared a place.
        steps: for each step what it computes, and how many bytes are needed while it does.
        end: how many are at the end, where the results are.
    """

    total: int
    alone: int
    steps: list[tuple[Sequence[Operation], int]]
    end: int

    @property
    def most(self) -> int:
        """How many bytes are needed at once."""
        return max([self.end, *[alive for _, alive in self.steps]])

    def __str__(self) -> str:
        at = next((k for k, (_, alive) in enumerate(self.steps) if alive == self.most), len(self.steps))
        where = self.steps[at][0][0].name if at < len(self.steps) and self.steps[at][0] else "the end"
        return (f"memory: {self.total:,} bytes in one block; {self.most:,} are alive at once, at {where} (step {at + 1} of "
                f"{len(self.steps)}), and {self.alone:,} would be if no two values shared a place")


def report(plan: MemoryPlan, lives: Iterable[Life], steps: Sequence[Sequence[Operation]]) -> Report:
    """What comes of a plan for values that live so long, while the steps compute these operations."""
    change = np.zeros(len(steps) + 2, np.int64)
    for size, first, last in lives:
        change[first] += size
        change[last + 1] -= size
    *alive, end, _ = change.cumsum().tolist()
    return Report(plan.total, plan.alone, list(zip(steps, alive, strict=True)), end)


def plan_memory(lives: dict[Hashable, Life]) -> MemoryPlan:
    """Give each value a place, the largest first: the smallest gap that those needed at the same time leave.

    Of values as large, the one that is needed longest comes first.
    """
    offsets: dict[Hashable, int] = {}
    firsts, lasts, starts, stops = (np.empty(len(lives), np.int64) for _ in range(4))
    order = sorted(lives, key=lambda value: (-lives[value].size, lives[value].first - lives[value].last))
    for count, value in enumerate(order):
        size, first, last = lives[value]
        size = -(-size // ALIGNED) * ALIGNED
        (beside,) = np.nonzero((firsts[:count] <= last) & (lasts[:count] >= first))
        beside = beside[np.argsort(starts[beside], kind="stable")]
        tops = np.maximum.accumulate(np.concatenate(([0], stops[beside])))          # where a gap begins, and how long it is
        gaps = np.concatenate((starts[beside] - tops[:-1], [np.iinfo(np.int64).max]))
        fitting = np.nonzero(gaps >= size)[0]
        offset = int(tops[fitting[np.argmin(gaps[fitting])]])
        offsets[value] = offset
        firsts[count], lasts[count], starts[count], stops[count] = first, last, offset, offset + size
    return MemoryPlan(offsets, int(stops.max(initial=0)), sum(-(-life.size // ALIGNED) * ALIGNED for life in lives.values()))


def most_alive(lives: Iterable[Life]) -> tuple[int, int]:
    """The step during which the most bytes are needed, and how many: no plan can do with less."""
    change: dict[int, int] = {}
    for size, first, last in lives:
        change[first] = change.get(first, 0) + size
        change[last + 1] = change.get(last + 1, 0) - size
    steps = sorted(change)
    return max(zip(steps, accumulate(change[step] for step in steps)), key=itemgetter(1), default=(0, 0))
