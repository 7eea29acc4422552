"""What a student's marks add up to, late days counted."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lessons.classroom.mark import Mark


@dataclass(frozen=True)
class Policy:
    """When work is due, and what each day begun after that costs, in percent of what was reached."""

    due: datetime | None = None
    percent: float = 0.0
    grace: timedelta = timedelta(0)

    def days(self, submitted: str | None, late: bool | None) -> int:
        """Days begun after it was due. Where a platform only says "late", it counts as one."""
        if self.due is not None and submitted is not None:
            over = datetime.fromisoformat(submitted) - self.due
            return math.ceil(over / timedelta(days=1)) if over > self.grace else 0
        return int(bool(late))

    def share(self, days: int) -> float:
        """The part of the points that is left after so many days."""
        return max(0.0, 1 - days * self.percent / 100)


def moment(text: str) -> datetime:
    """A due time as written: ISO 8601, in the machine's own time zone when none is named; a bare day ends at midnight."""
    found = datetime.fromisoformat(text.strip())
    if len(text.strip()) == 10:
        found += timedelta(days=1)
    return found.astimezone(UTC)


@dataclass(frozen=True)
class Score:
    """One student's result."""

    student: str
    name: str
    submitted: str | None
    marks: tuple[Mark, ...]
    days_late: int
    share: float

    @property
    def raw(self) -> float:
        """Points before the late policy."""
        return round(sum(mark.points for mark in self.marks), 2)

    @property
    def points(self) -> float:
        """Points after it."""
        return round(self.raw * self.share, 2)

    @property
    def maximum(self) -> float:
        """What could be reached."""
        return sum(mark.maximum for mark in self.marks)

    @property
    def unsure(self) -> bool:
        """A person must look at one of the marks."""
        return any(mark.status == "error" for mark in self.marks)


def scores(
    students: Sequence[dict[str, Any]], marks: Sequence[Mark], exercises: Sequence[str], policy: Policy
) -> list[Score]:
    """Everybody's result in these exercises, by student."""
    of: dict[str, dict[str, Mark]] = {}
    for mark in marks:
        of.setdefault(mark.student, {})[mark.exercise] = mark
    results = []
    for student in students:
        own = of.get(student["student"], {})
        days = policy.days(student["submitted"], student["late"])
        mine = tuple(own[id] for id in exercises if id in own)
        results.append(Score(student["student"], student["name"], student["submitted"], mine, days, policy.share(days)))
    return results
