"""What a learner is told when an answer is checked, in words and in HTML."""

import sys
import textwrap
import threading

import pytest

from lessons import check, faded, parsons, progress
from lessons.catalog import exercise, lessons
from lessons.grader.check import fingerprint
from lessons.grader.progress import Progress


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answer(id, source):
    return exercise(id).answer(textwrap.dedent(source))


def wrong(id, name):
    return exercise(id).answer(next(w.source for w in exercise(id).wrong() if w.name == name))


def test_overwriting_is_named_with_the_two_numbers_and_the_two_paths():
    said = repr(check("backward", wrong("backward", "overwrites")))
    assert "grad 3, expected 6: two paths end in this node" in said
    assert "c = a * a" in said
    assert "expected  a.grad = 6" in said and "yours     a.grad = 3" in said
    assert said.splitlines()[-1].endswith("?"), "it ends with a question"


def test_the_hint_comes_with_the_second_attempt_and_not_before():
    assert "Hint:" not in repr(check("nudge", wrong("nudge", "one_sided")))
    assert "Hint: Ask f at x + h" in repr(check("nudge", wrong("nudge", "backward_only")))


def test_the_same_answer_again_is_no_second_attempt():
    check("nudge", wrong("nudge", "one_sided"))
    again = answer("nudge", "def nudge(f, x, h=1e-5):\n    # once more\n    return (f(x + h) - f(x)) / h")
    said = repr(check("nudge", again))
    assert "attempt 1" in said and "Hint:" not in said


def test_a_right_answer_is_praised_and_remembered():
    assert "solved" in repr(check("nudge", exercise("nudge").reference()))
    assert "✓ solved" in repr(progress())
    worth = sum(one.points for lesson in lessons() for one in lesson.exercises().values())
    assert f"2 of {worth} points" in repr(progress())


def test_a_solved_exercise_stays_solved():
    check("nudge", exercise("nudge").reference())
    check("nudge", wrong("nudge", "one_sided"))
    assert "✓ solved" in repr(progress())


@pytest.mark.parametrize("id", ["nudge", "value", "backward"])
def test_an_untouched_stub_is_met_kindly_and_counts_for_nothing(id):
    said = check(id, exercise(id).answer(exercise(id).rung("blank")))
    assert said.kind == "open" and "Not written yet" in repr(said)
    with Progress.here() as store:
        assert store.attempts() == {}


def test_an_open_blank_is_pointed_at_and_counts_for_nothing():
    said = repr(check("backward", exercise("backward").answer(exercise("backward").rung("faded"))))
    assert "line 3: node.grad = ____" in said
    with Progress.here() as store:
        assert store.attempts() == {}


def test_an_error_shows_the_learners_own_lines_and_no_others():
    broken = answer(
        "nudge",
        """
        def nudge(f, x, h=1e-5):
            return rise(f, x, h) / (2 * h)

        def rise(f, x, h):
            return f(x + h) - f["left"]
        """,
    )
    said = repr(check("nudge", broken))
    assert "line 3: return rise(f, x, h) / (2 * h)" in said
    assert 'line 6: return f(x + h) - f["left"]' in said
    assert "TypeError" in said
    assert "cases.py" not in said and "judge" not in said and "drive" not in said


def test_an_endless_loop_is_named_with_its_line_and_everything_lives_on():
    said = repr(check("backward", answer("backward", "def backward(n, g=1.0):\n    while True: pass")))
    assert "did not come to its end" in said and "line 2: while True: pass" in said
    assert check("backward", exercise("backward").reference()).kind == "passed"


def test_an_endless_loop_that_catches_everything_is_stopped_all_the_same():
    source = """
        def backward(node, arriving=1.0):
            while True:
                try:
                    while True: pass
                except Exception: pass
    """
    assert "did not come to its end" in repr(check("backward", answer("backward", source)))


def test_an_endless_loop_ends_where_no_alarm_can_ring():
    """Signals reach the main thread only; elsewhere, and on Windows, every line looks at the clock."""
    said = []
    endless = answer("backward", "def backward(n, g=1.0):\n    while True:\n        pass")
    thread = threading.Thread(target=lambda: said.append(repr(check("backward", endless))))
    thread.start()
    thread.join(timeout=60)
    assert "did not come to its end" in said[0]
    assert sys.gettrace() is None


def test_leaving_python_is_held_back():
    source = "import sys\ndef backward(n, g=1.0):\n    sys.exit(0)"
    said = repr(check("backward", answer("backward", source)))
    assert "tried to leave Python" in said and "line 3: sys.exit(0)" in said


def test_calling_itself_for_ever_is_named():
    said = repr(check("backward", answer("backward", "def backward(n, g=1.0):\n    backward(n)")))
    assert "calls itself" in said and said.count("line 2") == 1


def test_a_flood_of_output_is_cut_and_named(capsys):
    source = "def nudge(f, x, h=1e-5):\n    print('x' * 1_000_000)\n    return 0.5"
    said = repr(check("nudge", answer("nudge", source)))
    assert "prints very much" in said and len(said) < 3000
    assert capsys.readouterr().out == ""


def test_what_the_learner_writes_is_never_markup():
    evil = "<img src=x onerror=alert(1)>"
    source = f"def nudge(f, x, h=1e-5):\n    print('{evil}')\n    raise ValueError('{evil}')"
    html = check("nudge", answer("nudge", source))._repr_html_()
    assert evil not in html and "&lt;img" in html


def test_returning_nothing_is_named():
    said = repr(check("nudge", answer("nudge", "def nudge(f, x, h=1e-5):\n    (f(x + h) - f(x)) / h")))
    assert "returned nothing" in said


def test_a_half_written_class_says_which_method_is_missing():
    source = exercise("value").rung("reference").replace("return Value(t", "Value(t")
    said = repr(check("value", answer("value", source)))
    assert "a.tanh()" in said and "returns nothing yet" in said


@pytest.mark.parametrize("junk", [3, None, "nudge"])
def test_handing_over_something_else_is_explained(junk):
    assert 'check("nudge", nudge)' in repr(check("nudge", junk))


def test_another_right_way_is_right():
    by_hand = """
        def backward(node, arriving=1.0):
            order, seen = [], set()
            def visit(n):
                if id(n) not in seen:
                    seen.add(id(n))
                    for source, _ in n.edges: visit(source)
                    order.append(n)
            visit(node)
            node.grad += arriving
            for n in reversed(order):
                for source, slope in n.edges: source.grad += n.grad * slope
    """
    assert check("backward", answer("backward", by_hand)).kind == "passed"


def test_numpys_numbers_are_numbers():
    source = """
        import numpy as np
        def nudge(f, x, h=1e-5):
            return np.float64((f(x + h) - f(x - h)) / (2 * h))
    """
    assert check("nudge", answer("nudge", source)).kind == "passed"


def test_a_folder_that_cannot_be_written_costs_no_feedback(folder):
    (folder / "progress.sqlite").mkdir()
    said = repr(check("nudge", wrong("nudge", "one_sided")))
    assert "one side of x only" in said and "cannot be saved" in said
    assert "Hint:" in repr(check("nudge", wrong("nudge", "backward_only"))), "remembered meanwhile"


def test_the_fingerprint_sees_what_an_answer_does_and_not_how_it_looks():
    one = answer("nudge", "def nudge(f, x):\n    return f(x)")
    assert fingerprint(one) == fingerprint(answer("nudge", "def nudge(f, x):\n\n  return f(x)  # !"))
    assert fingerprint(one) != fingerprint(answer("nudge", "def nudge(f, x):\n    return f(x) + 1"))
    assert fingerprint(one) != fingerprint(answer("nudge", "def nudge(f, x, h=1):\n    return f(x)"))


def test_the_recursion_limit_and_the_streams_are_as_before():
    before = sys.getrecursionlimit(), sys.stdout
    check("backward", answer("backward", "def backward(n, g=1.0):\n    backward(n)"))
    assert (sys.getrecursionlimit(), sys.stdout) == before


def test_faded_prints_the_easier_start_outside_a_notebook(capsys):
    assert faded("backward") is None
    assert "____" in capsys.readouterr().out


def test_every_card_reads_as_text_and_as_html():
    for card in (check("nudge", wrong("nudge", "one_sided")), progress()):
        assert card._repr_html_().count("<section") == 1 == card._repr_html_().count("</section>")
        assert "<" not in repr(card).replace("<-", "")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ((), "Which exercise? Say its name, in quotes. There are: nudge, value,"),
        (("nugde", print), "There is no exercise “nugde”. Did you mean “nudge”? There are: nudge, value,"),
        (("train_epoch", print), "Did you mean “train-epoch”?"),
        ((exercise("nudge").reference(),), "The name of the exercise comes first, in quotes. It is “nudge”."),
        ((5, print), "The name of the exercise comes first, in quotes. There are: nudge"),
    ],
)
def test_a_call_that_names_no_exercise_is_told_which_there_are(asked, said):
    card = repr(check(*asked))
    assert said in card and card.endswith('Like this: `check("nudge", nudge)`.')


def test_an_exercise_without_an_answer_is_told_how_to_hand_it_over():
    assert 'check("nudge", nudge)' in repr(check("nudge"))


@pytest.mark.parametrize("call", [parsons, faded])
def test_so_it_is_with_the_easier_starts(call):
    assert "Which exercise?" in repr(call())
    assert "Did you mean “nudge”?" in repr(call("nugde"))


@pytest.mark.parametrize(
    ("id", "source", "never"),
    [
        (
            "backward",
            """
            def backward(node, arriving=1.0):
                node.grad += arriving
                for source, slope in node.edges:
                    backward(source, node.grad * slope)
            """,
            "slopes were added",
        ),
        (
            "accumulate",
            """
            def accumulate(weight, backward, batches):
                weight.grad = None
                for batch in batches:
                    backward(batch, 1 / len(batch))
            """,
            "sum of",
        ),
    ],
)
def test_a_coincidence_is_no_diagnosis(id, source, never):
    said = repr(check(id, answer(id, source)))
    assert "Here it goes wrong." in said and never not in said


def test_what_explains_only_some_of_the_failures_is_said_with_care():
    one = exercise("unbroadcast")
    half = one.rung("reference").replace("g = g.sum(axis=tuple(range(missing)))", "pass")
    assert half != one.rung("reference")
    said = repr(check("unbroadcast", one.answer(half)))
    assert "Perhaps this, which explains the case below but not all that goes wrong:" in said
    whole = repr(check("unbroadcast", wrong("unbroadcast", "as_it_came")))
    assert "Perhaps" not in whole
