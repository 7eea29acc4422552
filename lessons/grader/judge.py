"""Judges an answer by its outcomes: which mistake is it, and which smallest case shows it?"""

import copy
import random
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from lessons.grader import guard
from lessons.grader.exercise import Exercise
from lessons.grader.shrink import shrink, smaller

SECONDS = 2.0  # for one case
SHRINKING = 0.08  # seconds that may be spent on a smaller counterexample


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
    """Runs every case, names the mistake that explains most failures, and shrinks one of them."""
    cases = list(exercise.cases.cases(random.Random(seed)))
    failures: list[Finding] = []
    for case in cases:
        finding = examine(exercise, answer, case)
        if finding is not None:
            failures.append(finding)
            if finding.trouble is not None:
                break
    if not failures:
        return Verdict(len(cases), len(cases))
    right = len(cases) - len(failures) if failures[-1].trouble is None else 0
    if failures[0].trouble is not None:
        return Verdict(right, len(cases), failures[0])
    return Verdict(right, len(cases), _smallest(exercise, answer, failures))


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


def _smallest(exercise: Exercise, answer: Any, failures: Iterable[Finding]) -> Finding:
    failures = [f for f in failures if f.trouble is None]
    named = Counter(f.hint for f in failures if f.hint is not None)
    wanted = named.most_common(1)[0][0] if named else None
    best = next(f for f in failures if f.hint == wanted)
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
