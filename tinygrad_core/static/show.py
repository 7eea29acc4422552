"""Graphs to be read and seen: as listings, in Graphviz's language, and in a notebook."""
from __future__ import annotations

import html
from typing import Any

import numpy as np

from ..device import CPU, default_generator
from ..errors import Line
from ..symbol import Dim, Symbol, shape_text
from .graph import Operation, fill

_SHAPES = {"placeholder": "invhouse", "variable": "box3d", "constant": "note", "operation": "box"}
LARGEST = 300                   # operations; a larger graph is listed, not drawn, in a notebook


def listing(operations: list[Operation]) -> str:
    """A typed listing, one operation a line, with the source lines they came from."""
    lines = [(listing_line(o), f"# {Line.at(o.where)}" if o.where is not None else "") for o in operations]
    width = min(max((len(code) for code, _ in lines), default=0), 72)
    text = "\n".join(f"{code:{width}}  {line}".rstrip() for code, line in lines)
    open_ = any(isinstance(n, Dim) for o in operations for r in o.results if r is not None for n in r.shape)
    return text + "\n# ? in a shape is a size that each run decides" * open_


def listing_line(o: Operation) -> str:
    """`add: float32 [?, 3] = add(matmul, b)`."""
    types = ", ".join("-" if r is None else f"{r.dtype} {shape_text(r.shape)}" for r in o.results)
    if o.kind != "operation":
        return f"{o.name}: {types} = {o.kind}"
    inputs = [x.name if isinstance(x, Symbol) else _short(x) for x in o.inputs[:o.operands]]
    attrs = [f"{k}={_short(fill(v, tuple(x.name if isinstance(x, Symbol) else x for x in o.inputs)))}"
             for k, v in o.attrs.items() if v is not default_generator and v is not CPU]
    after = f"  after {', '.join(c.name for c in o.control)}" if o.control else ""
    return f"{o.name}: {types} = {o.does}({', '.join(inputs + attrs)}){after}"


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"<{value.dtype} array {shape_text(value.shape)}>"
    if isinstance(value, slice):
        return f"{'' if value.start is None else value.start}:{'' if value.stop is None else value.stop}"
    if isinstance(value, tuple):
        return "(" + ", ".join(_short(v) for v in value) + ("," if len(value) == 1 else "") + ")"
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value.name) if hasattr(value, "name") else repr(value)
    return text if len(text) <= 60 else f"<{type(value).__name__}>"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def dot(operations: list[Operation]) -> str:
    """The operations in Graphviz's DOT language, one node each; two edges between the same nodes stay two."""
    number = {o: k for k, o in enumerate(operations)}
    lines = ["digraph {", '  rankdir=TB; node [fontname="Helvetica", fontsize=10];']
    for o, k in number.items():
        types = ", ".join(f"{r.dtype} {shape_text(r.shape)}" for r in o.results if r is not None)
        label = f"{o.name}\\n{types}".replace('"', '\\"')
        tip = str(Line.at(o.where)) if o.where is not None else o.name
        rounded = ', style="rounded"' if o.kind == "operation" else ""
        lines.append(f'  n{k} [label="{label}", shape={_SHAPES[o.kind]}{rounded}, tooltip={_quoted(tip)}];')
    for o, k in number.items():
        lines += [f"  n{number[x.operation]} -> n{k};" for x in o.sources if x.operation in number]
        lines += [f"  n{number[c]} -> n{k} [style=dotted];" for c in o.control if c in number]
    return "\n".join([*lines, "}"])


def mimebundle(graph: Any) -> dict[str, str]:
    """What a notebook shows: a drawing where Graphviz can make one, and the listing in any case."""
    text = listing(graph.operations)
    bundle = {"text/plain": text, "text/html": f"<pre>{html.escape(text)}</pre>"}
    if 0 < len(graph.operations) <= LARGEST:
        drawing = _drawn(dot(graph.operations))
        if drawing:
            bundle["image/svg+xml"] = drawing
            del bundle["text/html"]
    return bundle


def _drawn(source: str) -> str:
    """The picture as SVG by the Graphviz that Python carries; empty without it."""
    try:
        import pygraphviz
    except ImportError:
        return ""
    return pygraphviz.AGraph(string=source).draw(format="svg", prog="dot").decode()
