"""Marks in the formats that others read: CSV, Canvas, Gradescope, nbgrader."""

import csv
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lessons.classroom.scores import Policy, Score


def marks_csv(path: Path, scores: Sequence[Score], exercises: Sequence[str]) -> None:
    """One line a student: points for each exercise, the sum, late days, and under which isolation it was marked."""
    head = ["student", "name", *exercises, "raw", "days late", "points", "maximum", "isolation", "needs a person"]
    rows = []
    for score in scores:
        own = {mark.exercise: mark for mark in score.marks}
        points = [f"{own[id].points:g}" if id in own else "" for id in exercises]
        tiers = " ".join(sorted({mark.isolation for mark in score.marks}))
        last = [f"{score.raw:g}", score.days_late, f"{score.points:g}", f"{score.maximum:g}", tiers]
        rows.append([score.student, score.name, *points, *last, "yes" if score.unsure else ""])
    _csv(path, [head, *rows])


def canvas_csv(path: Path, scores: Sequence[Score], assignment: str) -> None:
    """What Canvas imports into its gradebook."""
    most = max((score.maximum for score in scores), default=0)
    head = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", assignment]
    rows = [[score.name, score.student, "", "", "", f"{score.points:g}"] for score in scores]
    _csv(path, [head, ["    Points Possible", "", "", "", "", f"{most:g}"], *rows])


def nbgrader_csv(path: Path, scores: Sequence[Score], assignment: str, policy: Policy) -> None:
    """The columns of `nbgrader export`."""
    head = "assignment duedate timestamp student_id last_name first_name email raw_score "
    head += "late_submission_penalty score max_score"
    due = policy.due.strftime("%Y-%m-%d %H:%M:%S") if policy.due else ""
    rows = []
    for score in scores:
        first, _, last = score.name.rpartition(" ")
        at = (score.submitted or "")[:19].replace("T", " ")
        numbers = (score.raw, round(score.raw - score.points, 2), score.points, score.maximum)
        rows.append([assignment, due, at, score.student, last, first, "", *(f"{n:g}" for n in numbers)])
    _csv(path, [head.split(), *rows])


def gradescope(folder: Path, scores: Sequence[Score]) -> None:
    """A results.json for each student."""
    folder.mkdir(parents=True, exist_ok=True)
    for score in scores:
        tests = [
            {
                "name": mark.exercise,
                "score": round(mark.points * score.share, 2),
                "max_score": mark.maximum,
                "status": "passed" if mark.status == "passed" else "failed",
                "visibility": "visible",
                "output": "\n".join(said(told) for told in mark.feedback),
            }
            for mark in score.marks
        ]
        result = {"score": score.points, "visibility": "visible", "tests": tests}
        path = folder / f"{filename(score.student)}.json"
        path.write_text(json.dumps(result, indent=1), encoding="utf-8")


def said(told: dict[str, Any]) -> str:
    """One finding as plain text."""
    words = {"ran": "we ran", "said": "it said", "lines": "your code"}
    parts = [told.get("say") or told.get("ask") or ""]
    facts = ("ran", "expected", "yours", "lines", "said", "printed")
    parts += [f"{words.get(fact, fact)}: {told[fact]}" for fact in facts if told.get(fact)]
    return "\n".join(parts)


def filename(student: str) -> str:
    """A name that any disk takes, different for different students."""
    plain = re.sub(r"[^A-Za-z0-9.-]+", "_", student).strip("._")[:60]
    if plain == student:
        return plain
    return f"{plain or 'student'}-{hashlib.sha256(student.encode('utf-8', 'replace')).hexdigest()[:8]}"


def _csv(path: Path, rows: Iterable[Sequence[Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([[_inert(cell) for cell in row] for row in rows])


def _inert(cell: Any) -> Any:
    """A spreadsheet would run a text that begins like a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "@", "\t", "-") else cell
