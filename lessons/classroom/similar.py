"""Which answers look copied: copydetect compares them, names and comments left aside; a person decides."""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from lessons.classroom.submissions import Submission, answers
from lessons.grader.exercise import Exercise

TOKENS, WINDOW = 20, 1  # the shortest piece that is compared, and how densely
LEAST = 80  # characters of own code under which an answer says nothing
LONGEST = 100_000


@dataclass(frozen=True)
class Pair:
    """Two students, and how much of each one's code is also in the other's, from 0 to 1."""

    one: str
    other: str
    share: float


def pairs(
    submissions: Sequence[Submission], exercises: Sequence[Exercise], least: float = 0.8,
    watch: Callable[..., Any] = lambda items, **_: items,
) -> Iterator[Pair]:  # fmt: skip
    """Pairs that share more than `least`, the most alike first; what was given out to everybody does not count."""
    from copydetect import CodeFingerprint, compare_files

    given = "\n".join(exercise.rung("blank") for exercise in exercises)
    stub = CodeFingerprint("stub.py", TOKENS, 1, fp=io.StringIO(given), language="python")
    known = np.array(sorted(stub.hashes), dtype=np.int64)
    prints = []
    for submission in watch(submissions, desc="reading"):
        written = "\n".join(source for exercise in exercises for source in answers(submission, exercise)[1])[:LONGEST]
        if len(written) < LEAST:
            continue
        mark = CodeFingerprint(
            submission.student, TOKENS, WINDOW, boilerplate=known, fp=io.StringIO(written), language="python"
        )
        if mark.token_coverage:
            prints.append(mark)
    found = []
    for one, other in watch(combinations(prints, 2), desc="comparing", total=len(prints) * (len(prints) - 1) // 2):
        share = float(min(compare_files(one, other)[1]))
        if share >= least:
            found.append(Pair(one.filename, other.filename, share))
    yield from sorted(found, key=lambda pair: -pair.share)


def report(path: Path, found: Sequence[Pair]) -> None:
    """A page with the pairs. It accuses nobody."""
    from lessons.classroom.feedback import PAGE

    rows = "".join(f"<tr><td>{escape(p.one)}</td><td>{escape(p.other)}</td><td>{p.share:.0%}</td></tr>" for p in found)
    note = "<p>Short exercises have few different right answers: alike is not copied. Read both before you ask.</p>"
    table = f"<table><tr><th>student</th><th>student</th><th>alike</th></tr>{rows}</table>" if found else "<p>None.</p>"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(PAGE.format(title="Answers that are alike", body=note + table), encoding="utf-8")
