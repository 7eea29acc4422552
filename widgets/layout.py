"""Positions for graphs too large to lay out in the browser: by Graphviz, once, sent along with the widget's state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

#: Up to so many boxes the browser lays the graph out itself at once; up to DAGRE_LIMIT in layout.ts it still can.
BROWSER_LIMIT = 80
#: And up to so many lines: where many lines cross, dagre takes seconds.
BROWSER_LINES = 100
#: A picture with more boxes than this starts with its modules folded.
FOLD_LIMIT = 40
#: Beyond so many boxes even Graphviz takes minutes, and nobody could read the result.
GRAPHVIZ_LIMIT = 5000

NOTE = (
    "This graph is too large for the browser to lay out well. Fold some modules, or install "
    "pygraphviz (pip install pygraphviz) and run the cell again."
)

Event = dict[str, Any]


@dataclass
class Visible:
    """Boxes and lines on screen, under the keys the front end uses for them."""

    items: dict[str, str] = field(default_factory=dict)  # key -> longest text in the box
    homes: dict[str, str] = field(default_factory=dict)  # key -> the open module it lies in
    links: dict[str, tuple[str, str]] = field(default_factory=dict)  # key -> (from, to)


def rounds(events: Iterable[Event]) -> list[list[Event]]:
    """The iterations of a recording: after an optimiser's update, the next definition opens a new one."""
    found: list[list[Event]] = [[]]
    trained = False
    for event in events:
        if event["type"] in ("update", "step"):
            trained = True
        elif event["type"] == "define" and trained:
            found.append([])
            trained = False
        found[-1].append(event)
    return found


def module_paths(events: Iterable[Event]) -> list[str]:
    """Every module path with at least two nodes in it, outer ones first."""
    count: dict[str, int] = {}
    for event in events:
        if event["type"] == "define" and event.get("module"):
            parts = event["module"].split(".")
            for n in range(1, len(parts) + 1):
                path = ".".join(parts[:n])
                count[path] = count.get(path, 0) + 1
    return sorted((p for p, n in count.items() if n > 1), key=lambda p: (p.count("."), p))


def chip_of(module: str, folded: set[str]) -> str | None:
    """The outermost folded module that a node of `module` lies in."""
    parts = module.split(".") if module else []
    for n in range(1, len(parts) + 1):
        path = ".".join(parts[:n])
        if path in folded:
            return path
    return None


def visible(events: Iterable[Event], iteration: int | None, folded: Iterable[str]) -> Visible:
    """What one iteration (None: all of them) shows while the `folded` modules are chips."""
    events = list(events)
    shut = set(folded)
    defines = {e["node"]: e for e in events if e["type"] == "define"}
    wanted: set[int] = set()
    for event in events if iteration is None else rounds(events)[iteration]:
        if event["node"] is not None:
            wanted.add(event["node"])
        if event["type"] == "define":
            wanted.update(link["node"] for link in event["inputs"])
    shown = Visible()
    key_of: dict[int, str] = {}
    nodes = [d for n, d in defines.items() if n in wanted]
    framed = set(module_paths(nodes))
    for d in nodes:
        module = d.get("module") or ""
        chip = chip_of(module, shut)
        key = key_of[d["node"]] = f"n{d['node']}" if chip is None else f"m:{chip}"
        text = f"{d['label']} {d['name'] or ''}" if chip is None else f"{chip}      "
        shown.items.setdefault(key, text)
        home = module if chip is None else chip.rpartition(".")[0]
        while home and home not in framed:
            home = home.rpartition(".")[0]
        if home:
            shown.homes[key] = home
    for d in nodes:
        for link in d["inputs"]:
            a, b = key_of[link["node"]], key_of[d["node"]]
            if a != b:
                single = a[0] == b[0] == "n"
                shown.links[f"e{link['edge']}" if single else f"{a}>{b}"] = (a, b)
    return shown


def default_fold(events: list[Event]) -> list[str]:
    """Nothing while the graph is small; else every module, so that opening one shows the next level."""
    largest = max(len(visible(events, i, ()).items) for i in range(len(rounds(events))))
    return module_paths(events) if largest > FOLD_LIMIT else []


def wants_graphviz(shown: Visible) -> bool:
    """Whether the browser would be slow where Graphviz is not."""
    large = len(shown.items) > BROWSER_LIMIT or len(shown.links) > BROWSER_LINES
    return large and len(shown.items) <= GRAPHVIZ_LIMIT


def first(events: list[Event]) -> dict[str, Any]:
    """Positions for the first iteration with every module open, under the front end's name for it; empty if small."""
    shown = visible(events, 0, ())
    placed = place(shown) if wants_graphviz(shown) else None
    return {"0|": placed} if placed else {}


def _clusters(shown: Visible, number: dict[str, int]) -> list[str]:
    """What lies in one open module is to stay together, so that a frame can be drawn around it."""
    inside: dict[str, list[int]] = {}
    for key, home in shown.homes.items():
        inside.setdefault(home, []).append(number[key])
        while home := home.rpartition(".")[0]:
            inside.setdefault(home, [])
    lines: list[str] = []
    open_: list[str] = []
    for path in sorted(inside, key=lambda p: p.split(".")):
        while open_ and not path.startswith(open_[-1] + "."):
            lines.append("}")
            open_.pop()
        lines.append(f"subgraph cluster_{len(lines)} {{ margin=14;")
        lines += [f"{n};" for n in inside[path]]
        open_.append(path)
    return lines + ["}"] * len(open_)


def place(shown: Visible) -> dict[str, Any] | None:
    """Positions by Graphviz as the front end reads them, or None where pygraphviz is not installed."""
    try:
        import pygraphviz
    except ImportError:
        return None
    # A line of DOT for each box is much faster than a call for each.
    dot = [
        "digraph {",
        "rankdir=LR; nodesep=0.42; ranksep=0.9; nslimit=2; mclimit=0.5; splines=spline;",
        'node [shape=box fixedsize=true height=0.64 label=""]; edge [arrowhead=none];',
    ]
    number = {key: i for i, key in enumerate(shown.items)}
    for key, text in shown.items.items():
        dot.append(f"{number[key]} [width={(max(len(text), 7) * 7.5 + 46) / 72:.2f}];")
    dot += _clusters(shown, number)
    dot += [f"{number[a]} -> {number[b]} [id={i}];" for i, (a, b) in enumerate(shown.links.values())]
    dot.append("}")
    graph = pygraphviz.AGraph(string="\n".join(dot))
    graph.layout(prog="dot")
    keys, links = list(shown.items), list(shown.links)
    nodes = {}
    for n in graph.nodes_iter():
        x, y = n.attr["pos"].split(",")
        nodes[keys[int(n)]] = [round(float(x)), -round(float(y))]
    edges = {}
    for e in graph.edges_iter():
        points = [p for p in e.attr["pos"].split() if p[0] not in "es"]
        # Every third control point lies on the line; the ends are the boxes' own business.
        through = [p.split(",") for p in points[3:-1:3]]
        if through:
            flat = [n for x, y in through for n in (round(float(x)), -round(float(y)))]
            edges[links[int(e.attr["id"])]] = flat
    xs, ys = [p[0] for p in nodes.values()], [p[1] for p in nodes.values()]
    return {
        "width": max(xs, default=0) - min(xs, default=0),
        "height": max(ys, default=0) - min(ys, default=0),
        "nodes": nodes,
        "edges": edges,
    }
