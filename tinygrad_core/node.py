"""What an operation leaves behind when a gradient is wanted: one node of the graph."""
from __future__ import annotations

from collections.abc import Collection
from operator import attrgetter
from threading import RLock
from typing import Any

from .ops.core import Op
from .versions import tick


class Absent(LookupError):
    """What a node saved is not at hand: a rule that reads it finds that out."""


class _Freed:
    """Stands in a node for what it had saved, once a backward pass has used it."""

    def __iter__(self) -> Any:
        raise Absent


FREED: Any = _Freed()

# One thread at a time walks graphs, whose nodes hold a sweep's scratch, or writes them down. It is one lock for both: a
# sweep may write down, as a checkpoint calls a compiled function again, and a trace may sweep, as a training step does.
alone = RLock()
by_age = attrgetter("seq")


class Node:
    """One operation that ran: what it was, where its inputs came from, and what its gradient rule needs.

    Attributes:
        op: the operation, an entry of the table in `ops`; None for a leaf and for one of several outputs.
        parents: for each input the node that made it, or None where no gradient is wanted.
        saved: what the rule reads, laid out by `op.keep`; `FREED` after a backward pass.
        shapes: the inputs' shapes where broadcasting stretched one of them, otherwise None.
        seq: the node's number; a parent's is always smaller, so sorting by it is a topological order.
        hooks: functions to call on the gradient, or None.
        where: the learner's line that ran it, as `errors.here` notes it.
        g: scratch of a running backward pass: the gradient collected so far.
    """

    __slots__ = ("op", "parents", "saved", "shapes", "seq", "hooks", "g", "where", "__weakref__")

    op: Any
    saved: Any                      # a tuple, FREED, or a checkpoint's segment
    hooks: Any
    where: Any
    g: Any
    parents: tuple[Any, ...]

    def __init__(self, op: Op | None, parents: tuple[Node | None, ...], saved: tuple[Any, ...],
                 shapes: tuple[Any, ...] | None = None):
        self.op, self.parents, self.saved, self.shapes = op, parents, saved, shapes
        self.seq = tick()
        self.hooks = self.g = self.where = None

    def name(self) -> str:
        """The name PyTorch prints for such a node: `MulBackward`."""
        return "".join(part.title() for part in self.op.name.split("_")) + "Backward" if self.op else "AccumulateGrad"

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        """Where the gradient flows next: (node, index of its output) for each input."""
        return tuple((p.parents[0], p.index) if isinstance(p, Output) else (p, 0) for p in self.parents)

    def __repr__(self) -> str:
        return f"<{self.name()}>"


class Leaf(Node):
    """Where a gradient ends: stands for a tensor that was made, not computed, and collects its `.grad`."""

    __slots__ = ("grad", "name_hint")

    def __init__(self) -> None:
        super().__init__(None, (), ())
        self.grad: Any = None


class Output(Node):
    """One of the results of an operation that has several; hands its gradient to the operation's node."""

    __slots__ = ("index", "count")

    def __init__(self, node: Node, index: int, count: int):
        super().__init__(None, (node,), ())
        self.index, self.count = index, count


def ancestors(roots: list[Node], stop: Collection[Node] = ()) -> list[Node]:
    """Every node that the roots depend on, youngest first, without recursion; `stop` nodes are not entered."""
    found = list(set(roots))
    seen = {None, *found}
    add, enter = seen.add, found.append
    for node in found:                          # it grows while it is read
        if stop and node in stop:
            continue
        for parent in node.parents:
            if parent not in seen:
                add(parent)
                enter(parent)
    found.sort(key=by_age, reverse=True)
    return found
