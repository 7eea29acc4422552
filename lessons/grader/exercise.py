"""One exercise as it lies in its folder: text, rungs, cases, known wrong answers and their hints.

    exercise.toml   title, the object to write, points, minutes, and every hint; `[equivalent]` may excuse changes
                    of the reference that change nothing, "before → after" = "why"; each `[[distractor]]` names a
                    `line` of a known mistake, the line it stands `instead` of, and the `hint` it must draw
    statement.md    the task, as the learner reads it
    exercise.py     stub and reference in one file, the solution between markers; after `### PARSONS` may stand, in
                    comments, the same in more lines to be put in order; after `### FADED` the rung with blanks
    cases.py        the inputs, and what is made of the outputs (below)
    wrong/*.py      known wrong answers; the first line names the hint each must draw

`cases.py` keeps what runs beside the learner's code apart from what judges it, so that the two can
live in different processes; only plain data passes between them:

    cases(rng)                  the inputs, simplest first
    hidden(rng)                 (optional) for marks: cases that nobody sees; other ones from `cases` otherwise
    drive(answer, case)         calls the learner's answer; returns plain data; uses none of the others
    same(case, expected, got)   is the outcome right?
    hint(case, expected, got)   the id of the hint that this outcome draws, or None
    truth(case)                 the right outcome worked out in another way, to prove the reference
    show(case)                  the case as the learner would type it
    tell(case, outcome)         (optional) an outcome in the learner's terms
    facts(case, expected, got)  (optional) words to fill into a hint's `found` and `question`
    valid(case)                 (optional) what a shrunk case must still be
    smaller(case)               (optional) simpler cases to try instead
"""

import ast
import linecache
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

_BLOCK = re.compile(
    r"^(?P<indent> *)### BEGIN SOLUTION\n(?P<solution>.*?)"
    r"(?:^ *### PARSONS\n(?P<parsons>.*?))?(?:^ *### FADED\n(?P<faded>.*?))?^ *### END SOLUTION\n",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Hint:
    """What is said about one known mistake: what it is, a question, and later a hint."""

    found: str
    question: str
    hint: str


@dataclass(frozen=True)
class WrongAnswer:
    """A known wrong answer and the hint that it must draw."""

    name: str
    hint: str
    source: str


@dataclass(frozen=True)
class Region:
    """One place of the task where the learner writes, with what may stand there."""

    indent: str
    solution: str
    parsons: str | None
    faded: str | None

    def code(self, which: str) -> str:
        """The lines of that rung."""
        if which == "blank":
            return f"{self.indent}...  # your turn\n"
        if which == "faded":
            return _uncommented(self.faded or "")
        if which == "parsons":
            return self.solution if self.parsons is None else _uncommented(self.parsons)
        if which == "reference":
            return self.solution
        raise ValueError(f"a rung is blank, faded, parsons or reference, not {which!r}")


def _uncommented(lines: str) -> str:
    return re.sub(r"^( *)# ", r"\1", lines, flags=re.MULTILINE)


@dataclass(frozen=True)
class Exercise:
    """One exercise, read from its folder."""

    folder: Path

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def meta(self) -> dict[str, Any]:
        """What exercise.toml says."""
        return _toml(self.folder / "exercise.toml")

    @property
    def title(self) -> str:
        """What the exercise is called."""
        return self.meta["title"]

    @property
    def object(self) -> str:
        """The name of the function or class that the learner writes."""
        return self.meta["object"]

    @property
    def points(self) -> int:
        """What it is worth."""
        return self.meta["points"]

    @property
    def hints(self) -> dict[str, Hint]:
        """Every hint, by id."""
        return {id: Hint(**entry) for id, entry in self.meta["hints"].items()}

    def hint(self, id: str, case: Any, expected: Any, got: Any) -> Hint:
        """That hint in the words of one case: what is in {braces} in `found` and `question` is filled in."""
        hint, facts = self.hints[id], getattr(self.cases, "facts", None)
        if facts is None:
            return hint
        words = facts(case, expected, got)
        return Hint(hint.found.format_map(words), hint.question.format_map(words), hint.hint)

    @property
    def statement(self) -> str:
        """The task in Markdown."""
        return (self.folder / "statement.md").read_text(encoding="utf-8")

    @cached_property
    def cases(self) -> ModuleType:
        """The module that knows the inputs and judges the outputs."""
        return _module(self.folder / "cases.py")

    def rung(self, which: str) -> str:
        """The task's code: "blank" to write, "faded" with blanks to fill, "parsons" to sort, or the "reference"."""
        return "".join(text if region is None else region.code(which) for text, region in self.pieces())

    def pieces(self) -> Iterator[tuple[str, "Region | None"]]:
        """The file from top to bottom: text that is given, and each region that the learner writes."""
        text = (self.folder / "exercise.py").read_text(encoding="utf-8")
        end = 0
        for block in _BLOCK.finditer(text):
            yield text[end : block.start()], None
            yield block[0], Region(block["indent"], block["solution"], block["parsons"], block["faded"])
            end = block.end()
        yield text[end:], None

    def solution_lines(self, which: str = "reference") -> set[int]:
        """The numbers of that rung's lines that stand between the markers: what the learner writes."""
        lines: set[int] = set()
        at = 0
        for text, region in self.pieces():
            count = (text if region is None else region.code(which)).count("\n")
            if region is not None:
                lines |= set(range(at + 1, at + count + 1))
            at += count
        return lines

    def wrong(self) -> list[WrongAnswer]:
        """The known wrong answers."""
        answers = []
        for path in sorted((self.folder / "wrong").glob("*.py")):
            source = path.read_text(encoding="utf-8")
            first = re.match(r"# hint: (\S+)\n", source)
            if first is None:
                raise ValueError(f"{path} must start with a line `# hint: ID`")
            answers.append(WrongAnswer(path.stem, first[1], source))
        return answers

    def answer(self, source: str, name: str = "answer") -> Any:
        """The object that a piece of source defines."""
        filename = f"<{self.id}: {name}>"
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        namespace: dict[str, Any] = {"__name__": f"answer_{self.id}"}
        # One statement at a time, as a notebook does: Python 3.11 compiles calls on a module that is imported
        # in the same piece differently, and the stub would not be recognised.
        for statement in ast.parse(source, filename).body:
            exec(compile(ast.Module([statement], []), filename, "exec"), namespace)
        return namespace[self.object]

    def reference(self) -> Any:
        """The reference answer."""
        return _reference(self)


@cache
def _reference(exercise: Exercise) -> Any:
    return exercise.answer(exercise.rung("reference"), "reference")


@cache
def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


@cache
def _module(path: Path) -> ModuleType:
    module = ModuleType(f"lessons.course.{path.parent.name}.cases")
    module.__file__ = str(path)
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    return module
