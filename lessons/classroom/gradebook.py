"""The gradebook: who handed in what, and every mark, in one SQLite file or any database that SQLAlchemy reaches."""

import json
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from lessons.classroom.mark import Mark
from lessons.classroom.submissions import Submission

_tables = sa.MetaData()
_settings = sa.Table("settings", _tables, sa.Column("name", sa.String(50), primary_key=True), sa.Column("value", sa.Text))
_students = sa.Table(
    "students",
    _tables,
    sa.Column("student", sa.String(200), primary_key=True),
    sa.Column("name", sa.Text),
    sa.Column("hash", sa.String(64)),
    sa.Column("submitted", sa.String(40)),
    sa.Column("late", sa.Boolean),
)
_marks = sa.Table(
    "marks",
    _tables,
    sa.Column("student", sa.String(200), primary_key=True),
    sa.Column("exercise", sa.String(100), primary_key=True),
    sa.Column("version", sa.String(64)),  # of submission and exercise: a mark for another version is out of date
    sa.Column("points", sa.Float),
    sa.Column("status", sa.String(20)),
    sa.Column("isolation", sa.String(20)),
    sa.Column("marked", sa.String(40)),
    sa.Column("details", sa.Text),
)


class Gradebook:
    """Marks, written the moment they are made: one row for each student and exercise, so nothing is there twice."""

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url)
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _careful)
        _tables.create_all(self._engine)

    def secret(self) -> str:
        """What the hidden cases of this class are made from; made once, kept here."""
        with self._engine.begin() as connection:
            found = connection.execute(sa.select(_settings.c.value).where(_settings.c.name == "secret")).scalar()
            if found is None:
                found = secrets.token_hex(16)
                connection.execute(_settings.insert().values(name="secret", value=found))
            return found

    def enter(self, submissions: Sequence[Submission]) -> None:
        """Notes who handed in what, and when."""
        rows = [
            {"student": s.student, "name": s.name, "hash": s.hash, "submitted": s.at and s.at.isoformat(), "late": s.late}
            for s in submissions
        ]
        with self._engine.begin() as connection:
            for row in rows:
                connection.execute(_students.delete().where(_students.c.student == row["student"]))
            connection.execute(_students.insert(), rows)

    def known(self) -> dict[tuple[str, str], str]:
        """The version that each mark was made for; marks that need a person are made again."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(_marks.c.student, _marks.c.exercise, _marks.c.version, _marks.c.status))
            return {(row.student, row.exercise): row.version for row in rows if row.status != "error"}

    def write(self, mark: Mark) -> None:
        """Writes a mark in place of an older one, all of it or nothing."""
        row = {
            "student": mark.student,
            "exercise": mark.exercise,
            "version": mark.version,
            "points": mark.points,
            "status": mark.status,
            "isolation": mark.isolation,
            "marked": datetime.now(UTC).isoformat(timespec="seconds"),
            "details": json.dumps(mark.plain()),
        }
        same = (_marks.c.student == mark.student) & (_marks.c.exercise == mark.exercise)
        with self._engine.begin() as connection:
            connection.execute(_marks.delete().where(same))
            connection.execute(_marks.insert().values(**row))

    def students(self) -> list[dict[str, Any]]:
        """Everybody who handed in, by student."""
        with self._engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(sa.select(_students).order_by(_students.c.student))]

    def marks(self) -> list[Mark]:
        """Every mark, by student and exercise."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(_marks.c.details).order_by(_marks.c.student, _marks.c.exercise))
            return [Mark(**json.loads(row.details)) for row in rows]

    def close(self) -> None:
        """Lets go of the database."""
        self._engine.dispose()


def _careful(connection: Any, _: Any) -> None:
    """A reader and the writer do not wait for each other; what is committed survives the end of any process."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.close()
