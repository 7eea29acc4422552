"""The gradebook for nbgrader, read as the SQLite file that it is: new, written again, and one that is not ours."""

import sqlite3
from datetime import UTC, datetime

import pytest

from lessons.catalog import lessons
from lessons.classroom.mark import Mark
from lessons.classroom.nbgrader import VERSION, NbgraderError, nbgrader_database
from lessons.classroom.scores import Policy, Score

EXERCISES = [lessons()[0].exercises()[name] for name in ("nudge", "value", "backward")]
POLICY = Policy(datetime(2026, 3, 1, 23, 59, tzinfo=UTC), 10)
# The tables and columns of nbgrader 0.9.6's gradebook, as `sqlite3 gradebook.db .schema` prints them.
SCHEMA = {
    "alembic_version": "version_num",
    "assignment": "id name duedate course_id",
    "base_cell": "id name notebook_id type",
    "comment": "id notebook_id cell_id auto_comment manual_comment",
    "course": "id",
    "grade": "id notebook_id cell_id auto_score manual_score extra_credit needs_manual_grade",
    "grade_cells": "id max_score cell_type",
    "notebook": "id name assignment_id kernelspec",
    "solution_cells": "id",
    "source_cell": "id name cell_type locked source checksum notebook_id",
    "student": "id first_name last_name email lms_user_id",
    "submitted_assignment": "id assignment_id student_id timestamp extension",
    "submitted_notebook": "id assignment_id notebook_id flagged late_submission_penalty",
    "task_cells": "id max_score cell_type",
}
TOTALS = """
SELECT student.id, student.first_name, student.last_name, sum(coalesce(manual_score, auto_score)), late_submission_penalty,
       submitted_assignment.timestamp
FROM student JOIN submitted_assignment ON submitted_assignment.student_id = student.id
JOIN submitted_notebook ON submitted_notebook.assignment_id = submitted_assignment.id
JOIN grade ON grade.notebook_id = submitted_notebook.id GROUP BY student.id
"""


def score(student, name, points, late=0, **more):
    marks = tuple(
        Mark(student, one.id, "v", points=p, maximum=one.points, feedback=[{"say": f"{one.id} of {student}"}], **more)
        for one, p in zip(EXERCISES, points, strict=True)
    )
    return Score(student, name, "2026-03-02T10:00:00+01:00", marks, late, POLICY.share(late))


CLASS = [score("ada", "Ada Lovelace", (2, 3, 3), status="passed"), score("bob", "Bob", (1, 0, 2.5), late=2)]


def ask(path, sql, *values):
    connection = sqlite3.connect(path)
    try:
        with connection:
            return connection.execute(sql, values).fetchall()
    finally:
        connection.close()


def write(path, scores=CLASS, assignment="week 1"):
    nbgrader_database(path, scores, EXERCISES, assignment, POLICY)


@pytest.fixture
def book(tmp_path):
    write(tmp_path / "new" / "gradebook.db")
    return tmp_path / "new" / "gradebook.db"


def test_it_has_nbgraders_tables(book):
    tables = [name for (name,) in ask(book, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    columns = {name: " ".join(column for _, column, *_ in ask(book, f"PRAGMA table_info({name})")) for name in tables}
    assert columns == SCHEMA
    assert ask(book, "SELECT * FROM alembic_version") == [(VERSION,)]
    assert ask(book, "PRAGMA foreign_key_check") == [] and ask(book, "SELECT id FROM course") == [("default_course",)]


def test_points_penalties_names_and_times_are_there(book):
    at = "2026-03-02 09:00:00.000000"
    assert ask(book, TOTALS) == [("ada", "Ada", "Lovelace", 8.0, 0.0, at), ("bob", "", "Bob", 3.5, 0.7, at)]
    assert ask(book, "SELECT name, duedate FROM assignment") == [("week 1", "2026-03-01 23:59:00.000000")]
    assert ask(book, "SELECT sum(max_score) FROM grade_cells") == [(8.0,)]
    assert ask(book, "SELECT auto_comment FROM comment ORDER BY 1")[0] == ("backward of ada",)


def test_written_again_nothing_is_doubled_and_what_people_wrote_stays(book):
    ask(book, "UPDATE grade SET manual_score = 1 WHERE auto_score = 2.5")
    ask(book, "UPDATE comment SET manual_comment = 'well done'")
    ask(book, "UPDATE submitted_notebook SET flagged = 1")
    ask(book, "UPDATE student SET email = 'bob@example.org', last_name = 'Bobson' WHERE id = 'bob'")
    before = counts(book)
    write(book, [CLASS[0], score("bob", "Bob", (2, 3, 2.5))])
    assert counts(book) == before
    (_, bob) = ask(book, TOTALS)
    assert bob[2:5] == ("Bobson", 6.0, 0.0)
    assert ask(book, "SELECT DISTINCT manual_comment, flagged FROM comment, submitted_notebook") == [("well done", 1)]


def test_another_assignment_stands_beside_the_first(book):
    write(book, CLASS[:1], "week 2")
    assert ask(book, "SELECT name FROM assignment ORDER BY 1") == [("week 1",), ("week 2",)]
    assert ask(book, TOTALS)[0][3] == 16.0 and ask(book, "SELECT count(*) FROM student") == [(2,)]


def test_what_needs_a_person_says_so(tmp_path):
    write(tmp_path / "g.db", [score("eve", "Eve", (0, 0, 0), status="error")])
    assert ask(tmp_path / "g.db", "SELECT DISTINCT needs_manual_grade FROM grade") == [(1,)]


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("UPDATE alembic_version SET version_num = 'older'", "of version older.*nbgrader db upgrade"),
        ("DROP TABLE alembic_version", "not nbgrader's"),
        ("DROP TABLE grade", "no such table: grade"),
    ],
)
def test_a_file_that_is_not_nbgraders_is_left_alone(book, sql, why):
    ask(book, sql)
    before = counts(book)
    with pytest.raises(NbgraderError, match=why):
        write(book, CLASS, "week 2")
    assert counts(book) == before, "all or nothing"


def test_a_file_that_is_no_database_is_left_alone(tmp_path):
    (tmp_path / "g.db").write_text("my notes, which are longer than the head of a database " * 9)
    with pytest.raises(NbgraderError, match=r"g\.db cannot take nbgrader's marks: file is not a database"):
        write(tmp_path / "g.db")
    assert (tmp_path / "g.db").read_text().startswith("my notes")


def counts(path):
    tables = [name for (name,) in ask(path, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {name: ask(path, f"SELECT count(*) FROM {name}") for name in tables}
