"""Claims of articles: a vote before the learner measures, another after, and only then the verdict with its source."""

import dataclasses
from collections.abc import Callable
from typing import Any

from lessons.catalog import Claim, lessons
from lessons.catalog import claim as named
from lessons.grader.progress import Prediction, Progress
from lessons.look import Card
from lessons.page import form


def ballot() -> None:
    """Has you vote on every claim of the course before you begin, one after the other; its lesson measures each of them.

    What you cannot say yet is asked again in its lesson, before it is measured.
    """
    with Progress.here() as progress:
        cast = progress.votes()
    waiting = [asked for lesson in lessons() for asked in lesson.claims().values() if asked.id not in cast]
    handle: Any = None

    def put(number: int) -> None:
        nonlocal handle
        what = _locked_in() if number == len(waiting) else _turn(waiting[number], number, len(waiting), put)
        if handle is None:
            handle = _show(what, display_id=True)
        else:
            handle.update(what)

    put(0)


def _turn(asked: Claim, number: int, of: int, put: Callable[[int], None]) -> Any:
    """One claim of the ballot; a vote, or none, puts the next in its place."""
    import ipywidgets as w

    def lock(answer: str, confidence: str) -> None:
        with Progress.here() as progress:
            progress.vote(asked.id, answer, confidence, answer == asked.verdict)
        put(number + 1)

    skip = w.Button(description="I cannot say yet", layout=w.Layout(width="auto", margin="0"))
    skip.on_click(lambda _: put(number + 1))
    question = dataclasses.replace(asked.question, ask=f"{number + 1} of {of}\n\n{asked.question.ask}")
    return form(question, lock, "Lock my vote", skip)


def _locked_in() -> Card:
    """How many votes are cast, and what becomes of them and of the others."""
    with Progress.here() as progress:
        votes, note = len(progress.votes()), progress.note
    left = sum(len(lesson.claims()) for lesson in lessons()) - votes
    card = Card("open", f"{votes} {'vote is' if votes == 1 else 'votes are'} locked")
    card.say("Each lesson measures some of the claims and asks you again; `progress()` then says what you gained.")
    card.say(f"{left} you could not say yet: their lessons ask before they measure." if left > 0 else "")
    return card.say(note)


def claim(id: str = "") -> None:
    """Has you vote on a claim before you measure; the verdict comes below the cell that measures."""
    asked = _found(id)
    if asked is None:
        return
    votes = _votes(id)
    if votes:
        _show(_locked(asked, votes))
    else:
        _ballot(asked, "", "Lock my vote", _locked)


def measure(shell: Any) -> Callable[[str, str], None]:
    """Makes `%%measure ID`: runs the cell once you have voted on that claim, and has you vote again below it."""

    def magic(line: str, cell: str) -> None:
        asked = _found(line.strip())
        if asked is None:
            return
        votes = _votes(asked.id)
        if not votes:
            _show(Card("open", "Not yet").say("First vote on the claim, in the cell above. Then run this one."))
        elif shell.run_cell(cell, store_history=False).success:
            if len(votes) == 2:
                _show(verdict(asked, votes))
            else:
                _ballot(asked, "You have measured. What do you say now?", "Lock and see the verdict", verdict)

    return magic


def verdict(asked: Claim, votes: list[Prediction]) -> Card:
    """What is shown after both votes: the verdict, how one voted, why, and who says so."""
    before, after = votes
    card = Card("passed" if after.right else "failed", f"{'✓' if after.right else '✗'} The verdict: {asked.verdict}")
    card.aside = "you changed your mind" if before.answer != after.answer else ""
    card.say(f"“{asked.words}”")
    card.facts({f"{when} measuring": _vote(vote) for when, vote in (("before", before), ("after", after))})
    return card.say(asked.after).say(f"Source: {asked.source}")


def _locked(asked: Claim, votes: list[Prediction]) -> Card:
    """What stands in the ballot's place after the first vote: nothing of the verdict."""
    card = Card("open", "Your vote is locked").say(f"“{asked.words}”").facts({"you voted": _vote(votes[0])})
    return card.say("Now run the cell below, and see what it measures.")


def _vote(vote: Prediction) -> str:
    return f"{vote.answer} ({vote.confidence})"


def _ballot(asked: Claim, before: str, button: str, then: Callable[[Claim, list[Prediction]], Card]) -> None:
    """The claim, what can be said of it and how sure one is; a card takes the ballot's place once they are locked."""
    handle: Any = None

    def lock(answer: str, confidence: str) -> None:
        with Progress.here() as progress:
            progress.vote(asked.id, answer, confidence, answer == asked.verdict)
            votes, note = progress.votes()[asked.id], progress.note
        handle.update(then(asked, votes).say(note))

    question = dataclasses.replace(asked.question, ask=f"{before}\n\n{asked.question.ask}".strip())
    handle = _show(form(question, lock, button), display_id=True)


def _votes(id: str) -> list[Prediction]:
    with Progress.here() as progress:
        return progress.votes().get(id, [])


def _found(id: str) -> Claim | None:
    """The claim of that id; when there is none, the page says so."""
    try:
        return named(id)
    except LookupError as error:
        _show(Card("open", "Nothing to vote on here").say(str(error)))
        return None


def _show(what: Any, **options: Any) -> Any:
    from IPython.display import display

    return display(what, **options)
