"""What students hand in is read whatever it is: folders, the platforms' zips, broken and fuzzed notebooks."""

import json
import os
import stat
import zipfile
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lessons.classroom.mark import Job, mark
from lessons.classroom.submissions import LARGEST, Piece, Submission, SubmissionsError, answers, cells, submissions

RIGHT = "import math\ndef softmax(x):\n    e = [math.exp(v - max(x)) for v in x]\n    return [p / sum(e) for p in e]\n"


def notebook(*sources, exercise="softmax"):
    made = [
        {"cell_type": "code", "metadata": {"exercise": exercise} if exercise else {}, "source": source.splitlines(True)}
        for source in sources
    ]
    return json.dumps({"cells": made, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}).encode()


def one(name, data):
    return Submission("ada", "ada", files=[Piece(name, data)])


def make_zip(path, entries):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, 20, 12, 0, 0)), data)
    return path


def test_a_folder_of_files_and_of_folders(tmp_path):
    (tmp_path / "ada.py").write_text(RIGHT)
    (tmp_path / "bob").mkdir()
    (tmp_path / "bob" / "one.ipynb").write_bytes(notebook(RIGHT))
    (tmp_path / "bob" / "two.ipynb").write_bytes(notebook())
    (tmp_path / "bob" / ".ipynb_checkpoints").mkdir()
    (tmp_path / "bob" / ".ipynb_checkpoints" / "one.ipynb").write_bytes(b"old")
    (tmp_path / "notes.txt").write_text("not ours")
    found = submissions(tmp_path)
    assert [(s.student, len(s.files)) for s in found] == [("ada", 1), ("bob", 2)]


def test_a_folder_of_lessons_is_no_class(tmp_path):
    (tmp_path / "lessons").mkdir()
    for name in ("01-sums.ipynb", ".tinygrad-lessons.json"):
        (tmp_path / "lessons" / name).write_bytes(notebook(RIGHT))
    zipped = make_zip(tmp_path / "lessons.zip", {"01-sums.ipynb": notebook(RIGHT), ".tinygrad-lessons.json": b"{}"})
    for place in (tmp_path / "lessons", zipped):
        with pytest.raises(SubmissionsError, match="every notebook in it would be taken for a student"):
            submissions(place)
    assert [one.student for one in submissions(tmp_path)] == ["lessons"], "in a folder of its own it is one student's"


@pytest.mark.parametrize(
    ("entries", "student", "name", "late"),
    [
        ({"Ada Lovelace_4711_assignsubmission_file_/one.ipynb": notebook(RIGHT)}, "4711", "Ada Lovelace", None),
        ({"Ada Lovelace_4711_assignsubmission_file_one.ipynb": notebook(RIGHT)}, "4711", "Ada Lovelace", None),
        ({"lovelaceada_LATE_815_9001_one.ipynb": notebook(RIGHT)}, "815", "lovelaceada", True),
        ({"lovelaceada_815_9001_one-1.py": RIGHT.encode()}, "815", "lovelaceada", False),
        (
            {
                "assignment_3_export/submission_77/one.ipynb": notebook(RIGHT),
                "assignment_3_export/submission_metadata.yml": b"submission_77:\n  :submitters:\n  - :name: Ada Lovelace\n"
                b"    :sid: a1\n    :email: ada@example.org\n  :created_at: 2026-11-19 10:00:00 Z\n",
            },
            "a1",
            "Ada Lovelace",
            None,
        ),
    ],
)
def test_the_platforms_zips(tmp_path, softmax, entries, student, name, late):
    (found,) = submissions(make_zip(tmp_path / "all.zip", entries))
    assert (found.student, found.name, found.late) == (student, name, late)
    assert "".join(answers(found, softmax)[1]).split() == RIGHT.split()
    if student == "a1":
        assert found.at == datetime(2026, 11, 19, 10, tzinfo=UTC)


def test_a_zip_cannot_write_or_lead_anywhere(tmp_path):
    link = zipfile.ZipInfo("eve/link.py")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../out.py", RIGHT)
        archive.writestr(link, "/etc/passwd")
        archive.writestr("mia/bomb.py", b"#" * (LARGEST + 1))
    found = {s.student: s.files[0] for s in submissions(path)}
    assert "link" in found["eve"].problem and "larger" in found["mia"].problem
    assert not found["eve"].data and sorted(p.name for p in tmp_path.iterdir()) == ["all.zip"]


def test_a_damaged_entry_is_one_students_trouble(tmp_path):
    path = make_zip(tmp_path / "all.zip", {"ada/a.py": RIGHT, "bob/a.py": "#" * 500 + "damage me"})
    data = bytearray(path.read_bytes())
    data[data.index(b"damage me")] ^= 1
    path.write_bytes(data)
    ada, bob = submissions(path)
    assert ada.files[0].data and "zip" in bob.files[0].problem


def test_links_and_pipes_are_not_followed(tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    inbox = tmp_path / "in"
    (inbox / "eve").mkdir(parents=True)
    (inbox / "eve" / "a.py").symlink_to(tmp_path / "secret.txt")
    (inbox / "mallory.ipynb").symlink_to("/dev/zero")
    os.mkfifo(inbox / "trudy.py")
    for submission in submissions(inbox):
        assert submission.files[0].problem and not submission.files[0].data


def test_nothing_to_mark_is_said(tmp_path):
    with pytest.raises(SubmissionsError, match="no notebook"):
        submissions(tmp_path)
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(SubmissionsError, match="neither a folder nor a zip"):
        submissions(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"{ broken", "JSON is broken"),
        (b"[" * 100_000, "JSON is broken"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"[]", "no cells"),
        (b'{"cells": 3}', "no cells"),
    ],
)
def test_a_broken_notebook_is_named(softmax, data, words):
    _, found, problem = answers(one("a.ipynb", data), softmax)
    assert not found and words in problem


def test_a_python_file_that_is_not_utf_8_is_still_marked(softmax, best):
    source = RIGHT.encode() + "# größer\n".encode("latin-1")
    context, answer, problem = answers(one("a.py", source), softmax)
    job = Job("ada", softmax.id, str(softmax.folder), best, "k", "1", tuple(context), tuple(answer), problem)
    assert mark(job).status == "passed"


def test_cells_are_found_by_id_and_copies_are_tolerated(softmax):
    stub = softmax.rung("blank")
    assert answers(one("a.ipynb", notebook(stub)), softmax)[1:] == (
        [],
        "It was handed in as it was given out: nothing is written yet.",
    )
    for sources in ([RIGHT, stub], [stub, RIGHT], [stub, stub, RIGHT, stub]):
        assert [a.split() for a in answers(one("a.ipynb", notebook(*sources)), softmax)[1]] == [RIGHT.split()]


def test_a_notebook_that_lost_its_ids(softmax):
    assert answers(one("a.ipynb", notebook("x = 1", RIGHT, exercise=None)), softmax)[:2] == (["x = 1"], [RIGHT])


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda part: st.lists(part, max_size=4) | st.dictionaries(st.text(), part, max_size=4),
    max_leaves=12,
)
fields = st.fixed_dictionaries(
    {},
    optional={
        "cell_type": st.sampled_from(["code", "markdown"]) | anything,
        "source": st.text() | st.lists(st.text() | anything, max_size=4) | anything,
        "metadata": st.fixed_dictionaries({}, optional={"exercise": st.just("softmax") | anything}) | anything,
    },
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary() | st.builds(lambda c: json.dumps({"cells": c}).encode(), st.lists(fields | anything, max_size=5)))
def test_any_notebook_is_read_or_named(softmax, data):
    found, problem = cells(Piece("a.ipynb", data))
    assert problem or all(isinstance(cell.source, str) for cell in found)
    context, answer, problem = answers(one("a.ipynb", data), softmax)
    assert answer or problem
    json.dumps([context, answer]).encode()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sources=st.lists(st.text(max_size=60), min_size=1, max_size=3), tail=st.text(max_size=60))
def test_any_cell_gets_a_mark(softmax, best, sources, tail):
    data = notebook(*sources, "def softmax(x):\n    " + tail)
    context, answer, problem = answers(one("a.ipynb", data), softmax)
    made = mark(Job("ada", softmax.id, str(softmax.folder), best, "k", "1", tuple(context), tuple(answer), problem))
    assert made.status in ("failed", "partial", "missing", "passed") and (made.feedback or made.status == "passed")
