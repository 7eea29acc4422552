"""DynamicVsStatic: the same model run at once and as a graph that runs later, beside each other on one time axis."""

from __future__ import annotations

from typing import Any

import traitlets

from .frame import Frame, as_text, read_recording


def _runs(data: dict[str, Any]) -> int:
    return sum(e["type"] == "run" for e in data["events"])


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
    _saved = ("data", "folded", "predict", "predictions")

    data = traitlets.Unicode(help="both recordings, as JSON or packed JSON").tag(sync=True)
    predict = traitlets.Bool(False, help="ask before showing").tag(sync=True)
    folded = traitlets.List(traitlets.Unicode(), help="modules shown as one box").tag(sync=True)
    predictions = traitlets.List(traitlets.Dict(), help="what was asked and answered").tag(sync=True)

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
        super().__init__(data=as_text(data), step=step, predict=predict)

    def __repr__(self) -> str:
        # Jupyter cuts it off at 110 characters.
        return f"<DynamicVsStatic of {self._sizes[0]} and {self._sizes[1]} events: run this cell to see it>"
