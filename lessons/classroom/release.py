"""Makes what students get: notebooks, statements, stubs and the cases that they may see. No reference, no hidden case."""

import json
import random
from collections.abc import Sequence
from pathlib import Path

from lessons.catalog import COURSE, Lesson
from lessons.classroom.mark import expected
from lessons.folder import Report, update
from lessons.grader.exercise import Exercise
from lessons.notebook import text


def course(folder: Path | None = None) -> list[Lesson]:
    """The lessons of a course folder, in order; of our own course when none is named."""
    return [Lesson(page.parent) for page in sorted((folder or COURSE).glob("*/lesson.md"))]


def files(lessons: Sequence[Lesson]) -> dict[str, bytes]:
    """Every file of the students' folder, by its place in it."""
    made = {}
    for lesson in lessons:
        made[f"{lesson.id}.ipynb"] = text(lesson)
        for exercise in lesson.exercises().values():
            place = f"exercises/{exercise.id}"
            made[f"{place}/statement.md"] = exercise.statement.encode()
            made[f"{place}/{exercise.id}.py"] = exercise.rung("blank").encode()
            made[f"{place}/cases.json"] = visible(exercise)
    return made


def visible(exercise: Exercise) -> bytes:
    """The cases that students may see, as data: what is run, and what should come of it."""
    kit, table = exercise.cases, []
    for case in kit.cases(random.Random(0)):
        right = expected(exercise, case)
        shown = kit.tell(case, right) if hasattr(kit, "tell") else repr(right)
        table.append({"run": kit.show(case), "expected": shown})
    return (json.dumps(table, indent=1, ensure_ascii=False) + "\n").encode()


def release(folder: Path, lessons: Sequence[Lesson]) -> Report:
    """Writes the students' folder; run again, it brings it up to date and leaves alone what somebody changed."""
    content = files(lessons)
    for name in content:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    return update(folder, content)
