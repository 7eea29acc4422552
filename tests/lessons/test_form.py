"""Every lesson has the course's form: the parts of its page in their order, its widget, its claims, its known mistakes."""

import re
from typing import NamedTuple

import pytest

from lessons.catalog import Lesson, lessons
from lessons.grader.parsons import Puzzle


class Form(NamedTuple):
    """What a lesson must have besides the parts that all of them have."""

    widget: str
    predictions: str  # before the output shows
    claims: str
    mistakes: dict[str, str]  # exercise -> hints that known wrong answers must draw


FORMS = {
    "01": Form("ScalarGraph", "square double two-uses unused", "numpy-by-hand", {
        "nudge": "one-sided too-narrow", "value": "tanh-of-input plain-number", "operators": "reflected minus plain-number",
        "backward": "overwrites no-seed",
    }),
    "02": Form("BackwardQuiz", "second ten same-node", "dynamic-follows-shape dynamic-is-modified tensors-are-nodes", {
        "topo": "root-first too-early twice deep", "walk-back": "no-seed clears overwrites", "count-nodes": "once-for-all",
        "edge-rules": "late",
    }),
    "03": Form("Broadcasting", "stretched bias mean", "shapes-raise", {
        "broadcast-shape": "aligned-left too-kind", "unbroadcast": "first-only mean dropped",
        "matmul-vjp": "no-transpose batch-kept", "reduce-vjp": "mean-as-sum ties-twice", "gather-vjp": "lost",
    }),
    "04": Form("StepSize", "best-64 best-32 kink overflow three-times", "mse-is-the-norm", {
        "gradcheck": "sum-only absolute float32 kinks", "logsumexp": "overflow", "mse": "silent norm",
        "softmax-xent": "overflow top-counted averaged-twice",
    }),
    "05": Form("Tape", "over-square over-exp twice-sum twice-product middle behind eval detached", "autograd-tracks-all", {
        "no-grad": "stays-off after-error", "detach": "copies touches-grad cuts-both", "saved-version": "bans-all views",
        "accumulate": "sum-of-means equal-weights", "release-saved": "retain keeps",
    }),
    "06": Form("OptimiserRace", "one-layer two-layers forgotten zeros", "optimisers-of-torch loader-and-trainer", {
        "module": "lists twice", "init": "all-equal", "momentum": "unmoved on-tape one-speed", "rmsprop": "no-root",
        "adam": "no-correction", "loader": "drawn-twice same-order", "train-epoch": "step-early cleared-late no-train",
        "dropout": "no-rescale always", "batchnorm": "eval-by-batch eval-moves",
    }),
    "07": Form("TrainingMonitor", "fading floor", "softmax-and-from-logits log-softmax-and-cross-entropy", {
        "diagnose": "symptom mode false-alarm", "overfit-one-batch": "adds-up", "clip-grad-norm": "each-alone values",
        "softmax-twice": "twice raw", "lr-range-test": "evenly nan",
    }),
    "08": Form("DynamicVsStatic", "printed unfetched die intermediate",
               "tensorflow-is-static static-is-complete outputs-are-cached tensorflow-has-many-concepts", {
        "waiting-graph": "computes-now same-name", "session-run": "runs-all cached twice silent-feed",
        "graph-gradients": "a-number unrelated-zero", "assign-later": "assigns-now never-runs",
        "check-shapes": "forgets-size",
    }),
}  # fmt: skip


@pytest.fixture(params=lessons(), ids=lambda lesson: lesson.id)
def lesson(request):
    return request.param


@pytest.fixture
def form(lesson):
    assert lesson.id[:2] in FORMS, "say here what the new lesson must have"
    return FORMS[lesson.id[:2]]


def section(lesson, heading):
    """The part of the page below a heading."""
    found = re.search(rf"^## {heading}.*?$(.*?)(?=^## |\Z)", lesson.source, re.MULTILINE | re.DOTALL)
    assert found, f"{lesson.id} has no part {heading!r}"
    return found[1]


def asked(part):
    """The questions that a part of the page asks, in order."""
    return re.findall(r'(?:^%%predict |^ask\(")([\w-]+)', part, re.MULTILINE)


def test_its_parts_stand_in_the_fixed_order(lesson, form):
    """Warm-up, predict, step the widget, explain, change, build, claims, exit question, and where one stands."""
    marks = [
        "## Two questions to warm up", "%%predict", rf"^(?:\w+ = )?{form.widget}\(", "## Explain it", "## Change it",
        "## Build it", ":exercise:", "^check\\(", "^claim\\(", "^%%measure", "## One last question", r"^progress\(\)",
        r"^course_map\(\)",
    ]  # fmt: skip
    places = []
    for mark in marks:
        found = re.search(mark, lesson.source, re.MULTILINE)
        assert found, f"{mark} is missing"
        places.append(found.start())
    assert places == sorted(places), [mark for _, mark in sorted(zip(places, marks, strict=True))]
    assert lesson.source.rindex(":exercise:") < places[marks.index("^claim\\(")], "claims come after the exercises"


def test_no_two_pages_share_an_id():
    """An answer is remembered under its question's id, wherever in the course that stands."""
    for kind in (Lesson.questions, Lesson.claims, Lesson.exercises):
        ids = [id for lesson in lessons() for id in kind(lesson)]
        assert sorted(set(ids)) == sorted(ids)


def test_it_opens_with_two_questions_about_earlier_lessons(lesson):
    first = asked(section(lesson, "Two questions to warm up"))
    assert first == list(lesson.questions())[:2]
    recalled = [lesson.questions()[id].recalled for id in first]
    if lesson is lessons()[0]:
        assert recalled == [None, None]  # there is nothing yet to remember
    else:
        assert all(earlier is not None and earlier.id < lesson.id for earlier in recalled)


def test_it_ends_with_one_question(lesson):
    assert asked(section(lesson, "One last question")) == list(lesson.questions())[-1:]


def test_it_has_several_predictions_before_anything_is_explained(lesson):
    before = lesson.source[: lesson.source.index("## Explain it")]
    assert before.count("%%predict") >= 3


def test_it_has_its_predictions(lesson, form):
    """What is asked about a cell, or about what follows it, is asked before that is shown."""
    predicted = re.findall(r"^%%predict ([\w-]+)", lesson.source, re.MULTILINE)
    asked_alone = set(asked(lesson.source)) - set(predicted)
    assert set(form.predictions.split()) <= set(predicted) | asked_alone


def test_one_sentence_explains_and_a_line_is_there_to_be_changed(lesson):
    (explained,) = asked(section(lesson, "Explain it"))
    assert lesson.questions()[explained].kind == "sentence"
    assert "# <- " in section(lesson, "Change it")


def test_it_has_its_claims_and_no_others(lesson, form):
    assert set(lesson.claims()) == set(form.claims.split())
    for claim in lesson.claims().values():
        assert claim.source.strip() and claim.after.strip()


def test_its_exercises_know_the_mistakes_that_are_made_there(lesson, form):
    exercises = lesson.exercises()
    assert set(form.mistakes) <= set(exercises)
    for id, exercise in exercises.items():
        drawn = {wrong.hint for wrong in exercise.wrong()}
        missing = set(form.mistakes.get(id, "").split()) - drawn
        assert drawn and not missing, f"no wrong answer of {id} draws {missing or 'any hint'}"


def test_its_exercises_have_three_rungs_under_the_same_checks(lesson):
    for id, exercise in lesson.exercises().items():
        page = lesson.source
        assert 0 <= page.index(f'parsons("{id}")') < page.index(f'check("{id}", {exercise.object})')
        assert Puzzle.of(exercise).distractors, f"{id} has no wrong block"
        assert "____" in exercise.rung("faded") and "____" not in exercise.rung("reference")
        assert "your turn" in exercise.rung("blank")


def test_a_warm_up_question_that_was_not_known_leads_back_to_its_lesson():
    from lessons.grader.progress import Prediction
    from lessons.page import reveal

    second = lessons()[1]
    question = second.questions()[next(iter(second.questions()))]
    wrong, right = (repr(reveal(question, Prediction("?", "a guess", ok), None)) for ok in (False, True))
    assert f"{lessons()[0].id}.ipynb" in wrong and ".ipynb" not in right
