"""Our answer: earned or given up, never before, and what was looked at is remembered."""

import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from lessons import check, progress, solution
from lessons.catalog import exercise
from lessons.grader.progress import Progress

OURS = "node.grad += arriving"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    InteractiveShell.instance()
    yield tmp_path
    InteractiveShell.clear_instance()


def shown(id="backward"):
    """What is put on the page, as text and as data."""
    with capture_output() as captured:
        solution(id)
    (output,) = captured.outputs
    return output.data["text/plain"], output.data


def test_it_is_not_shown_before_it_was_earned():
    text, data = shown()
    assert OURS not in text and 'parsons("backward")' in text
    assert "application/vnd.jupyter.widget-view+json" in data, "there is a button"
    with Progress.here() as store:
        assert store.given_up() == set(), "to ask is not to give up"


def test_who_solved_it_sees_it():
    check("backward", exercise("backward").reference())
    text, data = shown()
    assert OURS in text and OURS in data["text/html"] and "What does yours do otherwise" in text
    assert "our answer was shown" not in repr(progress())


def test_who_gives_up_sees_it_from_then_on_and_it_is_remembered(monkeypatch):
    module = sys.modules["lessons.grader.solution"]
    pages = []
    real = module._question
    monkeypatch.setattr(module, "_question", lambda *given: pages.append(real(*given)) or pages[-1])
    shown()
    with capture_output() as captured:
        pages[0].children[-1].click()
    assert OURS in captured.outputs[-1].data["text/plain"]
    assert pages[0].children[-1].disabled
    assert "open, our answer was shown" in repr(progress())
    assert OURS in shown()[0]
    check("backward", exercise("backward").reference())
    assert "✓ solved, our answer was shown" in repr(progress())


def test_the_way_out_is_told_after_many_attempts_only():
    answers = [f"def nudge(f, x, h=1e-5):\n    return {i}" for i in range(2, 7)]
    said = [repr(check("nudge", exercise("nudge").answer(source))) for source in answers]
    assert ['solution("nudge")' in one for one in said] == [False] * 4 + [True]


def test_an_exercise_that_is_not_there_is_met_kindly():
    assert "There is no exercise “bakward”. Did you mean “backward”?" in shown("bakward")[0]
