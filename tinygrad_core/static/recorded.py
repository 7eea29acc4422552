"""What happens to graphs, as events of a recording: definitions, rewrites, traces, and runs with their feeds and frees."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import Line
from ..ops.notation import forward_notation, rule_notation
from ..recording import value_of
from ..symbol import Dim, Symbol
from ..tensor import mode
from ..versions import owner
from .backends import memory_of
from .graph import Operation
from .passes.rewrites import noting
from .program import Program

_KINDS = {"variable": "parameter", "placeholder": "placeholder", "constant": "constant", "operation": "operation"}


class GraphEvents:
    """Tells a recorder what graphs do; node ids are the recorder's own."""

    def __init__(self, recorder: Any):
        self.recorder = recorder
        self.nodes: dict[Operation, int] = {}
        self.plans: dict[Any, Any] = {}

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
        event = self.recorder.emit("rewrite", None, name=name, about=o.name, why=why)
        if o.where is not None:
            self._at(event, Line.at(o.where))

    def planned(self, program: Program, backend: str) -> dict[str, Any] | None:
        """A program goes through the passes, and its memory is planned; the first time, that is told. What the plan is."""
        key = backend, program.budget, str(program)
        if key not in self.plans:
            watch, mode.watch = mode.watch, None        # what passes write down is no definition
            try:
                with noting() as found:
                    report = memory_of(program, backend)
            finally:
                mode.watch = watch
            for r in found:
                self.rewrote(*r)
            self.plans[key] = report and {
                "backend": backend, "bytes": report.total, "most": report.most, "alone": report.alone,
                "again": [r.operation.name for r in found if r.name == "recompute"],
                "steps": [{"about": [o.name for o in made], "alive": alive} for made, alive in report.steps if made]}
        return self.plans[key]

    def traced(self, name: str, why: str, count: int) -> None:
        """A function was traced."""
        self.recorder.emit("trace", None, name=name, why=why, operations=count)

    def guarded(self, name: str, what: str) -> None:
        """A guard did not hold."""
        self.recorder.emit("guard", None, name=name, what=what)


class RunEvents:
    """Tells a recorder of one run of a program, operation by operation."""

    def __init__(self, events: GraphEvents, program: Program, origins: Sequence[Operation], backend: str):
        self.events, self.backend = events, backend
        named = {o.name: o for o in origins}
        self.origin = {o: named[o.name] for o in program.graph.operations if o.name in named}
        self.lengths: dict[Symbol, int] = {}
        self.blocks: dict[Symbol, int] = {}             # which block of memory a computed value looks into
        self.alive: dict[int, list[int]] = {}           # how many values look into a block, and its bytes

    def began(self, program: Program, values: dict[Symbol, Any]) -> None:
        """A run begins: what was fed, and the values of variables and constants, are there."""
        for o in program.graph.operations:
            self.events.node(self.origin.get(o, o))
        fed = [self._node(x) for x in program.inputs if x.operation.kind == "placeholder"]
        plan = self.events.planned(program, self.backend)
        self.events.recorder.emit("run", None, feeds=fed, fetches=[self._node(x) for x in program.outputs],
                                  **({"plan": plan} if plan else {}))
        self.given = {id(owner(v)) for v in values.values()}
        for x in program.inputs:
            kind = "feed" if x.operation.kind == "placeholder" else "execute"
            self._tell(kind, self._node(x), values[x])
        for o in program.constants:
            self._tell("execute", self._node(o.results[0]), values[o.results[0]])

    def _node(self, x: Symbol) -> int:
        """The id of what a symbol of the program was in the graph."""
        return self.events.node(self.origin.get(x.operation, x.operation))

    def _tell(self, kind: str, node: int, array: Any, **more: Any) -> None:
        self.events.recorder.emit(kind, node, value=value_of(array), bytes=int(array.nbytes), **more)

    def ran(self, o: Operation, values: dict[Symbol, Any]) -> None:
        """An operation has its value."""
        made = [r for r in o.results if r is not None]
        for x in made:
            block = owner(values[x])
            if id(block) not in self.given:             # memory of a feed or a variable is not the run's
                self.blocks[x] = id(block)
                self.alive.setdefault(id(block), [0, int(block.nbytes)])[0] += 1
        if made:
            self.lengths[made[0]] = int(values[made[0]].nbytes)
            self._tell("execute", self._node(made[0]), values[made[0]], alive=self._alive())

    def freed(self, x: Symbol) -> None:
        """A value was let go; memory that another one looks into stays."""
        block = self.blocks.pop(x, None)
        if block is not None:
            self.alive[block][0] -= 1
            if not self.alive[block][0]:
                del self.alive[block]
        if x.index == 0:
            self.events.recorder.emit("free", self._node(x), bytes=self.lengths.get(x, 0), alive=self._alive())

    def _alive(self) -> int:
        """How many bytes the run holds."""
        return sum([size for _, size in self.alive.values()])

    def ended(self, program: Program, values: dict[Symbol, Any]) -> None:
        """The run is over: what was asked for is handed out, and every other value is gone."""
        for x in program.outputs:
            self._tell("fetch", self._node(x), values[x])
