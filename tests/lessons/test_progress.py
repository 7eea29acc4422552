"""Progress survives kills in the middle of a write, two kernels at once, damaged files."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap

import pytest

from lessons.grader.progress import FILE, MANIFEST, Prediction, Progress, folder
from lessons.grader.report import progress

posix = pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")


def script(source, *arguments):
    code = textwrap.dedent(source)
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True)


def intact(path):
    db = sqlite3.connect(path)
    try:
        return db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        db.close()


def test_attempts_and_predictions_are_remembered(tmp_path):
    with Progress(tmp_path / FILE) as store:
        assert store.attempt("nudge", "one", False, "one-sided") == 1
        assert store.attempt("nudge", "two", True, None) == 2
        store.hinted("nudge", "one")
        store.predict("square", "6", "certain", True)
    with Progress(tmp_path / FILE) as store:
        assert store.attempts() == {"nudge": {"attempts": 2, "solved": True, "sorted": False, "hints": 1}}
        assert store.predictions() == {"square": Prediction("6", "certain", True)}


def test_the_first_prediction_stays(tmp_path):
    with Progress(tmp_path / FILE) as store:
        store.predict("square", "3", "a guess", False)
        store.predict("square", "6", "certain", True)
        assert store.prediction("square") == Prediction("3", "a guess", False)
        assert store.prediction("double") is None


@posix
def test_a_kill_at_any_moment_loses_nothing_that_was_acknowledged(tmp_path):
    path = tmp_path / FILE
    child = script(
        """
        import sys
        from pathlib import Path
        from lessons.grader.progress import Progress
        with Progress(Path(sys.argv[1])) as store:
            for i in range(100_000):
                print(store.attempt("nudge", str(i), False, None), flush=True)
        """,
        path,
    )
    acknowledged = [int(child.stdout.readline()) for _ in range(40)]
    child.kill()
    rest = child.communicate()[0].split()
    acknowledged += [int(line) for line in rest]
    assert child.returncode == -signal.SIGKILL
    assert intact(path)
    with Progress(path) as store:
        kept = store.attempts()["nudge"]["attempts"]
        assert kept in (acknowledged[-1], acknowledged[-1] + 1)
        assert store.attempt("nudge", "after", True, None) == kept + 1


@posix
def test_a_write_that_dies_half_way_leaves_no_trace(tmp_path):
    path = tmp_path / FILE
    with Progress(path) as store:
        store.attempt("nudge", "before", False, None)
    child = script(
        """
        import os, signal, sys
        from pathlib import Path
        from lessons.grader.progress import Progress
        store = Progress(Path(sys.argv[1]))
        store._db.execute("PRAGMA cache_size = 1")  # so that the file is changed before the commit
        def work(db):
            for i in range(5000):
                db.execute(
                    "INSERT INTO attempt (exercise, answer, passed) VALUES ('nudge', ?, 0)",
                    (str(i) * 50,),
                )
            os.kill(os.getpid(), signal.SIGKILL)
        store._change(work)
        """,
        path,
    )
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    assert path.with_name(FILE + "-journal").stat().st_size > 0, "it died in the middle of a write"
    with Progress(path) as store:
        assert store.attempts()["nudge"]["attempts"] == 1
    assert intact(path)


def test_two_kernels_count_together(tmp_path):
    source = """
        import sys
        from pathlib import Path
        from lessons.grader.progress import Progress
        for i in range(50):
            with Progress(Path(sys.argv[1])) as store:
                store.attempt("nudge", f"{sys.argv[2]} {i}", False, None)
                assert not store.note, store.note
    """
    children = [script(source, tmp_path / FILE, name) for name in "ab"]
    for child in children:
        child.communicate(timeout=120)
        assert child.returncode == 0
    with Progress(tmp_path / FILE) as store:
        assert store.attempts()["nudge"]["attempts"] == 100


def test_a_damaged_file_is_kept_and_a_new_one_begun(tmp_path):
    (tmp_path / FILE).write_bytes(b"this is no database, " * 100)
    with Progress(tmp_path / FILE) as store:
        assert "kept as progress-damaged-1.sqlite" in store.note
        assert store.attempt("nudge", "one", True, None) == 1
    assert (tmp_path / "progress-damaged-1.sqlite").read_bytes().startswith(b"this is no database")
    with Progress(tmp_path / FILE) as store:
        assert store.note == "" and store.attempts()["nudge"]["solved"]


def test_a_file_that_becomes_unwritable_keeps_what_it_knows_for_the_session(tmp_path):
    with Progress(tmp_path / FILE) as store:
        store.attempt("nudge", "one", False, None)
        store._db.execute("PRAGMA query_only = 1")
        assert store.attempt("nudge", "two", False, None) == 2
        assert "cannot be saved" in store.note


def test_the_folder_is_found_from_below(tmp_path):
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert folder(below) == below
    (tmp_path / MANIFEST).write_text("{}")
    assert folder(below) == tmp_path


def test_how_well_you_know_what_you_know(tmp_path):
    with Progress(tmp_path / FILE) as store:
        store.predict("square", "6", "certain", True)
        store.predict("double", "1", "certain", False)
        store.predict("explain", "because", "", None)
    said = repr(progress(tmp_path))
    row = next(line for line in said.splitlines() if line.strip().startswith("certain"))
    assert row.split() == ["certain", "2", "1"]


def test_the_time_between_two_answers_is_time_spent_and_a_pause_is_not(tmp_path):
    with Progress(tmp_path / FILE) as store:
        store.predict("square", "6", "certain", True)
        store.predict("double", "2", "certain", True)
        store.attempt("nudge", "one", True, None)
        store.vote("tensors-are-nodes", "true", "a guess", False)
        for table, item, at in (
            ("prediction", "square", "10:00"), ("prediction", "double", "10:04"), ("attempt", "nudge", "10:30"),
            ("vote", "tensors-are-nodes", "10:31"),
        ):  # fmt: skip
            column = {"prediction": "question", "attempt": "exercise", "vote": "claim"}[table]
            store._db.execute(f"UPDATE {table} SET at = '2026-11-20T{at}:00Z' WHERE {column} = ?", (item,))
        assert store.spent() == {"double": 4.0}
    said = repr(progress(tmp_path))
    assert "Numbers that remember · 4 minutes" in said and "Not begun: The graph you just ran · " in said
