"""A learner's path through the course: the map with what is done and what comes next, and what is asked again."""

import dataclasses
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Any

from lessons.catalog import Question, claim, exercise, lessons, question
from lessons.grader.arrange import ordered, shown
from lessons.grader.parsons import Puzzle
from lessons.grader.progress import FILE, Prediction, Progress, folder
from lessons.grader.spacing import Review
from lessons.look import Card
from lessons.page import form, marked, reveal

AT_ONCE = 6  # reviews that are asked in one sitting: a few minutes


def course_map(where: Path | None = None, today: date | None = None) -> Card:
    """Shows the lessons: which are done, what is due for review, and where you go on."""
    today = today or date.today()
    with Progress((where or folder()) / FILE) as store:
        tried, said, votes, waiting = store.attempts(), store.predictions(), store.votes(), reviews(store)
        note = store.note
    card = Card("open", "The course")
    rows: list[tuple[str, str, str, str, str]] = []
    ahead = False  # the lesson to go on with has been passed
    for lesson in lessons():
        asks: dict[str, Collection[str]] = {
            "exercise": lesson.exercises(),
            "question": lesson.questions(),
            "claim": lesson.claims(),
        }
        did = {
            "exercise": sum(tried.get(id, {}).get("solved", False) for id in asks["exercise"]),
            "question": sum(id in said for id in asks["question"]),
            "claim": sum(len(votes.get(id, ())) == 2 for id in asks["claim"]),
        }
        due = sum(review.due <= today for review in waiting if review.id in asks[review.kind])
        done = all(did[kind] == len(asks[kind]) for kind in asks)
        if done:
            state, mark = ("to review", "↻") if due else ("done", "✓")
        elif ahead:
            state, mark = "later", ""
        else:
            state, mark, ahead = "next", "→", True
        notes = [f"{kind}s {did[kind]} of {len(asks[kind])}" for kind in asks if asks[kind]]
        notes += [f"{due} due for review"] * bool(due)
        rows.append((state, mark, lesson.title, f"{lesson.id}.ipynb", " · ".join(notes)))
    card.aside = f"{sum(row[0] in ('done', 'to review') for row in rows)} of {len(rows)} lessons done"
    card.places(rows).say(_when(waiting, today)).say(note)
    return card.say("Any time: words in the [glossary](glossary.ipynb), pictures in the [gallery](gallery.ipynb).")


def _when(waiting: list[Review], today: date) -> str:
    """What is due, or when something will be."""
    due = sum(review.due <= today for review in waiting)
    if due:
        return f"**{due}** to review today: run `review()`."
    if waiting:
        return f"Nothing to review today; next on {_day(waiting[0].due)}."
    return ""


def _day(day: date) -> str:
    return f"{day:%A}, {day.day} {day:%B}"


def reviews(store: Progress) -> list[Review]:
    """What was learned and can be asked again, what is due first at the front."""
    said = store.predictions()
    exercises = {id for lesson in lessons() for id in lesson.exercises()}
    claims = {id for lesson in lessons() for id in lesson.claims()}
    questions = {id: q for lesson in lessons() for id, q in lesson.questions().items()}

    def can_be_asked(review: Review) -> bool:
        if review.kind == "exercise":
            return review.id in exercises
        if review.kind == "claim":
            return review.id in claims
        # What counts as right is written down, or was printed when it was asked first.
        asked, before = questions.get(review.id), said.get(review.id)
        if asked is None or asked.kind == "sentence":
            return False
        return bool(asked.accept) or (before is not None and before.output is not None)

    return [review for review in store.reviews() if can_be_asked(review)]


def review(today: date | None = None) -> None:
    """Asks again what you answered and solved, once it is due; what you still know comes back after a longer while."""
    from IPython.display import display

    today = today or date.today()
    with Progress.here() as store:
        waiting, said, note = reviews(store), store.predictions(), store.note
    due = [one for one in waiting if one.due <= today]
    card = Card("open", "Review", f"{len(due)} due")
    if not due:
        display(card.say(_when(waiting, today) or "Nothing to review yet: what you solve comes back here.").say(note))
        return
    more = len(due) - AT_ONCE
    card.say("From memory, please: looking it up would teach you nothing.").say(note)
    display(card.say(f"The first {AT_ONCE} are here; run this cell again for the rest." if more > 0 else ""))
    for one in due[:AT_ONCE]:
        if one.kind == "exercise":
            display(_sorting(one, today))
        else:
            _asking(one, said.get(one.id) if one.kind == "question" else None, today)


def _asking(one: Review, before: Prediction | None, today: date) -> None:
    """The question's form; what came of the answer takes its place."""
    from IPython.display import display

    asked = claim(one.id).question if one.kind == "claim" else _away_from_its_page(question(one.id))
    output = before.output if before else None
    handle: Any = None

    def lock(answer: str, confidence: str) -> None:
        right = bool(marked(asked, answer, output))
        card = reveal(asked, Prediction(answer, confidence, right), output)
        handle.update(card.say(_remember(one, right, today)))

    handle = display(form(asked, lock), display_id=True)


def _away_from_its_page(asked: Question) -> Question:
    """The question in words that stand alone, with the cell that asked it."""
    code = next(filter(None, (lesson.predicted(asked.id) for lesson in lessons())), "")
    words = asked.again or asked.ask
    return dataclasses.replace(asked, ask=f"{words}\n\n```python\n{code}```" if code else words)


def _sorting(one: Review, today: date) -> Any:
    """The exercise's lines to be put in order anew; the first check counts."""
    asked = exercise(one.id)
    puzzle = Puzzle.of(asked)
    note = ""

    def check(said: Any) -> Card:
        nonlocal note
        card = ordered(asked, puzzle, said, "review")
        note = note or _remember(one, card.kind == "passed", today)
        return card.say(note)

    return shown(asked, puzzle, [[] for _ in puzzle.indents], check, lambda _: None, seed=f"{one.id} {today}")


def _remember(one: Review, right: bool, today: date) -> str:
    """Writes down how it went, and says when it comes back."""
    with Progress.here() as store:
        store.reviewed(one.kind, one.id, right, today)
        due = next((again.due for again in store.reviews() if (again.kind, again.id) == (one.kind, one.id)), today)
        note = store.note
    return note or f"It comes back on {_day(due)}."
