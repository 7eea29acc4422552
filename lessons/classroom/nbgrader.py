"""Marks in nbgrader's own gradebook, in the tables of its version 0.9: an assignment, a notebook for each lesson."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from lessons.classroom.exports import said
from lessons.classroom.scores import Policy, Score
from lessons.grader.exercise import Exercise

VERSION = "e43177bfe90b"  # of the tables, as nbgrader's migrations name it
COURSE = "default_course"  # what nbgrader calls a course without a name

_tables = sa.MetaData()


def _table(name: str, *columns: sa.Column[Any] | sa.UniqueConstraint, key: int = 32) -> sa.Table:
    return sa.Table(name, _tables, sa.Column("id", sa.String(key), primary_key=True), *columns)


def _to(table: str, **options: Any) -> Any:
    return sa.Column(f"{table.removeprefix('submitted_')}_id", sa.String(32), sa.ForeignKey(f"{table}.id"), **options)


_course = _table("course", key=128)
_student = _table(
    "student",
    *(sa.Column(name, sa.String(128)) for name in ("first_name", "last_name", "email", "lms_user_id")),
    key=128,
)
_assignment = _table(
    "assignment",
    sa.Column("name", sa.String(128), unique=True, nullable=False),
    sa.Column("duedate", sa.DateTime),
    sa.Column("course_id", sa.String(128), sa.ForeignKey("course.id"), nullable=False),
)
_notebook = _table(
    "notebook",
    sa.Column("name", sa.String(128), nullable=False),
    _to("assignment"),
    sa.Column("kernelspec", sa.String(1024)),
    sa.UniqueConstraint("name", "assignment_id"),
)
_cell = _table(
    "base_cell",
    sa.Column("name", sa.String(128), nullable=False),
    _to("notebook", nullable=False),
    sa.Column("type", sa.String(50)),
    sa.UniqueConstraint("name", "notebook_id", "type"),
)


def _kind_of_cell(name: str, *columns: sa.Column[Any]) -> sa.Table:
    return sa.Table(name, _tables, sa.Column("id", sa.String(32), sa.ForeignKey("base_cell.id"), primary_key=True), *columns)


def _scored() -> tuple[sa.Column[Any], ...]:
    return sa.Column("max_score", sa.Float, nullable=False), sa.Column("cell_type", sa.String(8), nullable=False)


_grade_cell = _kind_of_cell("grade_cells", *_scored())
_solution_cell = _kind_of_cell("solution_cells")
_kind_of_cell("task_cells", *_scored())
_table(
    "source_cell",
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("cell_type", sa.String(8), nullable=False),
    sa.Column("locked", sa.Boolean, nullable=False),
    sa.Column("source", sa.Text),
    sa.Column("checksum", sa.String(128)),
    _to("notebook"),
    sa.UniqueConstraint("name", "notebook_id"),
)
_handed_in = _table(
    "submitted_assignment",
    _to("assignment"),
    sa.Column("student_id", sa.String(128), sa.ForeignKey("student.id")),
    sa.Column("timestamp", sa.DateTime),
    sa.Column("extension", sa.DateTime),
    sa.UniqueConstraint("assignment_id", "student_id"),
)
_handed_in_notebook = _table(
    "submitted_notebook",
    _to("submitted_assignment"),
    _to("notebook"),
    sa.Column("flagged", sa.Boolean, default=False),
    sa.Column("late_submission_penalty", sa.Float),
    sa.UniqueConstraint("notebook_id", "assignment_id"),
)


def _of_a_cell(name: str, *columns: sa.Column[Any]) -> sa.Table:
    cell = sa.Column("cell_id", sa.String(32), sa.ForeignKey("base_cell.id"))
    return _table(name, _to("submitted_notebook"), cell, *columns, sa.UniqueConstraint("cell_id", "notebook_id"))


_grade = _of_a_cell(
    "grade",
    *(sa.Column(name, sa.Float) for name in ("auto_score", "manual_score", "extra_credit")),
    sa.Column("needs_manual_grade", sa.Boolean, nullable=False),
)
_comment = _of_a_cell("comment", sa.Column("auto_comment", sa.Text), sa.Column("manual_comment", sa.Text))
_version = sa.Table("alembic_version", _tables, sa.Column("version_num", sa.String(32), nullable=False))


class NbgraderError(Exception):
    """The file cannot take the marks; the message says what to do."""


def nbgrader_database(
    path: Path, scores: Sequence[Score], exercises: Sequence[Exercise], assignment: str, policy: Policy
) -> None:
    """Writes the marks into that gradebook, all of them or none; makes it when it is not there.

    In one that is there, other assignments, marks given by hand and comments written by hand stay.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(f"sqlite:///{path.resolve()}")
    try:
        with engine.begin() as connection:
            _make(connection, path)
            _write(connection, scores, exercises, assignment, policy)
    except sa.exc.DatabaseError as error:
        raise NbgraderError(f"{path} cannot take nbgrader's marks: {error.orig}. Name another file.") from error
    finally:
        engine.dispose()


def _make(connection: sa.Connection, path: Path) -> None:
    if sa.inspect(connection).get_table_names():
        if not sa.inspect(connection).has_table("alembic_version"):
            raise NbgraderError(f"{path} is a database, but not nbgrader's. Name another file.")
        found = connection.execute(sa.select(_version.c.version_num)).scalar()
        if found != VERSION:
            raise NbgraderError(
                f"{path} has nbgrader's tables of version {found}, and {VERSION} is needed, which is nbgrader 0.9's. "
                "Bring it up to date with `nbgrader db upgrade`, or name another file."
            )
        return
    _tables.create_all(connection)
    connection.execute(_version.insert().values(version_num=VERSION))


def _write(
    connection: sa.Connection, scores: Sequence[Score], exercises: Sequence[Exercise], assignment: str, policy: Policy
) -> None:
    def row(table: sa.Table, keys: Mapping[str, Any], new: Mapping[str, Any] | None = None, **values: Any) -> str:
        """The id of the row with these keys, which gets these values; `new` are for one that was missing."""
        same = sa.and_(*(table.c[key] == value for key, value in keys.items()))
        id = connection.execute(sa.select(table.c.id).where(same)).scalar()
        if id is None:
            id = keys.get("id", uuid.uuid4().hex)
            connection.execute(table.insert().values(**{"id": id, **keys, **(new or {}), **values}))
        elif values:
            connection.execute(table.update().where(table.c.id == id).values(**values))
        return id

    row(_course, {"id": COURSE})
    due = policy.due.astimezone(UTC).replace(tzinfo=None) if policy.due else None
    work = row(_assignment, {"name": assignment}, duedate=due, course_id=COURSE)
    lesson_of = {one.id: one.folder.parent.parent.name for one in exercises}
    notebooks = {name: row(_notebook, {"name": name, "assignment_id": work}) for name in dict.fromkeys(lesson_of.values())}
    grades, solutions = {}, {}
    for one in exercises:
        keys = {"name": one.id, "notebook_id": notebooks[lesson_of[one.id]]}
        grades[one.id] = row(_cell, {**keys, "type": "GradeCell"})
        solutions[one.id] = row(_cell, {**keys, "type": "SolutionCell"})
        row(_grade_cell, {"id": grades[one.id]}, max_score=float(one.points), cell_type="code")
        row(_solution_cell, {"id": solutions[one.id]})
    for score in scores:
        first, _, last = score.name.rpartition(" ")
        row(_student, {"id": score.student}, {"first_name": first, "last_name": last})
        at = datetime.fromisoformat(score.submitted).astimezone(UTC).replace(tzinfo=None) if score.submitted else None
        mine = row(_handed_in, {"assignment_id": work, "student_id": score.student}, timestamp=at)
        for lesson, notebook in notebooks.items():
            marks = [mark for mark in score.marks if lesson_of[mark.exercise] == lesson]
            raw = sum(mark.points for mark in marks)
            penalty = round(raw * (1 - score.share), 2)
            keys = {"notebook_id": notebook, "assignment_id": mine}
            page = row(_handed_in_notebook, keys, late_submission_penalty=penalty)
            for mark in marks:
                unsure = mark.status == "error"
                keys = {"notebook_id": page, "cell_id": grades[mark.exercise]}
                row(_grade, keys, auto_score=mark.points, needs_manual_grade=unsure)
                told = "\n\n".join(said(one) for one in mark.feedback) or None
                row(_comment, {"notebook_id": page, "cell_id": solutions[mark.exercise]}, auto_comment=told)
