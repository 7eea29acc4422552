"""Every exercise is proved: reference, stub, faded rung, each known wrong answer with its hint."""

import copy
import random
import shutil

import pytest

from lessons.catalog import exercise, lessons
from lessons.classroom.driver import driver
from lessons.grader.exercise import Exercise
from lessons.grader.judge import judge, plain
from lessons.grader.prove import prove

EXERCISES = [e for lesson in lessons() for e in lesson.exercises().values()]
WRONG = [(e, wrong) for e in EXERCISES for wrong in e.wrong()]


@pytest.mark.parametrize("one", EXERCISES, ids=lambda e: e.id)
def test_everything_that_is_claimed_holds(one):
    problems = [f"{claim.about}: {claim.problem}" for claim in prove(one) if not claim.holds]
    assert problems == []


@pytest.mark.parametrize(("one", "wrong"), WRONG, ids=lambda x: getattr(x, "name", None) or x.id)
@pytest.mark.parametrize("seed", [11, 12, 13])
def test_a_wrong_answer_draws_its_own_hint_on_cases_nobody_looked_at(one, wrong, seed):
    finding = judge(one, one.answer(wrong.source), seed).finding
    assert finding is not None
    assert finding.hint == wrong.hint


@pytest.mark.parametrize(("one", "wrong"), WRONG, ids=lambda x: getattr(x, "name", None) or x.id)
def test_the_counterexample_is_small(one, wrong):
    finding = judge(one, one.answer(wrong.source), seed=3).finding
    assert len(one.cases.show(finding.case).splitlines()) <= 5


@pytest.mark.parametrize("one", EXERCISES, ids=lambda e: e.id)
def test_every_exercise_says_what_it_must(one):
    assert one.title and one.statement.strip() and one.meta["question"]
    assert one.points > 0 and one.meta["minutes"] > 0
    assert one.object in one.rung("blank")
    known = {e.id for e in EXERCISES}
    assert set(one.meta["prerequisites"]) <= known
    for hint in one.hints.values():
        assert hint.question.endswith("?")


@pytest.mark.parametrize("one", EXERCISES, ids=lambda e: e.id)
def test_no_rung_but_the_reference_gives_the_solution_away(one):
    for rung in ("blank", "faded"):
        source = one.rung(rung)
        assert "SOLUTION" not in source and "FADED" not in source
        for line in solution_lines(one):
            assert line not in source.splitlines() or "____" not in one.rung("faded")


def solution_lines(one):
    blank = one.rung("blank").splitlines()
    faded = one.rung("faded").splitlines()
    return [x for x in one.rung("reference").splitlines() if x not in blank and x not in faded]


def test_a_hint_that_no_answer_draws_is_noticed(tmp_path):
    broken = copy_of("nudge", tmp_path)
    (broken.folder / "wrong" / "rise_only.py").unlink()
    assert "none for no-run" in [claim.problem for claim in prove(broken)]


def test_a_wrong_answer_under_the_wrong_hint_is_noticed(tmp_path):
    broken = copy_of("backward", tmp_path)
    path = broken.folder / "wrong" / "overwrites.py"
    path.write_text(path.read_text().replace("hint: overwrites", "hint: no-seed"))
    claims = {claim.about: claim.problem for claim in prove(broken)}
    assert claims["overwrites draws “no-seed”"] == "it draws overwrites (seed 0)"


def test_a_wrong_reference_is_noticed(tmp_path):
    broken = copy_of("value", tmp_path)
    path = broken.folder / "exercise.py"
    path.write_text(path.read_text().replace("(self, other.data)", "(self, self.data)"))
    claims = {claim.about: claim.problem for claim in prove(broken)}
    assert claims["the reference tells the truth"] != ""


def copy_of(id, tmp_path):
    return Exercise(shutil.copytree(exercise(id).folder, tmp_path / id))


@pytest.mark.parametrize("one", EXERCISES, ids=lambda e: e.id)
def test_random_answers_never_break_the_judge(one):
    for got in (None, "x", [], {}, float("nan"), float("inf"), 10**400, object(), True, b"", 1j):
        finding = judge(one, lambda *args, _got=got, **kwargs: _got).finding
        assert finding is not None, f"{got!r} passes"


@pytest.mark.parametrize("one", EXERCISES, ids=lambda e: e.id)
def test_what_runs_beside_students_code_needs_nothing_that_judges(one):
    beside: dict = {"__name__": "driver"}
    exec(driver(one.folder / "cases.py"), beside)
    for case in one.cases.cases(random.Random(21)):
        got = plain(beside["drive"](one.reference(), copy.deepcopy(case)))
        assert one.cases.same(case, one.cases.truth(case), got), case
