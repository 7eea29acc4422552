"""DynamicVsStatic: the same model run at once and as a graph that runs later, beside each other on one time axis."""

from __future__ import annotations

from typing import Any

import traitlets

from . import layout
from .frame import Frame, as_text, read_recording

#: Beyond so many boxes in both graphs together Graphviz takes longer than a cell may: the browser puts them in columns.
_PLACED = 1200


def _runs(data: dict[str, Any]) -> int:
    return sum(e["type"] == "run" for e in data["events"])


def _layouts(sides: list[dict[str, Any]]) -> dict[str, Any]:
    """Positions for graphs that the browser would take long to place."""
    shown = [layout.visible(side["events"], None, ()) for side in sides]
    if sum(len(s.items) for s in shown) > _PLACED:
        return {}
    placed = {str(k): layout.place(s) for k, s in enumerate(shown) if layout.wants_graphviz(s)}
    return {k: p for k, p in placed.items() if p is not None}


class DynamicVsStatic(Frame):
    """Step through two recordings of one model: run at once, and defined first and run later.

    Args:
        eager: a recording of the program whose lines run at once: a `Recording`, its dict, its JSON, or a path.
        static: a recording of the program that builds a graph and runs it in a session.
        step: the step to start at; negative numbers count from the end, so that -1 is the last.
        predict: start in predict mode, which asks what each `print` shows, and how much of the graph a run needs.

    Lines that both programs share, such as those of the model, happen at the same step. `predictions` lists what the
    learner answered. Raises `TypeError` or `ValueError` for what is no recording, and `ValueError` for the two the
    other way round.
    """

    _bundle = "dynamic_static"
    _saved = ("data", "folded", "layouts", "predict", "predictions")

    data = traitlets.Unicode(help="both recordings, as JSON or packed JSON").tag(sync=True)
    predict = traitlets.Bool(False, help="ask before showing").tag(sync=True)
    folded = traitlets.List(traitlets.Unicode(), help="modules shown as one box").tag(sync=True)
    predictions = traitlets.List(traitlets.Dict(), help="what was asked and answered").tag(sync=True)
    layouts = traitlets.Dict(help="positions made by Graphviz, by side").tag(sync=True)

    def __init__(self, eager: Any, static: Any, *, step: int = 0, predict: bool = False) -> None:
        sides = [read_recording(side, "DynamicVsStatic") for side in (eager, static)]
        if _runs(sides[0]) and not _runs(sides[1]):
            raise ValueError(
                "these recordings are the other way round: the first one builds a graph and runs it in a session. "
                "Write DynamicVsStatic(eager=..., static=...)"
            )
        self._sizes = [len(side["events"]) for side in sides]
        self._title = next(filter(None, (side["meta"].get("title") for side in sides)), "Dynamic and static")
        data = {"format": "dynamic-static", "version": 1, "sides": sides}
        super().__init__(data=as_text(data), layouts=_layouts(sides), step=step, predict=predict)

    def __repr__(self) -> str:
        # Jupyter cuts it off at 110 characters.
        return f"<DynamicVsStatic of {self._sizes[0]} and {self._sizes[1]} events: run this cell to see it>"
