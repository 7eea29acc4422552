"""The recorder: told of everything that runs, it writes the events of a recording."""
from __future__ import annotations

import builtins
import dis
import io
import linecache
import sys
import time
import weakref
from types import FrameType
from typing import Any

import numpy as np

from .errors import cell_name, learner_frame
from .node import Node, Output
from .ops import Op
from .ops.core import VALUES
from .ops.notation import forward_notation, rule_notation
from .recording import Recording, now, value_of
from .symbol import Symbol
from .tensor import Tensor, mode
from .versions import owner, version

_LONG_FILE = 400                # lines; of a longer file only the part that was used is recorded
_LONG_TEXT = 2000               # characters; of what is printed at once, no more is recorded


class record:
    """Record everything that runs inside: `with record() as rec:`.

    Args:
        title: a title for pictures.
        echo: False keeps what is printed inside for the recording alone.

    The recording can be read at any time, and is complete when the block ends.
    """

    def __init__(self, title: str = "", echo: bool = True):
        self.recorder, self.echo = Recorder(title), echo
        self.recording = self.recorder.recording

    def __enter__(self) -> Recording:
        self.graph = mode.graph                 # a graph that is being built passes on what it is told
        running = mode.watch if self.graph is None else self.graph.recorder
        if running is not None:
            raise RuntimeError("a recording is running already: recordings cannot be nested")
        if self.graph is None:
            mode.watch = self.recorder
        else:
            self.graph.recorder = self.recorder
        self.print = builtins.print
        builtins.print = self._told_print
        return self.recording

    def _told_print(self, *args: Any, **kwargs: Any) -> None:
        """`print`, with an event for what goes to the learner's eyes."""
        if kwargs.get("file") not in (None, sys.stdout):
            self.print(*args, **kwargs)
            return
        written = io.StringIO()
        self.print(*args, **{**kwargs, "file": written})
        self.recorder.printed(args, written.getvalue())
        if self.echo:
            self.print(written.getvalue(), end="", flush=kwargs.get("flush", False))

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        builtins.print = self.print
        if error is not None:
            self.recorder.failed(error)
        if self.graph is None:
            mode.watch = None
        else:
            self.graph.recorder = None
        self.recorder.finish(learner_frame())


class Recorder:
    """Turns what the engine reports into events; gives tensors their ids and, where it can, their names."""

    def __init__(self, title: str):
        from . import __version__

        self.recording = Recording(meta={
            "title": title, "engine": f"tinygrad_core {__version__}", "device": "cpu",
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())})
        self.start = now()
        self.ids: dict[int, int] = {}               # id() of a node or a plain tensor's array -> node id
        self.pinned: list[Any] = []                 # keeps those objects, so that no id() is given twice
        self.defines: dict[int, dict[str, Any]] = {}
        self.tensors: list[tuple[int, Any]] = []    # (node id, weak reference): for names, when the block ends
        self.edges: dict[tuple[int, int], int] = {}  # (node id, position of input) -> edge id
        self.sums: dict[int, tuple[Any, int]] = {}  # gradients collected in the running backward pass, and how many
        self.memories: dict[int, tuple[Any, int]] = {}  # id() of an array that owns memory -> it, weakly, and its number
        self.files: dict[str, str] = {}
        self.modules: list[tuple[Any, str]] = []
        self.told: BaseException | None = None      # the last error that was recorded
        self.next_id = self.next_edge = self.next_memory = 0
        self._graphs: Any = None

    # ---- graphs that run later
    @property
    def graphs(self) -> Any:
        """Turns what happens to graphs into events."""
        if self._graphs is None:
            from .static.recorded import GraphEvents
            self._graphs = GraphEvents(self)
        return self._graphs

    def defined(self, operation: Any) -> None:
        """An operation was written down, to run later."""
        self.graphs.defined(operation)

    def rewrote(self, name: str, operation: Any, why: str) -> None:
        """A pass changed a program."""
        self.graphs.rewrote(name, operation, why)

    def running(self, program: Any, origins: Any, backend: str) -> Any:
        """A program is about to run; returns what is to be told of every operation in it."""
        from .static.recorded import RunEvents
        return RunEvents(self.graphs, program, origins, backend)

    # ---- events
    def emit(self, event_type: str, node: int | None, **fields: Any) -> dict[str, Any]:
        """Append an event with what every event has."""
        events = self.recording.events
        event = {"seq": len(events), "t": round(now() - self.start, 6), "type": event_type, "node": node,
                 "source": self.source(), "module": self.modules[-1][1] if self.modules else "",
                 "device": "cpu", "bytes": 0, **fields}
        events.append(event)
        return event

    def source(self) -> dict[str, Any] | None:
        """The learner's line that is running now."""
        frame = learner_frame(2)
        if frame is None:
            return None
        file = frame.f_code.co_filename
        key = self.files.get(file)
        if key is None:
            key = self.files[file] = f"s{len(self.files)}"
            self.recording.sources[key] = {"name": source_name(file), "first": 1, "lines": source_lines(file, frame)}
        return {"file": key, "line": frame.f_lineno}

    # ---- what the engine reports
    def ran(self, op: Op, inputs: tuple[Any, ...], attrs: dict[str, Any], result: Any) -> None:
        """An operation ran."""
        results = result if isinstance(result, tuple) else (result,)
        named = enumerate(zip(op.names(len(inputs)), inputs, strict=False))
        links = {k: self.link(self.id_of(x), name) for k, (name, x) in named if x is not None}
        first = results[0]
        node = self.introduce(key_of(first), first, op=op.name, kind="operation", name=first.name, label=op.label,
                              inputs=links.values(), forward=forward_notation(op, len(inputs)),
                              rules=rule_notation(op, len(inputs)), **self.cut(op, inputs, first))
        for t in results[1:]:
            self.stands_for(node, key_of(t))
        self.edges.update({(node, k): link["edge"] for k, link in links.items()})
        self.emit("execute", node, value=value_of(first.array), bytes=int(first.nbytes))
        if first.node is not None:
            self.saves(node, op, first.node, {link["arg"]: link["node"] for link in links.values()})

    def link(self, node: int, name: str) -> dict[str, Any]:
        """An edge from a node to the input of this name."""
        self.next_edge += 1
        return {"edge": self.next_edge - 1, "node": node, "arg": name}

    @staticmethod
    def cut(op: Op, inputs: tuple[Any, ...], result: Tensor) -> dict[str, Any]:
        """That a gradient could have come back here, had recording not been off."""
        off = not mode.grad and bool(op.rules) and result.dtype.kind == "f"
        return {"no_grad": True} if off and any(isinstance(x, Tensor) and x.requires_grad for x in inputs) else {}

    def saves(self, node: int, op: Op, graph_node: Node, by_arg: dict[str, int]) -> None:
        """What the new node keeps for its rule."""
        graph_node = graph_node.parents[0] if isinstance(graph_node, Output) else graph_node
        saved, size = [], 0
        for value, kept in zip(graph_node.saved, op.keep, strict=True):
            if value is not None and kept.kind in VALUES:
                size += int(getattr(value, "nbytes", 0))
                saved.append({"what": kept.name, "node": by_arg.get(kept.name, node),
                              "version": version(value) if hasattr(value, "dtype") else 0})
        if saved:
            self.emit("save", node, saved=saved, bytes=size)

    def memory_of(self, array: Any, number: int | None = None) -> int:
        """The number of the memory that an array looks into; `number` says it of an array that took another's place."""
        block = owner(array)
        known = self.memories.get(id(block))
        if number is None and known is not None and known[0]() is block:
            return known[1]
        if number is None:
            number, self.next_memory = self.next_memory, self.next_memory + 1
        # A scalar cannot be referred to weakly; held, it costs next to nothing.
        held = (lambda: block) if isinstance(block, np.generic) else weakref.ref(block)
        self.memories[id(block)] = (held, number)
        return number

    def wrote(self, t: Tensor, result: Tensor, memory: int) -> None:
        """A tensor's memory was written in place: from now on its name stands for the result's node."""
        node = self.id_of(result)
        self.memory_of(t.array, memory)
        self.tensors.append((node, weakref.ref(t)))
        self.defines[node].update(memory=memory, in_place=True, name=t.name or self.defines[node]["name"])
        self.stands_for(node, key_of(t))

    def seeded(self, node: Node, g: Any) -> None:
        """A backward pass starts here."""
        self.sums.clear()
        self.arrive(self.id_of_node(node), None, g)

    def visited(self, node: Node, g: Any, parents: Any, grads: Any) -> None:
        """A node's rule ran on gradient `g` and gave `grads`."""
        me = self.id_of_node(node)
        names = node.op.names(len(parents))
        sends = [(self.edges.get((me, k)), self.id_of_node(p), names[k], d)
                 for k, (p, d) in enumerate(zip(parents, grads, strict=True)) if p is not None and d is not None]
        g = next((part for part in g if part is not None), None) if isinstance(g, list) else g
        self.emit("backward", me, grad=value_of(raw(g)), sends=[
            {"edge": edge, "node": target, "arg": arg, "value": value_of(raw(d))} for edge, target, arg, d in sends])
        for edge, target, _, d in sends:
            self.arrive(target, edge, d)

    def arrive(self, node: int, edge: int | None, g: Any) -> None:
        """A gradient arrived at a node and joined those that came before."""
        before, count = self.sums.get(node, (0, 0))
        total = raw(g) + before if count else raw(g)
        self.sums[node] = total, count + 1
        self.emit("accumulate", node, edge=edge, added=value_of(raw(g)), value=value_of(total), count=count + 1, into="node")

    def collected(self, leaf: Node, added: Any, before: Tensor | None) -> None:
        """`.grad` takes this pass's gradient in: a leaf's, or one that was asked to retain it."""
        node = self.id_of_node(leaf)
        fields = {} if before is None else {"before": value_of(before.array)}
        total = raw(added) if before is None else before.array + raw(added)
        _, count = self.sums.get(node, (None, 1))
        self.emit("accumulate", node, edge=None, added=value_of(raw(added)), value=value_of(total), count=count, into="grad",
                  **fields)

    def freed(self, node: Node) -> None:
        """A node let go of what it had saved."""
        self.emit("free", self.id_of_node(node), bytes=sum(int(getattr(v, "nbytes", 0)) for v in node.saved))

    def updated(self, parameter: Tensor, before: Any, gradient: Any, optimizer: str) -> None:
        """An optimiser changed a parameter."""
        self.emit("update", self.id_of(parameter), optimizer=optimizer, before=value_of(raw(before)),
                  value=value_of(parameter.array), grad=value_of(raw(gradient)), bytes=int(parameter.nbytes))

    def step(self, **metrics: float) -> None:
        """A training step ended with these metrics."""
        self.emit("step", None, metrics={k: float(v) for k, v in metrics.items()})

    def printed(self, things: tuple[Any, ...], text: str) -> None:
        """`print` ran; the event is about the first of the things that is a tensor with a node."""
        nodes = [self.known(t) for t in things if isinstance(t, Tensor)]
        self.emit("print", next((n for n in nodes if n is not None), None), text=text[:_LONG_TEXT])

    def failed(self, error: BaseException, node: Node | None = None) -> None:
        """Something was refused or broke; `node` is what the error is about."""
        if error is self.told:
            return
        self.told = error
        about = None if node is None else self.id_of_node(node)
        self.emit("error", about, error=type(error).__name__, text=str(error)[:_LONG_TEXT])

    def entered(self, module: Any) -> None:
        """A module's forward begins."""
        path = ""
        if self.modules:
            parent, above = self.modules[-1]
            name = next((n for n, m in parent._modules.items() if m is module), type(module).__name__)
            path = f"{above}.{name}" if above else name
        self.modules.append((module, path))

    def left(self, module: Any) -> None:
        """A module's forward ended."""
        self.modules.pop()

    # ---- ids and names
    def id_of(self, x: Any) -> int:
        """The id of an operand; one that was not seen before is defined now."""
        if not isinstance(x, Tensor):
            return self.define_source(Tensor(x), "constant", label=f"{x:g}")
        known = self.ids.get(id(key_of(x)))
        if known is not None:
            return known
        kind = "leaf" if x.node is not None and x.is_leaf else "constant"
        return self.define_source(x, "parameter" if kind == "leaf" and type(x).__name__ == "Parameter" else kind)

    def known(self, t: Tensor) -> int | None:
        """The id of a tensor that was met before."""
        if isinstance(t.array, Symbol):
            return self._graphs.nodes.get(t.array.operation) if self._graphs is not None else None
        return self.ids.get(id(key_of(t)))

    def id_of_node(self, node: Node) -> int:
        """The id of a graph node; one made before the recording began is defined as an operation without inputs."""
        node = node.parents[0] if isinstance(node, Output) and id(node) not in self.ids else node
        known = self.ids.get(id(node))
        if known is not None:
            return known
        op, kind = node.op, "leaf" if node.op is None else "operation"
        return self.introduce(node, None, op=kind if op is None else op.name, kind=kind, name=None,
                              label="x" if op is None else op.label, requires_grad=True, shape=[], dtype="",
                              rules={} if op is None else rule_notation(op))

    def define_source(self, t: Tensor, kind: str, label: str | None = None) -> int:
        """A tensor that no recorded operation made: a leaf, a parameter or a constant."""
        name = t.name or variable_name(t, learner_frame())
        if kind == "parameter" and self.modules and t.name is None:
            name = next((n for n, p in self.modules[-1][0]._parameters.items() if p is t), name)
        node = self.introduce(key_of(t), t, op=kind, kind=kind, name=name, label=label or name or kind)
        self.emit("execute", node, value=value_of(t.array), bytes=int(t.nbytes))
        return node

    def introduce(self, key: Any, t: Tensor | None, *, inputs: Any = (), forward: str = "", rules: Any = None,
                  **fields: Any) -> int:
        """A fresh id for the object that stands for a value, and the event that says what it is."""
        node = self.new_id(key, t)
        if t is not None:
            fields |= {"requires_grad": t.requires_grad, "shape": list(t.shape), "dtype": str(t.dtype),
                       "memory": self.memory_of(t.array)}
        self.defines[node] = self.emit("define", node, inputs=list(inputs), forward=forward, rules=rules or {}, **fields)
        return node

    def new_id(self, key: Any, t: Tensor | None) -> int:
        """A fresh id for the object that stands for a value."""
        node, self.next_id = self.next_id, self.next_id + 1
        self.stands_for(node, key)
        if t is not None:
            self.tensors.append((node, weakref.ref(t)))
        return node

    def stands_for(self, node: int, key: Any) -> None:
        """From now on the object stands for a node's value."""
        self.ids[id(key)] = node
        self.pinned.append(key)

    def finish(self, frame: FrameType | None) -> None:
        """The block ended: give unnamed results the names of the variables that hold them, trim long sources."""
        for node, reference in self.tensors:
            event, t = self.defines.get(node), reference()
            if event is not None and event["name"] is None and t is not None:
                event["name"] = t.name or variable_name(t, frame)
                if event["kind"] != "operation" and event["name"]:
                    event["label"] = event["name"]
        for key, source in self.recording.sources.items():
            used = [e["source"]["line"] for e in self.recording.events if e["source"] and e["source"]["file"] == key]
            if len(source["lines"]) > _LONG_FILE and used:
                first, last = max(1, min(used) - 10), max(used) + 10
                source["lines"] = source["lines"][first - 1:last]
                source["first"] = first
        self.pinned.clear()
        self.ids.clear()
        self.sums.clear()


def raw(g: Any) -> Any:
    """A gradient as an array."""
    return g.array if isinstance(g, Tensor) else g


def key_of(t: Tensor) -> Any:
    """The object that stands for a tensor's value: its graph node or, without one, its array."""
    return t.node if t.node is not None else t.array


def variable_name(t: Tensor, frame: FrameType | None) -> str | None:
    """The name of the variable that holds a tensor where the learner's code runs, if there is one."""
    if frame is None:
        return None
    variables = (pair for scope in (frame.f_locals, frame.f_globals) for pair in scope.items())
    return next((name for name, value in variables if value is t and not name.startswith("_")), None)


def source_name(file: str) -> str:
    """A file's name as a learner knows it; a notebook cell's is its number, `In [3]`."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    cells = getattr(getattr(shell, "compile", None), "_filename_map", {})
    if file in cells:
        return f"In [{cells[file]}]"
    return cell_name(file)


def source_lines(file: str, frame: FrameType) -> list[str]:
    """The lines of a source, as far as they are at hand; without them one empty line for each that could run."""
    lines = [line.rstrip("\n") for line in linecache.getlines(file)]
    if lines:
        return lines
    last = max((line for _, line in dis.findlinestarts(frame.f_code) if line), default=1)
    return [""] * last
