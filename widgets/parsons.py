"""Parsons: blocks of code to put in order in a notebook; what is right is for whoever made the puzzle to say."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import anywidget
import traitlets

Arrangement = list[list[list[Any]]]


@cache
def _bundle() -> str:
    file = Path(__file__).with_name("static") / "parsons.js"
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FileNotFoundError(
            f"the widget's front end is missing ({file}): install the package again, or build it "
            "with `npm ci && npm run build` in widgets/"
        ) from None


class Parsons(anywidget.AnyWidget):
    """Blocks to drag into a program, or to move there by keyboard.

    Args:
        title: what the puzzle is called.
        parts: the program from top to bottom: given text, or `(number, spaces)` for a region to be filled and
            how far everything in it is indented. Regions are numbered from 0.
        groups: the blocks, as pairs of an id and a text; of the blocks of one group at most one is right.
        check: called with an arrangement when the learner asks; returns whether it is right, and words that say so.
        arrangement: how the blocks lie at first: for each region, pairs `[id, level]` from top to bottom.
        deepest: the largest level of indentation.
        changed: called with the arrangement after every move.
    """

    _esm = _bundle()

    puzzle = traitlets.Dict(help="what is shown").tag(sync=True)
    arrangement: Any = traitlets.List(help="for each region, pairs of a block's id and its level").tag(sync=True)
    asked = traitlets.Int(0, help="how often the learner asked for a check").tag(sync=True)
    verdict = traitlets.Dict(help="what came of the last check, until a block is moved").tag(sync=True)

    def __init__(
        self,
        title: str,
        parts: Sequence[str | tuple[int, int]],
        groups: Sequence[Sequence[tuple[str, str]]],
        *,
        check: Callable[[Arrangement], tuple[bool, str]],
        arrangement: Arrangement | None = None,
        deepest: int = 6,
        changed: Callable[[Arrangement], None] = lambda _: None,
    ) -> None:
        puzzle = {
            "title": title,
            "parts": [{"given": p} if isinstance(p, str) else {"region": p[0], "indent": p[1]} for p in parts],
            "groups": [[{"id": id, "text": text} for id, text in group] for group in groups],
            "deepest": deepest,
        }
        super().__init__(puzzle=puzzle, arrangement=arrangement or [])
        self.observe(lambda _: self._ask(check), names="asked")
        self.observe(lambda change: self._moved(changed, change["new"]), names="arrangement")

    def _moved(self, changed: Callable[[Arrangement], None], new: Arrangement) -> None:
        self.verdict = {}
        changed(new)

    def _ask(self, check: Callable[[Arrangement], tuple[bool, str]]) -> None:
        passed, said = check(self.arrangement)
        self.verdict = {"asked": self.asked, "passed": passed, "said": said}

    def __repr__(self) -> str:
        count = sum(map(len, self.puzzle["groups"]))
        return f"<Parsons: {self.puzzle['title']}, {count} blocks to put in order: run this cell to see it>"
