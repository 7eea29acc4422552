"""The learner's folder: what is ours is updated, what is theirs is never touched."""

import json
import os

import pytest

from lessons.folder import FolderError, beside, shipped, update
from lessons.grader.progress import MANIFEST

OLD = {"01-one.ipynb": b"one, first edition", "02-two.ipynb": b"two, first edition"}
NEW = {"01-one.ipynb": b"one, second edition", "02-two.ipynb": b"two, second edition"}


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "my lessons"
    assert update(path, OLD).added == list(OLD)
    return path


def test_a_second_run_changes_nothing(folder):
    before = {p.name: p.stat().st_mtime_ns for p in folder.glob("*.ipynb")}
    report = update(folder, OLD)
    assert (report.added, report.updated, report.kept) == ([], [], [])
    assert {p.name: p.stat().st_mtime_ns for p in folder.glob("*.ipynb")} == before


def test_untouched_lessons_are_updated(folder):
    assert update(folder, NEW).updated == list(NEW)
    assert (folder / "01-one.ipynb").read_bytes() == NEW["01-one.ipynb"]


def test_what_the_learner_changed_is_left_alone_and_said(folder):
    (folder / "01-one.ipynb").write_bytes(b"mine")
    report = update(folder, NEW)
    assert (report.updated, report.kept) == (["02-two.ipynb"], ["01-one.ipynb"])
    assert (folder / "01-one.ipynb").read_bytes() == b"mine"
    assert update(folder, NEW).kept == ["01-one.ipynb"], "and said again until it is dealt with"


def test_a_changed_lesson_without_an_update_is_not_mentioned(folder):
    (folder / "01-one.ipynb").write_bytes(b"mine")
    assert update(folder, OLD).kept == []


def test_the_new_one_comes_beside_under_a_free_name_and_then_there_is_silence(folder):
    (folder / "01-one.ipynb").write_bytes(b"mine")
    (folder / "01-one-new.ipynb").write_bytes(b"mine too")
    path = beside(folder, "01-one.ipynb", NEW)
    assert path.name == "01-one-new-2.ipynb" and path.read_bytes() == NEW["01-one.ipynb"]
    assert (folder / "01-one-new.ipynb").read_bytes() == b"mine too"
    assert (folder / "01-one.ipynb").read_bytes() == b"mine"
    assert update(folder, NEW).kept == []


def test_a_lesson_that_was_thrown_away_comes_back(folder):
    (folder / "01-one.ipynb").unlink()
    assert update(folder, OLD).added == ["01-one.ipynb"]


@pytest.mark.parametrize("damage", [None, "", "[]", '{"written": 3}', "\x00"])
def test_without_a_readable_manifest_everything_is_the_learners(folder, damage):
    if damage is None:
        (folder / MANIFEST).unlink()
    else:
        (folder / MANIFEST).write_text(damage)
    report = update(folder, NEW)
    assert report.kept == list(NEW) and report.updated == []
    assert (folder / "01-one.ipynb").read_bytes() == OLD["01-one.ipynb"]


def test_a_lost_manifest_is_made_again_for_files_that_are_as_shipped(folder):
    (folder / MANIFEST).unlink()
    update(folder, OLD)
    assert update(folder, NEW).updated == list(NEW)


def test_files_that_were_there_before_are_the_learners(tmp_path):
    (tmp_path / "01-one.ipynb").write_bytes(b"something of mine")
    report = update(tmp_path, OLD)
    assert report.added == ["02-two.ipynb"] and report.kept == ["01-one.ipynb"]
    assert (tmp_path / "01-one.ipynb").read_bytes() == b"something of mine"


@pytest.mark.skipif(os.name != "posix", reason="makes symbolic links")
def test_a_link_is_never_followed_to_be_overwritten(folder, tmp_path):
    target = tmp_path / "elsewhere.ipynb"
    target.write_bytes(OLD["01-one.ipynb"])
    (folder / "01-one.ipynb").unlink()
    (folder / "01-one.ipynb").symlink_to(target)
    update(folder, NEW)
    assert target.read_bytes() == OLD["01-one.ipynb"]
    assert (folder / "01-one.ipynb").is_symlink()


def test_a_file_in_the_place_of_the_folder_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderError, match=r"is a file.* --dir"):
        update(tmp_path / "file", OLD)
    with pytest.raises(FolderError, match="--dir"):
        update(tmp_path / "file" / "below", OLD)


def test_an_unknown_lesson_is_said_with_the_known_ones(folder):
    with pytest.raises(FolderError, match="01-one, 02-two"):
        beside(folder, "03-three.ipynb", OLD)


def test_nothing_half_written_stays_behind(folder):
    (folder / "02-two.ipynb").unlink()
    (folder / "02-two.ipynb").mkdir()  # reading it as a file fails
    with pytest.raises(FolderError):
        update(folder, NEW)
    leftovers = [p.name for p in folder.iterdir() if p.name.startswith(".01") or ".tmp" in p.name]
    assert leftovers == []


def test_the_real_course_makes_a_folder_without_any_solution(tmp_path):
    update(tmp_path)
    update(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {*shipped(), MANIFEST}
    for path in tmp_path.glob("*.ipynb"):
        text = path.read_text(encoding="utf-8")
        assert "SOLUTION" not in text and "FADED" not in text
        assert "backward(source, arriving * slope)" not in text
    first = (tmp_path / "01-numbers-that-remember.ipynb").read_text(encoding="utf-8")
    assert "f(x - h)" not in json.dumps(json.loads(first)["cells"])


def test_the_same_course_gives_the_same_bytes():
    assert shipped() == shipped()
