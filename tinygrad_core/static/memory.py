"""The memory plan: where in one block each value lies, so that values that are never needed at once share their place."""
from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

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


def plan_memory(lives: dict[Hashable, Life]) -> MemoryPlan:
    """Give each value a place, step by step: the smallest gap that it fits in, otherwise the end of the block."""
    gaps: list[tuple[int, int]] = []            # (offset, size), sorted
    offsets: dict[Hashable, int] = {}
    ends: dict[int, list[tuple[int, int]]] = {}
    top = alone = 0
    by_step: dict[int, list[Hashable]] = {}
    for value, life in lives.items():
        by_step.setdefault(life.first, []).append(value)
    for step in sorted({*by_step, *(life.last for life in lives.values())}):
        for value in by_step.get(step, ()):
            size = -(-lives[value].size // ALIGNED) * ALIGNED
            alone += size
            fitting = min((g for g in gaps if g[1] >= size), key=lambda g: g[1], default=None)
            if fitting is None:
                if gaps and gaps[-1][0] + gaps[-1][1] == top:       # the last gap can grow into what is needed
                    top = gaps.pop()[0]
                offsets[value], top = top, top + size
            else:
                gaps.remove(fitting)
                offsets[value] = fitting[0]
                if fitting[1] > size:
                    gaps.append((fitting[0] + size, fitting[1] - size))
                    gaps.sort()
            ends.setdefault(lives[value].last, []).append((offsets[value], size))
        gaps = _joined([*gaps, *ends.get(step, ())])
    return MemoryPlan(offsets, top, alone)


def _joined(gaps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Gaps in order, with neighbours made one."""
    joined: list[tuple[int, int]] = []
    for offset, size in sorted(gaps):
        if joined and joined[-1][0] + joined[-1][1] == offset:
            joined[-1] = (joined[-1][0], joined[-1][1] + size)
        elif size:
            joined.append((offset, size))
    return joined
