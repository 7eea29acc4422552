"""Finds what the course has: its lessons, their questions and their exercises."""

import re
import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from lessons.grader.exercise import Exercise

COURSE = Path(__file__).parent / "course"


@dataclass(frozen=True)
class Question:
    """Something a page asks: the words, what counts as right, and what is said afterwards."""

    id: str
    ask: str
    after: str
    accept: tuple[str, ...] = ()
    kind: str = "short"  # or "sentence": an answer in one's own words, which nobody marks
    again: str = ""  # the words of a review, where `ask` needs what stands around it on the page
    options: tuple[str, ...] = ()  # what can be chosen, where nothing is to be written
    recalls: str = ""  # the number of the earlier lesson that it is about

    @property
    def recalled(self) -> "Lesson | None":
        """The earlier lesson that it is about, if there is one."""
        return next((lesson for lesson in lessons() if self.recalls and lesson.id.startswith(self.recalls)), None)


VERDICTS = ("true", "once, or in part", "false", "an opinion")


@dataclass(frozen=True)
class Claim:
    """A sentence that articles repeat, what is to be said of it today, and who says so."""

    id: str
    words: str
    verdict: str  # one of VERDICTS
    after: str
    source: str

    @property
    def question(self) -> Question:
        """The claim as what the page asks."""
        return Question(self.id, f"“{self.words}”", self.after, accept=(self.verdict,), options=VERDICTS)


@dataclass(frozen=True)
class Lesson:
    """One folder of the course: a page, its questions and its exercises."""

    folder: Path

    @property
    def id(self) -> str:
        """The folder's name, which is also the name of the learner's notebook."""
        return self.folder.name

    @property
    def title(self) -> str:
        """The page's first heading."""
        found = re.search(r"^# (.+)$", self.source, re.MULTILINE)
        return found[1] if found else self.id

    @property
    def source(self) -> str:
        """The page as written, a MyST text notebook."""
        return (self.folder / "lesson.md").read_text(encoding="utf-8")

    def questions(self) -> dict[str, Question]:
        """What the page asks, by id, in the page's order."""
        table = tomllib.loads((self.folder / "questions.toml").read_text(encoding="utf-8"))
        return {id: Question(id, **{**entry, "accept": tuple(entry.get("accept", ()))}) for id, entry in table.items()}

    def claims(self) -> dict[str, Claim]:
        """The claims that the page has its reader vote on, by id, in the page's order."""
        path = self.folder / "claims.toml"
        table = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        return {id: Claim(id, **entry) for id, entry in table.items()}

    def predicted(self, id: str) -> str:
        """The code of the cell that asks that question; nothing when it is asked without code."""
        found = re.search(rf"^%%predict {re.escape(id)}\n(.*?)^```$", self.source, re.MULTILINE | re.DOTALL)
        return found[1] if found else ""

    def exercises(self) -> dict[str, Exercise]:
        """The exercises by id, in the page's order."""
        named = re.findall(r"^:exercise: (\S+)$", self.source, re.MULTILINE)
        return {id: Exercise(self.folder / "exercises" / id) for id in named}


@cache
def lessons() -> tuple[Lesson, ...]:
    """Every lesson of the course, in order."""
    return tuple(Lesson(page.parent) for page in sorted(COURSE.glob("*/lesson.md")))


def exercise(id: Any) -> Exercise:
    """The exercise of that id, wherever in the course it stands; a LookupError says which there are."""
    everything = {k: e for lesson in lessons() for k, e in lesson.exercises().items()}
    return _named(id, everything, "exercise")


def question(id: Any) -> Question:
    """The question of that id, wherever in the course it stands; a LookupError says which there are."""
    everything = {k: q for lesson in lessons() for k, q in lesson.questions().items()}
    return _named(id, everything, "question")


def claim(id: Any) -> Claim:
    """The claim of that id, wherever in the course it stands; a LookupError says which there are."""
    everything = {k: c for lesson in lessons() for k, c in lesson.claims().items()}
    return _named(id, everything, "claim")


def _named(id: Any, table: dict[str, Any], what: str) -> Any:
    if isinstance(id, str) and id in table:
        return table[id]
    there_are = f"There are: {', '.join(table)}."
    if not id:
        raise LookupError(f"Which {what}? Say its name, in quotes. {there_are}")
    if not isinstance(id, str):
        called = getattr(id, "__name__", None)
        mine = " or ".join(f"“{name}”" for name, one in table.items() if getattr(one, "object", "") == called)
        raise LookupError(f"The name of the {what} comes first, in quotes. " + (f"It is {mine}." if mine else there_are))
    near = "".join(f"Did you mean “{name}”? " for name in get_close_matches(id.lower().replace("_", "-"), table, 1))
    raise LookupError(f"There is no {what} “{id}”. {near}{there_are}")
