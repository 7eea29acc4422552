"""What happens to graphs, as events of a recording: definitions, rewrites, traces, and runs with their feeds and frees."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import Line
from ..ops.notation import forward_notation, rule_notation
from ..recording import value_of
from ..symbol import Dim, Symbol
from .graph import Operation
from .program import Program

_KINDS = {"variable": "parameter", "placeholder": "placeholder", "constant": "constant", "operation": "operation"}


class GraphEvents:
    """Tells a recorder what graphs do; node ids are the recorder's own."""

    def __init__(self, recorder: Any):
        self.recorder = recorder
        self.nodes: dict[Operation, int] = {}

    def defined(self, o: Operation) -> int:
        """An operation was written down: a `define` event, without a value."""
        recorder, op, links = self.recorder, o.op, []
        if o.does:
            names = [*op.names(o.operands), *[f"index{k}" for k in range(len(o.inputs))]]
            links = [recorder.link(self.node(x.operation), name) for name, x in zip(names, o.inputs, strict=False)
                     if isinstance(x, Symbol)]
        first = next((r for r in o.results if r is not None), None)
        simple = o.does and not op.variadic
        node = self.nodes[o] = recorder.introduce(
            o, None, op=o.does or o.kind, kind=_KINDS[o.kind], name=o.name,
            label=op.label if o.does else o.name, inputs=links, requires_grad=o.kind == "variable",
            shape=[0 if isinstance(n, Dim) else n for n in first.shape] if first is not None else [],
            unknown=[k for k, n in enumerate(first.shape) if isinstance(n, Dim)] if first is not None else [],
            dtype=str(first.dtype) if first is not None else "", listing=str(o),
            forward=forward_notation(op) if simple else "", rules=rule_notation(op) if simple else {})
        if o.where is not None:
            self._at(recorder.defines[node], Line.at(o.where))
        return node

    def _at(self, event: dict[str, Any], line: Line) -> None:
        """Point an event to the line that defined its operation, where that source was met."""
        key = self.recorder.files.get(line.file)
        if key is not None:
            event["source"] = {"file": key, "line": line.number}

    def node(self, o: Operation) -> int:
        """The id of an operation; one that was defined before the recording began is defined now."""
        return self.nodes[o] if o in self.nodes else self.defined(o)

    def rewrote(self, name: str, o: Operation, why: str) -> None:
        """A pass changed something."""
        self.recorder.emit("rewrite", None, name=name, about=o.name, why=why)

    def traced(self, name: str, why: str, count: int) -> None:
        """A function was traced."""
        self.recorder.emit("trace", None, name=name, why=why, operations=count)

    def guarded(self, name: str, what: str) -> None:
        """A guard did not hold."""
        self.recorder.emit("guard", None, name=name, what=what)


class RunEvents:
    """Tells a recorder of one run of a program, operation by operation."""

    def __init__(self, events: GraphEvents, program: Program, origins: Sequence[Operation]):
        self.events = events
        named = {o.name: o for o in origins}
        self.origin = {o: named[o.name] for o in program.graph.operations if o.name in named}
        self.lengths: dict[Symbol, int] = {}

    def began(self, program: Program, values: dict[Symbol, Any]) -> None:
        """A run begins: what was fed, and the values of variables and constants, are there."""
        fed = [self._node(x) for x in program.inputs if x.operation.kind == "placeholder"]
        self.events.recorder.emit("run", None, feeds=fed, fetches=[self._node(x) for x in program.outputs])
        for x in program.inputs:
            kind = "feed" if x.operation.kind == "placeholder" else "execute"
            self._tell(kind, self._node(x), values[x])
        for o in program.constants:
            self._tell("execute", self._node(o.results[0]), values[o.results[0]])

    def _node(self, x: Symbol) -> int:
        """The id of what a symbol of the program was in the graph."""
        return self.events.node(self.origin.get(x.operation, x.operation))

    def _tell(self, kind: str, node: int, array: Any) -> None:
        self.events.recorder.emit(kind, node, value=value_of(array), bytes=int(array.nbytes))

    def ran(self, o: Operation, values: dict[Symbol, Any]) -> None:
        """An operation has its value."""
        first = next((r for r in o.results if r is not None), None)
        if first is not None:
            self._tell("execute", self._node(first), values[first])
            self.lengths[first] = int(values[first].nbytes)

    def freed(self, x: Symbol) -> None:
        """A value was let go."""
        if x.index == 0:
            self.events.recorder.emit("free", self._node(x), bytes=self.lengths.get(x, 0))

    def ended(self, program: Program, values: dict[Symbol, Any]) -> None:
        """The run is over: what was asked for is handed out, and every other value is gone."""
        for x in program.outputs:
            self._tell("fetch", self._node(x), values[x])
