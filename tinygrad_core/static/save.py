"""A graph with its weights in one file: structure as JSON, numbers as safetensors, and nothing that runs."""
from __future__ import annotations

import operator
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import serialization
from ..device import Device, Generator, default_generator
from ..ops import OPS
from ..ops.core import Op, gradient_op
from ..serialization import FileError
from ..symbol import Dim, StaticError, Symbol
from ..tensor import Tensor, unboxed, wrap
from .block import Block
from .graph import Graph, Operation, Ref, Slot
from .program import ancestors

FORMAT, VERSION = "tinygrad-graph", 1
_ARITHMETIC = {f.__name__: f for f in (operator.add, operator.sub, operator.mul, operator.floordiv, operator.mod,
                                       operator.truediv)}


def save_graph(path: str | os.PathLike[str], outputs: Sequence[Tensor]) -> None:
    """Write what computes these tensors, with the values that its variables have now.

    Args:
        path: the file, which appears under its name only when it is whole.
        outputs: symbolic tensors of one graph; only what they need is saved. Their names are what to ask a session for.
    """
    symbols: list[Any] = [getattr(t, "array", None) for t in outputs] if isinstance(outputs, (list, tuple)) else []
    if not symbols or any(type(x) is not Symbol for x in symbols):
        raise StaticError("save_graph takes a path and a list of symbolic tensors, the outputs that shall be computed later: "
                          f"save_graph('model.tg', [y]), and got {outputs!r}")
    graph = symbols[0].operation.graph
    serialization.save({"format": FORMAT, "version": VERSION, "name": graph.name,
                        "operations": _written(ancestors(symbols))}, path)


def _written(operations: list[Operation]) -> list[Any]:
    number = {o: k for k, o in enumerate(operations)}

    def plain(value: Any) -> Any:
        """A value of an input or attribute as JSON can hold it, told apart by its first word."""
        if isinstance(value, Symbol):
            return ["symbol", number[value.operation], value.index]
        if isinstance(value, Ref):
            return ["input", value.input]
        if isinstance(value, Dim):
            first, *rest = value.of
            begins = plain(first) if isinstance(first, Symbol) else first.__name__
            return ["dim", list(value.hints), begins, *map(plain, rest)]
        if isinstance(value, np.dtype):
            return ["dtype", value.name]
        if isinstance(value, slice):
            return ["slice", plain(value.start), plain(value.stop), plain(value.step)]
        if isinstance(value, (tuple, list)):
            return [type(value).__name__, *map(plain, value)]
        if value is Ellipsis:
            return ["ellipsis"]
        if isinstance(value, Generator) and value is default_generator:
            return ["generator"]
        if isinstance(value, Device):
            return ["device", str(value)]
        if isinstance(value, Block):
            inner = value.graph.operations
            places = {o: k for k, o in enumerate(inner)}
            ends = [[places[x.operation], x.index] for x in (*value.inputs, *value.outputs)]
            return ["block", value.graph.name, _written(inner), len(value.inputs), ends]
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        raise StaticError(f"a graph with a {type(value).__name__} in it cannot be saved: save the outputs that do without it")

    made = []
    for o in operations:
        if isinstance(o.value, Slot):
            raise StaticError(f"{o.name} belongs to an optimiser, and a file holds what predicts, not what trains: save the "
                              "outputs that do not depend on it")
        value = o.value.array if o.kind == "variable" else o.value
        made.append({"kind": o.kind, "op": o.does or None, "name": o.name,
                     "inputs": [plain(x) for x in o.inputs], "operands": o.operands, "module": o.module,
                     "attrs": [[k, plain(v)] for k, v in o.attrs.items()],
                     "results": [None if r is None else [[plain(n) if isinstance(n, Dim) and n.of[0] is not r else
                                                          list(n.hints) if isinstance(n, Dim) else n for n in r.shape],
                                                         r.dtype.name] for r in o.results],
                     "control": [number[c] for c in o.control if c in number],
                     "value": None if value is None else wrap(value)})
    return made


def load_graph(path: str | os.PathLike[str]) -> Graph:
    """Read a graph that `save_graph` wrote, ready for a session: it needs nothing of the Python that built it.

    Raises:
        FileError: the file holds no graph, or one with something that this version does not know.
    """
    data = serialization.load(path)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise FileError(f"{os.fspath(path)} holds no graph: it was not written by save_graph")
    if data.get("version") != VERSION:
        raise FileError(f"{os.fspath(path)} is of version {data.get('version')!r}, and this program reads {VERSION}: update "
                        "it")
    try:
        return _read(Graph(str(data["name"])), data["operations"])
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise FileError(f"{os.fspath(path)} is damaged: its graph cannot be read ({error!r})") from None


def _read(graph: Graph, entries: list[Any]) -> Graph:
    for entry in entries:
        _read_operation(graph, entry)
    return graph


def _read_operation(graph: Graph, entry: dict[str, Any]) -> None:
    operations = graph.operations

    def value(data: Any) -> Any:
        """The reverse of `plain`."""
        if not isinstance(data, list):
            return data
        word, *rest = data
        if word == "symbol":
            return operations[rest[0]].results[rest[1]]
        if word == "dim":
            hints, first, *more = rest
            of = (_ARITHMETIC[first], *map(value, more)) if isinstance(first, str) else (value(first), *more)
            return Dim(tuple(hints), of)
        if word == "block":
            name, inner, count, ends = rest
            body = _read(Graph(str(name)), inner)
            symbols = [body.operations[n].results[k] for n, k in ends]
            return Block(body, symbols[:count], symbols[count:])
        made = {"input": lambda: Ref(rest[0]), "dtype": lambda: np.dtype(rest[0]), "ellipsis": lambda: Ellipsis,
                "tuple": lambda: tuple(map(value, rest)), "list": lambda: list(map(value, rest)),
                "slice": lambda: slice(*map(value, rest)), "generator": lambda: default_generator,
                "device": lambda: Device(rest[0])}
        return made[word]()

    kind, name = entry["kind"], graph.unique(entry["name"])
    if kind not in ("placeholder", "variable", "constant", "operation"):
        raise ValueError(f"an operation of kind {kind!r}")
    stored = entry["value"]
    held: Any = stored if kind == "variable" else None if stored is None else unboxed(stored.array)
    if kind == "variable":
        held = stored.detach().clone()
        held.name = name
    op = operation_named(entry["op"]) if kind == "operation" else None
    o = Operation(graph, kind, op, tuple(map(value, entry["inputs"])), {k: value(v) for k, v in entry["attrs"]}, name, held)
    o.operands, o.where, o.module = int(entry["operands"]), None, str(entry["module"])
    o.control = tuple([operations[n] for n in entry["control"]])
    results = []
    for k, r in enumerate(entry["results"]):
        x = None if r is None else Symbol((), np.dtype(r[1]), o, k)
        if x is not None:
            x.shape = tuple([Dim(tuple(n), (x, axis)) if isinstance(n, list) and n and isinstance(n[0], int) else value(n)
                             for axis, n in enumerate(r[0])])
        results.append(x)
    o.results = tuple(results)
    o.number = len(operations)
    operations.append(o)


def operation_named(name: str) -> Op:
    """The entry of the table with this name; the gradient of a fused operation is made where it is not there yet."""
    if name in OPS:
        return OPS[name]
    base, found, count = str(name).partition("_backward")
    if not found or base not in OPS or OPS[base].backward is None or not (count[1:].isdigit() or not count):
        raise ValueError(f"no operation {name!r}")
    return gradient_op(OPS[base], int(count[1:] or 1))
