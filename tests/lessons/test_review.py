"""The course map and reviews: what is due on a given day, asked from memory, and how the gaps grow and fall back."""

import sqlite3
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from lessons import course_map, review
from lessons import path as module
from lessons.catalog import Lesson, exercise, lessons
from lessons.folder import FIRST_PAGE, shipped
from lessons.grader.parsons import Puzzle
from lessons.grader.progress import _VERSIONS, FILE, Progress
from lessons.grader.spacing import GAPS, due_on

MONDAY = date(2026, 3, 2)
QUESTIONS = [id for lesson in lessons() for id in lesson.questions()]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    InteractiveShell.instance()
    yield tmp_path
    InteractiveShell.clear_instance()


def after(days):
    return MONDAY + timedelta(days)


@pytest.mark.parametrize(
    ("reviews", "due"),
    [
        ([], 1),
        ([(1, True)], 1 + 3),
        ([(1, True), (4, True)], 4 + 7),
        ([(1, True), (4, True), (11, True)], 11 + 16),
        ([(1, True), (4, True), (11, True), (27, True)], 27 + 35),
        ([(1, True), (4, True), (11, True), (27, True), (62, True)], 62 + 35),
        ([(1, False)], 1 + 1),
        ([(1, True), (4, True), (11, False)], 11 + 1),
        ([(1, True), (4, False), (5, True)], 5 + 3),
        ([(9, True)], 9 + 3),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_gaps_grow_with_each_right_answer_and_begin_anew_with_a_wrong_one(reviews, due, first):
    history = [(MONDAY, first), *((after(day), right) for day, right in reviews)]
    assert due_on(history) == after(due)
    assert due_on(reversed(history)) == after(due)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.tuples(st.dates(date(2026, 1, 1), date(2027, 1, 1)), st.booleans()), min_size=1, max_size=12))
def test_a_review_is_always_due_one_of_the_gaps_after_the_last(history):
    assert (due_on(history) - max(day for day, _ in history)).days in GAPS


def learn(**answers):
    """Answers those questions at noon on the Monday."""
    with Progress.here() as store:
        for id, (right, output) in answers.items():
            store.predict(id.replace("_", "-"), "an answer", "a guess", right, output)
        store._db.execute("UPDATE prediction SET at = ?", (f"{MONDAY}T12:00:00Z",))


def solve(*ids):
    """Solves those exercises at noon on the Monday."""
    with Progress.here() as store:
        for id in ids:
            store.attempt(id, "an answer", True, None)
        store._db.execute("UPDATE attempt SET at = ?", (f"{MONDAY}T12:00:00Z",))


def asked(today):
    """What `review()` puts on the page on that day."""
    with capture_output() as shown:
        review(today)
    return [(output.data["text/plain"], output.data) for output in shown.outputs]


def test_nothing_is_due_before_its_day_and_everything_after_it():
    assert "Nothing to review yet" in asked(MONDAY)[0][0]
    learn(double=(True, "2.0"), taxi=(False, None))
    assert "Nothing to review today; next on Tuesday, 3 March." in asked(MONDAY)[0][0]
    card, *forms = [said for said, _ in asked(after(1))]
    assert "2 due" in card and len(forms) == 2
    assert forms[0].startswith("Now y = x + x") and "x = tg.tensor(3.0" in forms[0], "with the cell that asked it"
    assert len(asked(after(30))) == 3


def test_what_nobody_can_mark_is_not_asked_again():
    learn(explain=(None, None), double=(True, None), unused=(True, "None"))
    _, *forms = [said for said, _ in asked(after(1))]
    assert len(forms) == 1 and "u takes no part" in forms[0]


def test_a_question_that_needs_its_page_is_put_in_other_words():
    learn(by_hand=(True, None))
    assert "With a = 2 and b = 3 comes" in asked(after(1))[1][0]


def test_no_more_than_a_few_at_once():
    learn(**{id.replace("-", "_"): (True, "1") for id in QUESTIONS if id != "explain"})
    said = asked(after(1))
    assert len(said) == 1 + 6 and "run this cell again for the rest" in said[0][0]


@pytest.mark.parametrize(("typed", "right", "next_"), [("2", True, 3), ("6", False, 1)])
def test_an_answer_is_marked_remembered_and_comes_back(monkeypatch, typed, right, next_):
    learn(double=(False, "2.0"))
    made = []
    real = module.form
    monkeypatch.setattr(module, "form", lambda *given: made.append(given) or real(*given))
    with capture_output():
        review(after(1))
    (_, lock), = made
    with capture_output() as shown:
        lock(typed, "certain")
    said = shown.outputs[-1].data["text/plain"]
    assert ("✓ As you said" in said) is right and "it printed  2.0" in said and "It comes back on" in said
    with Progress.here() as store:
        (again,) = store.reviews()
        assert again.due == after(1 + next_)
        assert store.prediction("double").right is False, "the first answer stays"
        store.reviewed("question", "double", not right, after(1))
        assert store.reviews() == [again], "the first answer of a day counts"


def test_an_exercise_comes_back_as_lines_to_put_in_order_and_the_first_check_counts(monkeypatch):
    solve("backward")
    with Progress.here() as store:
        store.arrange("backward", [[["kept", 0]]])
    pages = []
    real = module._sorting
    monkeypatch.setattr(module, "_sorting", lambda *given: pages.append(real(*given)) or pages[-1])
    assert "8 blocks to put in order" in asked(after(1))[1][0]
    blocks, said = pages[0].children
    assert not any(blocks.arrangement), "from memory"
    puzzle = Puzzle.of(exercise("backward"))
    for arrangement in (puzzle.solution(puzzle.distractors[0]), puzzle.solution()):
        blocks.arrangement = [[list(pair) for pair in region] for region in arrangement]
        blocks.asked += 1
    assert "in order" in said.value and "It comes back on Wednesday, 4 March." in said.value
    with Progress.here() as store:
        assert [one.due for one in store.reviews()] == [after(2)]
        assert store.arranged("backward") == [[["kept", 0]]], "how it lay on its page is left alone"
        assert store.attempts()["backward"]["attempts"] == 1


def test_reviews_of_what_the_course_no_longer_has_are_left_out():
    learn(gone=(True, "1"))
    solve("gone-too")
    assert "Nothing to review yet" in asked(after(9))[0][0]


# --- the map ---


@pytest.fixture
def course(monkeypatch):
    """A course of three lessons: ours, and two more with its questions under other names."""
    class Other(Lesson):
        id, title, source = "02-more", "More of it", ""

        def questions(self):
            return {}

        def claims(self):
            return {}

        def exercises(self):
            return {"more": exercise("nudge")}

    class Last(Other):
        id, title = "03-last", "The last"

        def exercises(self):
            return {"last": exercise("nudge")}

    first = lessons()[0]
    made = (first, Other(first.folder), Last(first.folder))
    monkeypatch.setattr(module, "lessons", lambda: made)
    return made


def states(today=MONDAY):
    return [line.strip() for line in repr(course_map(today=today)).splitlines() if line.strip().endswith(")")][1:]


def finish_the_first(course):
    learn(**{id.replace("-", "_"): (True, "1") for id in course[0].questions()})
    solve(*course[0].exercises())
    with Progress.here() as store:
        for claim in course[0].claims().values():
            store.vote(claim.id, "an opinion", "a guess", False)
            store.vote(claim.id, claim.verdict, "certain", True)


def test_the_map_says_what_is_done_what_is_next_and_what_is_due(course):
    assert states() == ["→ Numbers that remember  (next)", "More of it  (later)", "The last  (later)"]
    finish_the_first(course)
    assert states() == ["✓ Numbers that remember  (done)", "→ More of it  (next)", "The last  (later)"]
    assert states(after(1))[0] == "↻ Numbers that remember  (to review)"
    due = len(course[0].exercises()) + sum(question.kind != "sentence" for question in course[0].questions().values())
    assert f"{due} due for review" in repr(course_map(today=after(1)))
    assert "1 of 3 lessons done" in repr(course_map())
    solve("more", "last")
    assert states()[1:] == ["✓ More of it  (done)", "✓ The last  (done)"]


def test_the_map_leads_to_the_pages(course):
    html = course_map(today=MONDAY)._repr_html_()
    assert f'<a href="{course[0].id}.ipynb">Numbers that remember</a>' in html


def test_the_first_page_is_the_map_and_sorts_before_the_lessons():
    names = list(shipped())
    assert names[0] == FIRST_PAGE == min(names)
    assert b"course_map()" in shipped()[FIRST_PAGE] and b"review()" in shipped()[FIRST_PAGE]


def test_a_file_of_the_first_version_is_brought_up_to_date(folder):
    old = sqlite3.connect(folder / FILE)
    old.executescript(_VERSIONS[0] + "PRAGMA user_version = 1;")
    old.execute("INSERT INTO attempt (exercise, answer, passed) VALUES ('nudge', 'x', 1)")
    old.execute("INSERT INTO prediction (question, answer, confidence, right) VALUES ('taxi', '0.3', 'certain', 1)")
    old.commit()
    old.close()
    with Progress(folder / FILE) as store:
        assert store.note == ""
        assert store.attempts() == {"nudge": {"attempts": 1, "solved": True, "sorted": False, "hints": 0}}
        assert store.predictions()["taxi"].output is None
        assert {(one.kind, one.id) for one in store.reviews()} == {("exercise", "nudge"), ("question", "taxi")}


def test_a_claim_comes_back_after_its_second_vote():
    one = next(claim for lesson in lessons() for claim in lesson.claims().values())
    with Progress.here() as store:
        store.vote(one.id, "an opinion", "a guess", False)
        assert module.reviews(store) == []
        store.vote(one.id, one.verdict, "certain", True)
        store._db.execute("UPDATE vote SET at = ?", (f"{MONDAY}T12:00:00Z",))
        assert [(review.kind, review.id, review.due) for review in module.reviews(store)] == [("claim", one.id, after(1))]
    with capture_output() as shown:
        review(after(1))
    assert one.words in shown.outputs[1].data["text/plain"]
    lesson = next(lesson for lesson in lessons() if one.id in lesson.claims())
    said = repr(course_map(today=after(1)))
    assert f"claims 1 of {len(lesson.claims())} · 1 due for review" in said
