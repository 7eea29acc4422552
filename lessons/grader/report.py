"""What a learner has done and gained, as a card."""

from pathlib import Path
from typing import Any

from lessons.grader.progress import CONFIDENCE, FILE, Prediction, Progress, folder
from lessons.look import Card

_STATES = (("solved", "✓ solved"), ("attempts", "tried"), ("sorted", "put in order"))
_NOTHING = {"attempts": 0, "solved": False, "sorted": False, "hints": 0}


def progress(where: Path | None = None) -> Card:
    """Shows what you solved, how long it took, how well you predicted, and what measuring did to your votes on claims."""
    from lessons.catalog import lessons

    with Progress((where or folder()) / FILE) as store:
        tried, given_up, predicted = store.attempts(), store.given_up(), store.predictions()
        votes, took, note = store.votes(), store.spent(), store.note
    card = Card("open", "Your progress")
    exercises = [one for lesson in lessons() for one in lesson.exercises().values()]
    solved = sum(one.points for one in exercises if tried.get(one.id, _NOTHING)["solved"])
    card.aside = f"{solved} of {sum(one.points for one in exercises)} points"
    measured = {id for id, both in votes.items() if len(both) == 2}
    later = []
    for lesson in lessons():
        mine = {*lesson.exercises(), *lesson.questions(), *lesson.claims()}
        if mine.isdisjoint({*tried, *given_up, *predicted, *measured}):
            later.append(lesson.title)
            continue
        minutes = sum(took.get(id, 0.0) for id in mine)
        card.say(f"**{lesson.title}**" + f" · {minutes:.0f} minutes" * (minutes >= 1))
        rows = [_row(one, tried.get(id, _NOTHING), id in given_up) for id, one in lesson.exercises().items()]
        card.table(["exercise", "state", "attempts", "hints"], rows)
    if later:
        card.say(f"Not begun: {' · '.join(later)}")
    _predictions(card, [p for p in predicted.values() if p.right is not None])
    _claims(card, list(votes.values()))
    return card.say(note)


def _row(exercise: Any, did: dict[str, Any], shown: bool) -> list[Any]:
    """How one exercise stands."""
    state = next((word for key, word in _STATES if did[key]), "open")
    return [exercise.title, state + ", our answer was shown" * shown, did["attempts"], did["hints"]]


def _predictions(card: Card, marked: list[Prediction]) -> None:
    """How often one was right, by how sure one was."""
    levels = {level: [bool(p.right) for p in marked if p.confidence == level] for level in CONFIDENCE}
    if marked:
        card.say("**Predictions**")
        rows = [[level, len(right), sum(right)] for level, right in levels.items() if right]
        card.table(["you were", "predictions", "right"], rows)


def _claims(card: Card, votes: list[list[Prediction]]) -> None:
    """What one thought of the claims before measuring and after, and what was gained between the two."""
    if not votes:
        return
    card.say("**Claims**")
    twice = [both for both in votes if len(both) == 2]
    if twice:
        before, after = (sum(bool(both[k].right) for both in twice) for k in (0, 1))
        rows = [["before measuring", len(twice), before], ["after", len(twice), after]]
        card.table(["you voted", "claims", "right"], rows)
        gain = f"{abs(after - before)} {'more' if after > before else 'fewer'} right than before"
        card.say(f"Your gain: {gain if after != before else 'none, as many right as before'}.")
    waiting = len(votes) - len(twice)
    card.say(f"{waiting} {'vote waits' if waiting == 1 else 'votes wait'} to be measured." if waiting else "")
