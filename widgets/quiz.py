"""BackwardQuiz: the learner walks back through a recorded graph, one node at a time."""

from __future__ import annotations

from typing import Any

import traitlets

from . import layout
from .frame import Frame, as_text, read_recording


class BackwardQuiz(Frame):
    """Ask which node backward may visit next; a wrong choice says which node is still waited for.

    Args:
        recording: a `Recording` of a forward and a backward pass, or its dict, its JSON text, or a saved one's path.
        counts: show how many of its gradients have arrived at each node.
        step: the step to start at.

    The first backward pass is walked. `order` lists the nodes in the order chosen, and then in the recording's own;
    `mistakes` lists every choice that was refused, with the nodes it had to wait for.
    Raises `ValueError` where nothing in the recording walks back.
    """

    _bundle = "quiz"
    _saved = ("recording", "layouts", "order", "mistakes", "counts")

    recording = traitlets.Unicode(help="the recording, as JSON or packed JSON").tag(sync=True)
    layouts = traitlets.Dict(help="positions made by Graphviz").tag(sync=True)
    order = traitlets.List(traitlets.Int(), help="node ids, in the order they are visited").tag(sync=True)
    mistakes = traitlets.List(traitlets.Dict(), help="choices that were refused").tag(sync=True)
    counts = traitlets.Bool(False, help="show how many gradients have arrived").tag(sync=True)

    def __init__(self, recording: Any, *, counts: bool = False, step: int = 0) -> None:
        data = read_recording(recording, "BackwardQuiz")
        self._visits = sum(e["type"] == "backward" for e in data["events"])
        if not self._visits:
            raise ValueError("nothing walks back in this recording: call backward() inside `with record() as rec:`")
        self._title = data.get("meta", {}).get("title") or "Which node next?"
        super().__init__(recording=as_text(data), layouts=layout.first(data["events"]), counts=counts, step=step)

    def __repr__(self) -> str:
        return f"<BackwardQuiz of {self._visits} operations: run this cell to see it>"
