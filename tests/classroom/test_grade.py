"""`tgc release` and `tgc grade` as a teacher types them: marks, exports, what changed only, kills in the middle."""

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lessons.catalog import exercise
from lessons.classroom import run
from lessons.classroom.exports import filename
from lessons.classroom.gradebook import Gradebook
from lessons.classroom.mark import Job, mark
from lessons.classroom.release import course as lessons_of
from lessons.classroom.release import release
from lessons.classroom.scores import Policy, moment
from lessons.classroom.submissions import submissions
from lessons.cli import app

COURSE = Path(__file__).parent / "course"
RIGHT = "import math\ndef softmax(x):\n    e = [math.exp(v - max(x)) for v in x]\n    return [p / sum(e) for p in e]\n"
NAIVE = "import math\ndef softmax(x):\n    e = [math.exp(v) for v in x]\n    return [p / sum(e) for p in e]\n"
NO_SUM = "import math\ndef softmax(x):\n    return [math.exp(v - max(x)) for v in x]\n"
CLASS = {"ada": RIGHT, "bob": NAIVE, "eve": NO_SUM, "mia": "import os; os._exit(0)\ndef softmax(x): return x"}


@pytest.fixture
def inbox(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for student, source in CLASS.items():
        (folder / f"{student}.py").write_text(source)
    return folder


def tgc(*words):
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result


def ask(path, sql):
    connection = sqlite3.connect(path)
    try:
        with connection:
            return connection.execute(sql).fetchall()
    finally:
        connection.close()


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_release_holds_no_reference_and_no_hidden_case(tmp_path):
    assert tgc("release", "--out", tmp_path / "out", "--course", COURSE).exit_code == 0
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    everything = "\n".join(path.read_text() for path in files)
    assert {p.name for p in files} >= {"01-sums.ipynb", "softmax.py", "statement.md", "cases.json"}
    assert "softmax([0.0, 1.0])" in everything and "def softmax(x):" in everything
    for secret in ("reference_marker", "SOLUTION", "PARSONS", "FADED", "1000", "hidden", "def drive", "def same", "hint:"):
        assert secret not in everything, secret


def test_our_own_course_is_released_without_its_answers(tmp_path):
    release(tmp_path, lessons_of())
    everything = "\n".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    lines = {line.strip() for line in everything.replace("\\n", "\n").splitlines()}
    course = [(lesson, one) for lesson in lessons_of() for one in lesson.exercises().values()]
    for number, (lesson, one) in enumerate(course):
        given = {line.strip() for line in lesson.source.splitlines()}
        # What a later exercise builds on stands in its stub: the answer to an earlier one may be given there.
        given |= {line.strip() for _, later in course[number + 1 :] for line in later.rung("blank").splitlines()}
        # Its own task may show lines of it: those of a broken program that is to be mended.
        blank = {line.strip() for text in (one.rung("blank"), one.statement) for line in text.splitlines()}
        solution = {line.strip() for line in one.rung("reference").splitlines()} - blank - given
        telling = {line for line in solution if len(line) > len("return value")}
        assert not telling & lines, one.id


def test_a_release_leaves_alone_what_somebody_changed(tmp_path):
    release(tmp_path, lessons_of(COURSE))
    (tmp_path / "exercises/softmax/softmax.py").write_text("mine")
    report = release(tmp_path, lessons_of(COURSE))
    assert report.added == [] and (tmp_path / "exercises/softmax/softmax.py").read_text() == "mine"


def test_a_class_is_marked_with_all_its_papers(inbox, tmp_path, best):
    out = tmp_path / "marks.csv"
    names = ("feedback", "report.html", "similar.html", "canvas.csv", "nb.csv", "nb.db", "gs")
    papers = {name: tmp_path / name for name in names}
    flags = ("--feedback", "--report", "--similar", "--canvas", "--nbgrader", "--nbgrader-db", "--gradescope")
    options = zip(flags, papers.values())
    result = tgc("grade", inbox, "--out", out, "--course", COURSE, *(word for pair in options for word in pair))
    assert result.exit_code == 0, result.output
    assert best in result.output
    assert {r["student"]: (r["softmax"], r["isolation"]) for r in rows(out)} == {
        "ada": ("4", best),
        "bob": ("2", best),
        "eve": ("0", best),
        "mia": ("0", best),
    }
    bob = (papers["feedback"] / "bob.html").read_text()
    assert "case that you cannot see" in bob and "1000" not in bob and "<script" not in bob
    report = papers["report.html"].read_text()
    assert "no-sum" in report and "1 of 4 solved it" in report and "exit" in report
    assert "alike" in papers["similar.html"].read_text()
    canvas = papers["canvas.csv"].read_text().splitlines()
    assert canvas[0].startswith("Student,ID,SIS User ID,SIS Login ID,Section,") and canvas[1].strip().endswith("4")
    assert rows(papers["nb.csv"])[0] | {"timestamp": ""} == {
        "assignment": "course", "duedate": "", "timestamp": "", "student_id": "ada", "last_name": "ada",
        "first_name": "", "email": "", "raw_score": "4", "late_submission_penalty": "0", "score": "4", "max_score": "4",
    }  # fmt: skip
    assert sum(points for points, in ask(papers["nb.db"], "select auto_score from grade")) == 6
    ada = json.loads((papers["gs"] / "ada.json").read_text())
    assert ada["score"] == 4 and ada["tests"][0]["status"] == "passed"


def test_notebooks_that_are_called_like_lessons_are_no_students(inbox, tmp_path, best):
    alone = tmp_path / "alone"
    alone.mkdir()
    for folder in (inbox, alone):
        (folder / "01-sums.py").write_text(RIGHT)
    words = ("--course", COURSE, "--out", tmp_path / "marks.csv")
    refused = tgc("grade", alone, *words)
    assert refused.exit_code == 1 and "01-sums: this is a lesson's name, not a student's." in refused.output
    assert not (tmp_path / "marks.csv").exists()
    warned = tgc("grade", inbox, *words)
    assert warned.exit_code == 0 and "put each student's files into a folder" in warned.output


def test_only_what_changed_is_marked_again(inbox, tmp_path, best):
    words = ("grade", inbox, "--out", tmp_path / "m.csv", "--course", COURSE)
    assert "4 to mark" in tgc(*words).output
    assert "0 to mark" in tgc(*words).output
    (inbox / "mia.py").write_text(RIGHT)
    assert "1 to mark" in tgc(*words).output
    assert {r["student"]: r["points"] for r in rows(tmp_path / "m.csv")}["mia"] == "4"


def test_late_days_cost_what_the_policy_says(inbox, tmp_path, best):
    for name, when in (("ada", "2026-11-20T11:00"), ("bob", "2026-11-20T12:05"), ("eve", "2026-11-22T13:00")):
        at = moment(when).timestamp()
        os.utime(inbox / f"{name}.py", (at, at))
    (inbox / "mia.py").unlink()
    tgc("grade", inbox, "--out", tmp_path / "m.csv", "--course", COURSE, "--due", "2026-11-20T12:00", "--grace", 10,
        "--late-percent", 25)  # fmt: skip
    assert {r["student"]: r["days late"] for r in rows(tmp_path / "m.csv")} == {"ada": "0", "bob": "0", "eve": "3"}
    assert Policy(percent=40).share(1) == 0.6 and Policy(percent=40).share(3) == 0
    assert moment("2026-11-20") - moment("2026-11-20T12:00") == moment("2026-11-20T12:00") - moment("2026-11-20T00:00")


def test_weak_isolation_is_refused(inbox, tmp_path, monkeypatch):
    monkeypatch.setattr("lessons.classroom.sandbox.strongest", lambda: "weak")
    refused = tgc("grade", inbox, "--out", tmp_path / "m.csv", "--require-isolation", "weak")
    assert refused.exit_code == 1 and "--trust-students" in refused.output
    monkeypatch.setattr("lessons.classroom.sandbox.strongest", lambda: "good")
    refused = tgc("grade", inbox, "--out", tmp_path / "m.csv", "--require-isolation", "strong")
    assert refused.exit_code == 1 and "strong" in refused.output and not (tmp_path / "m.csv").exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits and pidfds are Linux's")
def test_trusted_students_are_marked_without_isolation(inbox, tmp_path, monkeypatch):
    monkeypatch.setattr("lessons.classroom.sandbox.strongest", lambda: "weak")
    result = tgc("grade", inbox, "--out", tmp_path / "m.csv", "--course", COURSE, "--trust-students")
    assert [r["points"] for r in rows(tmp_path / "m.csv")] == ["4", "2", "0", "0"], result.output
    assert rows(tmp_path / "m.csv")[0]["isolation"] == "weak"


def many(inbox, count):
    for i in range(count):
        (inbox / f"s{i:03}.py").write_text(f"# {i}\nfor _ in range(10 ** 6): pass\n" + (RIGHT if i % 2 else NAIVE))


def test_a_killed_grader_goes_on_where_it_was(tmp_path, best):
    """Killed twice at any moment: nothing is lost, nothing is there twice, and its workers die with it."""
    inbox, out = tmp_path / "in", tmp_path / "m.csv"
    inbox.mkdir()
    many(inbox, 40)
    words = [sys.executable, "-m", "lessons.cli", "grade", str(inbox), "--out", str(out), "--course", str(COURSE)]
    for least in (3, 15):
        grader = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while written(tmp_path / "m.db") < least:
            assert grader.poll() is None or written(tmp_path / "m.db") >= least
        grader.send_signal(signal.SIGKILL)
        grader.wait()
    before = written(tmp_path / "m.db")
    result = tgc(*words[3:])
    assert f"{40 - before} to mark" in result.output or before < written(tmp_path / "m.db")
    marks = rows(out)
    assert len(marks) == 40 == written(tmp_path / "m.db")
    assert all(r["points"] == ("4" if int(r["student"][1:]) % 2 else "2") for r in marks)


def written(path):
    if not path.exists():
        return 0
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return connection.execute("select count(*) from marks").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.OperationalError:
        return 0


def test_a_killed_worker_loses_nothing(inbox, tmp_path, softmax, best):
    many(inbox, 12)
    book = Gradebook(f"sqlite:///{tmp_path / 'm.db'}")
    todo = run.jobs(submissions(inbox), [softmax], book, best)
    seen, killed = [], []

    def made(mark):
        seen.append((mark.student, mark.status))
        if len(seen) == 3:
            import multiprocessing

            worker = multiprocessing.active_children()[0]
            os.kill(worker.pid, signal.SIGKILL)
            killed.append(worker)

    run.work(todo, book, made, workers=2)
    assert killed and sorted(s for s, _ in seen) == sorted(j.student for j in todo)
    assert not any(status == "error" for _, status in seen) and len(book.marks()) == len(todo)
    book.close()


def test_a_broken_checker_needs_a_person(tmp_path, inbox, softmax, best):
    import shutil

    shutil.copytree(COURSE, tmp_path / "course")
    cases = tmp_path / "course/01-sums/exercises/softmax/cases.py"
    cases.write_text(cases.read_text() + "\n\ndef same(case, expected, got):\n    raise KeyError('a bug')\n")
    words = ("--out", tmp_path / "m.csv", "--course", tmp_path / "course", "--report", tmp_path / "r.html")
    result = tgc("grade", inbox, *words)
    assert "need a person" in result.output and rows(tmp_path / "m.csv")[0]["needs a person"] == "yes"
    assert "a bug" in (tmp_path / "r.html").read_text()


def test_a_cluster_that_loses_a_worker(inbox, tmp_path, softmax, best):
    distributed = pytest.importorskip("distributed")
    many(inbox, 20)
    book = Gradebook(f"sqlite:///{tmp_path / 'm.db'}")
    todo = run.jobs(submissions(inbox), [softmax], book, best)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as cluster:
        seen = []

        def made(mark):
            seen.append(mark.student)
            if len(seen) == 3:
                os.kill(next(iter(cluster.workers.values())).process.pid, signal.SIGKILL)

        run.work(todo, book, made, scheduler=cluster.scheduler_address)
    marks = {mark.student: mark.status for mark in book.marks()}
    book.close()
    assert sorted(seen) == sorted(marks) == sorted(job.student for job in todo)
    assert marks["ada"] == "passed" and "error" not in marks.values()


def test_a_question_is_put_in_the_words_of_a_visible_case(best):
    """What only a hidden case could fill in is not said at all."""
    one = exercise("reduce-vjp")
    wrong = next(wrong for wrong in one.wrong() if "{count}" in one.hints[wrong.hint].question)
    made = mark(Job("ada", one.id, str(one.folder), best, "k", "1", (), (wrong.source,)))
    asked = [told["ask"] for told in made.feedback if "ask" in told]
    assert made.hint == wrong.hint and len(asked) == 1 and "{" not in asked[0] and "numbers" in asked[0]


def test_names_that_no_disk_or_spreadsheet_takes(tmp_path, best):
    assert filename("ada") == "ada" and "/" not in filename("../../etc") and filename("a/b") != filename("a_b")
    inbox = tmp_path / "in"
    (inbox / "=cmd()").mkdir(parents=True)
    (inbox / "=cmd()" / "a.py").write_text(RIGHT)
    tgc("grade", inbox, "--out", tmp_path / "m.csv", "--course", COURSE)
    assert rows(tmp_path / "m.csv")[0]["student"] == "'=cmd()"


def test_when_it_was_marked_is_known_in_utc(inbox, tmp_path, best):
    tgc("grade", inbox, "--out", tmp_path / "m.csv", "--course", COURSE)
    connection = sqlite3.connect(tmp_path / "m.db")
    (when,) = connection.execute("select marked from marks").fetchone()
    connection.close()
    assert abs((datetime.now(UTC) - datetime.fromisoformat(when)).total_seconds()) < 3600
