"""Judges an answer by its outcomes: which mistake is it, and which smallest case shows it?

One outcome may look like a known mistake by chance, and no share of the failures tells chance from
a mistake: some known wrong answers show themselves in one failure of ten. So they are asked. Where
a known wrong answer would give itself away, an answer with that mistake gives itself away too; one
that fails there in some other way has another mistake.
"""

import copy
import random
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from lessons.grader import guard
from lessons.grader.exercise import Exercise
from lessons.grader.shrink import shrink, smaller

SECONDS = 2.0  # for one case
SHRINKING = 0.08  # seconds that may be spent on a smaller counterexample
RIGHT = ""  # stands where a hint would, for a case that is right


@dataclass(frozen=True)
class Foreign:
    """Stands for something that is not plain data; only its kind is kept."""

    kind: str

    def __repr__(self) -> str:
        return f"something of type {self.kind}"


@dataclass(frozen=True)
class Finding:
    """A case that went wrong, and how."""

    case: Any
    expected: Any
    got: Any = None
    trouble: guard.Trouble | None = None
    hint: str | None = None
    sure: bool = True  # the hint explains every failure, not only this one
    console: guard.Console = field(default_factory=guard.Console)


@dataclass(frozen=True)
class Verdict:
    """What came of an answer: how many cases are right, and the finding to talk about."""

    right: int
    total: int
    finding: Finding | None = None

    @property
    def passed(self) -> bool:
        """Every case is right."""
        return self.finding is None


def judge(exercise: Exercise, answer: Any, seed: int = 0) -> Verdict:
    """Runs every case, names the mistake that explains the failures, and shrinks one of them."""
    cases = list(exercise.cases.cases(random.Random(seed)))
    findings: list[Finding | None] = []
    for case in cases:
        findings.append(examine(exercise, answer, case))
        if findings[-1] is not None and findings[-1].trouble is not None:
            break
    failures = [finding for finding in findings if finding is not None]
    if not failures:
        return Verdict(len(cases), len(cases))
    right = len(cases) - len(failures) if failures[-1].trouble is None else 0
    if failures[0].trouble is not None:
        return Verdict(right, len(cases), failures[0])
    hint, sure = diagnose(exercise, [_drew(finding) for finding in findings], seed)
    return Verdict(right, len(cases), replace(_smallest(exercise, answer, failures, hint), hint=hint, sure=sure))


def diagnose(
    exercise: Exercise, drew: Sequence[str | None], seed: int = 0, elsewhere: Iterable[str] = ()
) -> tuple[str | None, bool]:
    """The hint that these outcomes deserve, or None; and whether its mistake explains every failure.

    Args:
        drew: for each case of this seed, in order, the hint that its outcome drew, None, or `RIGHT`.
        seed: which cases these are.
        elsewhere: hints that were drawn in other cases.
    """
    times = Counter(hint for hint in drew if hint)
    fitting = []
    for hint, total in (times + Counter(elsewhere)).items():
        for theirs in _known(exercise, hint, seed) or [[]]:     # without a known wrong answer nobody can deny it
            wrong = [(mine, other) for mine, other in zip(drew, theirs, strict=False) if mine not in (RIGHT, hint)]
            denied = sum(other == hint for _, other in wrong)
            unexplained = denied + sum(other == RIGHT for _, other in wrong)
            if not denied or denied < times[hint]:
                fitting.append((unexplained > 0, -total, hint))
    if not fitting:
        return None, True
    doubt, _, hint = min(fitting)
    return hint, not doubt


@cache
def _known(exercise: Exercise, hint: str, seed: int) -> list[list[str | None]]:
    """What each known wrong answer with this hint draws, case by case."""
    cases = list(exercise.cases.cases(random.Random(seed)))
    answers = [exercise.answer(wrong.source, wrong.name) for wrong in exercise.wrong() if wrong.hint == hint]
    return [[_drew(examine(exercise, answer, case)) for case in cases] for answer in answers]


def _drew(finding: Finding | None) -> str | None:
    return RIGHT if finding is None else finding.hint


def examine(exercise: Exercise, answer: Any, case: Any) -> Finding | None:
    """What is wrong with the answer on this one case, or None."""
    kit = exercise.cases
    expected = kit.drive(exercise.reference(), copy.deepcopy(case))
    given = copy.deepcopy(case)
    got, trouble, console = guard.run(lambda: plain(kit.drive(answer, given)), answer, SECONDS)
    if trouble is not None:
        return Finding(case, expected, trouble=trouble, console=console)
    if kit.same(case, expected, got):
        return None
    return Finding(case, expected, got, hint=kit.hint(case, expected, got), console=console)


def _smallest(exercise: Exercise, answer: Any, failures: list[Finding], hint: str | None) -> Finding:
    failures = [f for f in failures if f.trouble is None]
    best = next((f for f in failures if f.hint == hint), failures[0])
    wanted = best.hint
    kit, until = exercise.cases, time.monotonic() + SHRINKING

    def still(case: Any) -> bool:
        nonlocal best
        if time.monotonic() > until:
            raise StopIteration
        if not getattr(kit, "valid", lambda _: True)(case):
            return False
        finding = examine(exercise, answer, case)
        if finding is None or finding.trouble is not None or finding.hint != wanted:
            return False
        best = finding
        return True

    shrink(best.case, still, getattr(kit, "smaller", smaller))
    return best


def plain(data: Any) -> Any:
    """A copy made of nothing but numbers, strings, None, lists and dictionaries."""
    if type(data) is int and data.bit_length() > 1000:
        return Foreign("int with hundreds of digits")  # comparing it with a float would raise
    if data is None or type(data) in (bool, int, float, str):
        return data
    if isinstance(data, (list, tuple)):
        return [plain(item) for item in data]
    if isinstance(data, dict):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, float):
        return float(data)
    if hasattr(data, "item") and getattr(data, "shape", None) == ():
        return plain(data.item())  # a number in NumPy's or an engine's clothes
    return Foreign(type(data).__name__)
