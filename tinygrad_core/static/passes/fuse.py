"""Fusion: which operations run together in one loop over rows and columns, and in which order the loops run."""
from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ...symbol import Symbol
from ..graph import Operation
from ..program import Program

VIEWS = frozenset({"reshape", "permute", "expand", "stretch"})
LONGEST = 400                   # operations in one loop; a longer body only costs the compiler time,
SINGLE = 32                     # and of a body that runs once also the run: short ones are often alike, and stay in the cache


def domain(shape: tuple[int, ...]) -> tuple[int, int]:
    """A shape as (rows, columns): the last dim, and all others together."""
    return (math.prod(shape[:-1]), shape[-1]) if shape else (1, 1)


def is_view(o: Operation) -> bool:
    """Whether the result is the input's memory, looked at differently."""
    return o.does in VIEWS or (o.does == "getitem" and o.operands == len(o.inputs) and _basic(o.attrs["index"]))


def _basic(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return all([isinstance(p, (int, type(None), type(Ellipsis), slice)) and not isinstance(p, bool) for p in parts])


def reduction(o: Operation) -> str | None:
    """How a loop can compute a sum or maximum: along a "row", down a "column", over "all", or not (None)."""
    if o.does not in ("sum", "amax") or not o.attrs["keepdim"]:
        return None
    axes, ndim = o.attrs["dim"], o.sources[0].ndim
    if axes == (ndim - 1,):
        return "row"
    if o.does == "amax":
        return None
    if len(axes) == ndim:
        return "all"
    return "column" if axes == tuple(range(len(axes))) else None


class Step:
    """Operations that run together: `kind` is "fused", "tiles" (image by image), or the name of the only operation."""

    def __init__(self, kind: str, operations: list[Operation], over: tuple[int, int] = (1, 1)):
        self.kind, self.operations, self.domain = kind, operations, over


def through(x: Symbol) -> Symbol:
    """The symbol behind views that leave rows and columns where they are, or stretch a row's number along the row."""
    while x.operation.does in ("reshape", "stretch", "expand"):
        source = x.operation.sources[0]
        along = x.operation.does != "reshape" and source.shape == (*x.shape[:-1], 1)
        if domain(source.shape) != domain(x.shape) and not along:
            break
        x = source
    return x


def owner(x: Symbol) -> Symbol:
    """The symbol whose memory `x` is or looks into."""
    while is_view(x.operation):
        x = x.operation.sources[0]
    return x


class Schedule:
    """The steps of a program, in order.

    Args:
        supported: tells whether a loop can hold an operation: an elementwise one, a sum or a maximum.
        longest: operations in one loop at most.
        together: operations that run image by image with the one that reads them.

    Attributes:
        steps: what runs, one after the other.
        place: the number of the step in which an operation runs.
    """

    def __init__(self, program: Program, supported: Any, longest: int = LONGEST,
                 together: dict[Operation, Operation] | None = None):
        together = together or {}
        earlier = {second: first for first, second in together.items()}
        self.program, self.longest = program, longest
        self.steps: list[Step] = []
        self.place: dict[Operation, int] = {}
        self.readers: dict[Symbol, list[Operation]] = {}
        self._open: dict[tuple[int, int], list[int]] = {}
        self.views = [o for o in program.operations if is_view(o)]
        self.index(program.operations)
        for o in program.operations:
            if is_view(o) or o in together:
                continue
            if o in earlier:
                self.place[earlier[o]] = self.place[o] = len(self.steps)
                self.steps.append(Step("tiles", [earlier[o], o]))
            elif supported(o):
                self._fuse(o)
            else:
                self.place[o] = len(self.steps)
                self.steps.append(Step(o.does, [o]))

    def index(self, operations: list[Operation]) -> None:
        """Note who reads what."""
        self.readers = {}
        for o in operations:
            for x in dict.fromkeys(o.sources):
                self.readers.setdefault(x, []).append(o)

    def _fuse(self, o: Operation) -> None:
        """Put an operation into the latest loop that can hold it, or begin a new one."""
        own = domain(o.sources[0].shape if reduction(o) else o.results[0].shape)
        overs = [own]
        if own[1] == 1 and own[0] > 1 and not reduction(o):     # a number for each row fits any loop over those rows
            overs = [d for d in self._open if d[0] == own[0] and d != own] + [own]
        best, longest = -1, self.longest if own != (1, 1) else min(self.longest, SINGLE)
        for over in overs:
            for k in reversed(self._open.get(over, [])):
                if k <= best or (o.again and k < len(self.steps) - 1) or len(self.steps[k].operations) >= longest:
                    continue
                if not self._ready(o, k, over):
                    break
                best = k
        if best < 0:
            best = len(self.steps)
            self.steps.append(Step("fused", [], own))
            self._open.setdefault(own, []).append(best)
        self.steps[best].operations.append(o)
        self.place[o] = best

    def _ready(self, o: Operation, k: int, over: tuple[int, int]) -> bool:
        """Whether all inputs exist when loop `k` runs, or are computed in it row by row."""
        for x in o.sources:
            at = self.place.get(owner(x).operation, -1)
            if at < k:
                continue
            inner = through(x)
            if at > k or is_view(inner.operation) or self.place.get(inner.operation) != k:
                return False
            if reduction(inner.operation) in ("column", "all") or domain(inner.shape) not in (over, (over[0], 1)):
                return False
            stretched = o.results[0].shape if not reduction(o) else x.shape
            if domain(x.shape) != domain(stretched) and (domain(x.shape) != (over[0], 1) or x.shape[:-1] != stretched[:-1]):
                return False
        return True

    def users(self, x: Symbol) -> Iterator[Operation]:
        """The operations that read a symbol's memory, through views too."""
        for o in self.readers.get(x, ()):
            if is_view(o):
                yield from self.users(o.results[0])
            else:
                yield o
