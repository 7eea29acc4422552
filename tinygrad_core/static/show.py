"""Graphs as pictures: in Graphviz's language, and in a notebook."""
from __future__ import annotations

import html
from typing import Any

from ..errors import Line
from ..symbol import shape_text
from .graph import Operation, listing

_SHAPES = {"placeholder": "invhouse", "variable": "box3d", "constant": "note", "operation": "box"}
LARGEST = 300                   # operations; a larger graph is listed, not drawn, in a notebook


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
