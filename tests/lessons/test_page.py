"""Predictions: locked before anything shows, remembered, and compared as a person would."""

import re

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from lessons import ask, faded, figure, page
from lessons.catalog import Question, question
from lessons.grader.progress import Prediction, Progress


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def shell():
    made = InteractiveShell.instance()
    made.run_line_magic("load_ext", "lessons")
    yield made
    InteractiveShell.clear_instance()


def form_of(asked):
    """The form of a question, its parts, and what it locked."""
    locked = []
    form = page.form(asked, lambda *said: locked.append(said))
    _, row, said = form.children
    return row.children, said, locked


@pytest.mark.parametrize(
    ("typed", "output", "right"),
    [
        ("2", "2.0", True),
        (" 2. ", "2.0", True),
        ("0,3", "0.3", True),
        ("none", "None", True),
        ("None", "None", True),
        ("3", "2.0", False),
        ("0", "None", False),
        ("", "2.0", False),
        ("nan", "2.0", False),
        ("1.1e12", "1099511627776.0", True),
        ("two", "2.0", False),
    ],
)
def test_an_answer_is_compared_as_a_person_would(typed, output, right):
    assert page.marked(Question("q", "?", "!"), typed, output) is right


def test_ones_own_words_are_not_marked():
    assert page.marked(Question("q", "?", "!", kind="sentence"), "because", None) is None


def test_what_is_accepted_goes_before_what_was_printed():
    asked = Question("q", "?", "!", accept=("2**40",))
    assert page.marked(asked, "2**40", "1099511627776.0") is True


def test_nothing_is_locked_before_there_are_an_answer_and_a_confidence():
    (answer, sure, button), said, locked = form_of(Question("q", "?", "!"))
    button.click()
    assert "write an answer" in said.value and "how sure" in said.value
    answer.value = "6"
    button.click()
    assert "write an answer" not in said.value and "how sure" in said.value
    assert locked == []
    sure.value = "certain"
    button.click()
    assert locked == [("6", "certain")]
    assert button.disabled


def test_a_sentence_needs_no_confidence():
    (answer, button), _, locked = form_of(Question("q", "?", "!", kind="sentence"))
    button.click()
    assert locked == []
    answer.value = "Both paths move it."
    button.click()
    assert locked == [("Both paths move it.", "")]


def test_the_question_is_shown_and_the_answer_is_not():
    form = page.form(question("double"), lambda *_: None)
    assert "y = x + x" in form.children[0].value
    assert "both" not in form.children[0].value


def test_without_its_widget_a_form_is_still_the_question():
    assert repr(page.form(question("double"), lambda *_: None)).startswith("Now y = x + x, still")


def test_a_locked_prediction_comes_back_with_its_output_and_our_words():
    said = repr(page.reveal(question("double"), Prediction("1", "certain", False), "2.0"))
    assert "✗ Not what you said" in said and "certain" in said
    assert "you said    1" in said and "it printed  2.0" in said and "both terms" in said


def test_what_was_typed_or_printed_is_never_markup():
    evil = "<script>alert(1)</script>"
    html = page.reveal(question("double"), Prediction(evil, "certain", False), evil)._repr_html_()
    assert "<script" not in html and html.count("&lt;script&gt;") == 2


def test_predict_holds_the_output_back_and_runs_the_cell(shell):
    with capture_output() as shown:
        shell.run_cell("%%predict double\ny = 1 + 1\nprint(y)")
    assert shell.user_ns["y"] == 2
    assert shown.stdout.strip() == "" and len(shown.outputs) == 1
    assert "application/vnd.jupyter.widget-view+json" in shown.outputs[0].data


def test_predict_shows_the_output_once_it_was_predicted(shell):
    with Progress.here() as store:
        store.predict("double", "2", "certain", True)
    with capture_output() as shown:
        shell.run_cell("%%predict double\nprint(1 + 1)\n'<last>'")
    said = shown.outputs[0].data["text/plain"]
    assert "✓ As you said" in said and "it printed  2" in said and "'<last>'" in said
    assert "&lt;last&gt;" in shown.outputs[0].data["text/html"]


def test_predict_shows_an_error_at_once(shell):
    with capture_output() as shown:
        shell.run_cell("%%predict double\nprint('before')\n1 / 0")
    assert "before" in shown.stdout and "ZeroDivisionError" in shown.stdout
    assert shown.outputs == []


def test_an_unknown_question_is_said(shell):
    with capture_output() as shown:
        ask("nothing-like-it")
    assert "There is no question “nothing-like-it”" in shown.outputs[0].data["text/plain"]


def test_after_waits_for_what_is_unsolved_and_then_runs(shell):
    with capture_output() as shown:
        shell.run_cell("%%after nudge value\nran = True")
    assert "ran" not in shell.user_ns
    assert "“Nudge from both sides”" in shown.outputs[0].data["text/plain"]
    with Progress.here() as store:
        store.attempt("nudge", "x", True, None)
        store.attempt("value", "x", True, None)
    shell.run_cell("%%after nudge value\nran = True")
    assert shell.user_ns["ran"] is True


@pytest.mark.parametrize("at", [-3.0, 0.0, 3.0])
def test_the_picture_says_the_slope_in_words_too(at):
    svg = figure.drawing(lambda x: x * x, at, -4, 8)
    assert f'aria-label="At x = {at:g} the curve is {at * at:.4g} high' in svg
    assert f"its slope is {round(2 * at, 4):.4g}." in svg.replace("-0.", "0.")


def test_the_picture_follows_the_slider():
    picture, place = figure.plot(lambda x: x * x, at=3.0).children
    place.value = 1.0
    assert "slope 2" in picture.value


def test_faded_puts_the_easier_start_into_the_next_cell(shell):
    card = faded("backward")
    assert "The cell below is new" in repr(card)
    assert shell.rl_next_input.endswith('check("backward", backward)')
    assert "node.grad = ____" in shell.rl_next_input


def test_many_curves_stand_side_by_side_with_the_same_axes():
    curves = {"A": [100.0, 10.0, 1.0], "B <": [1.0, float("nan"), 1.0], "C": [1.0], "D": [0.0, 2.0]}
    shown = figure.panels(curves, "loss").data
    assert shown.count("<g ") == 4 and "B &lt;" in shown and "nan" not in shown.split("</text>", 1)[1]
    assert "A from 100 to 37" in shown, "each is the mean of the few before it"
    tops = re.findall(r'class="curve" d="M([\d.]+) ([\d.]+)', shown)
    assert tops[1] == tops[2] != tops[0], "the same loss lies at the same height"


def test_curves_without_a_place_on_the_scale_are_refused():
    with pytest.raises(ValueError, match="above 0"):
        figure.panels({"A": [0.0]}, "loss")
