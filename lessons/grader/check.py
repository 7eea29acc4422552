"""What a learner calls to have an answer checked, and what is said about it."""

import hashlib
from types import CodeType
from typing import Any

from lessons.grader.differences import differences, first
from lessons.grader.exercise import Exercise
from lessons.grader.guard import Trouble
from lessons.grader.judge import SECONDS, Finding, judge
from lessons.grader.progress import Progress
from lessons.look import Card

HINT_FROM = 2  # the attempt at which a hint is given
SOLUTION_FROM = 5  # the attempt at which one is told that there is a way out

_TROUBLE = {
    "error": (
        "Your code stopped with an error.",
        "Which name or number in that line is not what you thought it was?",
    ),
    "loop": (
        "Your code did not come to its end, so it was stopped after {seconds:g} seconds. Everything else still works.",
        "What must become true for the loop in that line to end, and does it ever?",
    ),
    "exit": (
        "Your code tried to leave Python. It was held back, and everything else still works.",
        "What should the function return instead?",
    ),
    "deep": (
        "Your function calls itself, and never stops doing so.",
        "For which input should it *not* call itself?",
    ),
}


def check(id: Any = "", answer: Any = None) -> Card:
    """Checks your answer to an exercise and says what it found.

    `check("nudge", nudge)`: the exercise's name, then the function or class that you wrote.
    """
    from lessons.catalog import exercise as find

    try:
        exercise = find(id)
    except LookupError as error:
        return Card("open", "Nothing was checked").say(str(error)).say('Like this: `check("nudge", nudge)`.')
    if not callable(answer):
        return Card("open", exercise.title).say(
            f"Hand over the {'class' if exercise.object[0].isupper() else 'function'} itself, "
            f'without brackets: `check("{id}", {exercise.object})`.'
        )
    print_ = fingerprint(answer)
    if print_ == fingerprint(exercise.answer(exercise.rung("blank"), "stub")):
        return _untouched(exercise)
    return examined(exercise, answer, print_)


def examined(exercise: Exercise, answer: Any, print_: str, rung: str = "written") -> Card:
    """Judges an answer, remembers that it was tried on this rung, and says what was found."""
    verdict = judge(exercise, answer)
    finding = verdict.finding
    if finding is not None and finding.trouble is not None and finding.trouble.kind == "blank":
        return (
            Card("open", exercise.title)
            .say("One of the blanks, `____`, is still open:")
            .facts({"your code": _lines(finding.trouble)})
        )
    drew = None
    if finding is not None:
        drew = finding.trouble.kind if finding.trouble else finding.hint
    with Progress.here() as progress:
        attempt = progress.attempt(exercise.id, print_, verdict.passed, drew, rung)
        if finding is not None and finding.hint is not None and attempt >= HINT_FROM:
            progress.hinted(exercise.id, print_)
        note = progress.note
    if finding is not None:
        return _failed(exercise, finding, attempt, rung).say(note)
    return _passed(exercise, verdict.total, attempt, rung).say(note)


def faded(id: str = "") -> Card | None:
    """Puts an easier start below: the same exercise with most of its lines written."""
    from IPython import get_ipython

    from lessons.catalog import exercise as find

    try:
        exercise = find(id)
    except LookupError as error:
        return Card("open", "Nothing was added").say(str(error))
    source = f'{exercise.rung("faded").rstrip()}\n\ncheck("{id}", {exercise.object})'
    shell = get_ipython()
    if shell is None:
        print(source)
        return None
    shell.set_next_input(source, replace=False)
    return Card("open", f"{exercise.title}, with blanks to fill").say(
        "The cell below is new: replace each `____`, then run it."
    )


def _untouched(exercise: Exercise) -> Card:
    return Card("open", exercise.title, _worth(exercise)).say(
        "Not written yet. Replace each `...` in the cell above, run that cell, then run this one. "
        f'Do you want an easier start? Run `parsons("{exercise.id}")` or `faded("{exercise.id}")`.'
    )


def _passed(exercise: Exercise, total: int, attempt: int, rung: str) -> Card:
    tries = "at the first attempt" if attempt == 1 else f"at attempt {attempt}"
    if rung == "review":
        return Card("passed", f"✓ {exercise.title}: in order").say(f"All {total} cases are right.")
    if rung == "parsons":
        card = Card("passed", f"✓ {exercise.title}: in order")
        return card.say(f"All {total} cases are right, {tries}. Now write it yourself, without looking here.").say(
            f'Too soon? `faded("{exercise.id}")` gives you most of it, with blanks to fill.'
        )
    card = Card("passed", f"✓ {exercise.title}: solved", _worth(exercise))
    card.say(f"All {total} cases are right, {tries}.")
    if "solved" in exercise.meta:
        card.say(exercise.meta["solved"])
    return card


def _failed(exercise: Exercise, finding: Finding, attempt: int, rung: str) -> Card:
    kit = exercise.cases
    card = Card("failed", f"✗ {exercise.title}: not yet", f"attempt {attempt}")
    hint = None
    if finding.trouble is not None:
        found, question = _TROUBLE[finding.trouble.kind]
        card.say(found.format(seconds=SECONDS))
        facts = {"we ran": kit.show(finding.case)}
        if finding.trouble.lines:
            facts["your code"] = _lines(finding.trouble)
        if finding.trouble.kind in ("error", "deep"):
            facts["it said"] = finding.trouble.message
        card.facts(facts)
    else:
        tell = getattr(kit, "tell", lambda _, outcome: _number(outcome))
        if finding.hint is not None:
            hint = exercise.hint(finding.hint, finding.case, finding.expected, finding.got)
            found, question = hint.found, hint.question
            if not finding.sure:
                found = f"Perhaps this, which explains the case below but not all that goes wrong: {found}"
        elif finding.got is None:
            found, question = (
                "Your function returned nothing (`None`).",
                "Does every way through it end in `return`?",
            )
        else:
            found, question = "Here it goes wrong.", exercise.meta["question"]
        expected, yours = tell(finding.case, finding.expected), tell(finding.case, finding.got)
        marks = differences(expected, yours)
        card.say(found if hint is not None else f"{found} {first(expected, yours, marks)}".rstrip())
        facts = {"we ran": kit.show(finding.case), "expected": expected, "yours": yours}
        card.facts(facts, dict(zip(("expected", "yours"), marks, strict=True)))
    if finding.console.text:
        more = finding.console.dropped
        card.facts({"printed": _clip(finding.console.text, more)})
        if more:
            card.say(f"Your code prints very much: {more:,} more characters are not shown.")
    card.say(question, "ask")
    if hint is not None and attempt >= HINT_FROM:
        card.say(f"Hint: {hint.hint}", "hint")
    elif attempt >= 3 and rung == "written":
        card.say(f'Stuck? `parsons("{exercise.id}")` or `faded("{exercise.id}")` gives you an easier start.', "hint")
    if attempt >= SOLUTION_FROM and rung == "written":
        card.say(f'`solution("{exercise.id}")` shows our answer, if you give up.', "hint")
    return card


def _worth(exercise: Exercise) -> str:
    return "1 point" if exercise.points == 1 else f"{exercise.points} points"


def _lines(trouble: Trouble) -> str:
    return "\n".join(f"line {number}: {text.strip()}" for number, text in trouble.lines[-6:])


def _number(outcome: Any) -> str:
    if isinstance(outcome, float):
        return f"{outcome:.10g}"
    return repr(outcome)


def _clip(text: str, more: int) -> str:
    lines = text.rstrip("\n").split("\n")
    shown = "\n".join(line[:200] for line in lines[:8])
    return shown + ("\n…" if more or len(lines) > 8 else "")


def fingerprint(answer: Any) -> str:
    """The same for two answers that do the same, whatever their comments and layout."""
    digest = hashlib.sha256()

    def add(code: CodeType) -> None:
        digest.update(code.co_code)
        digest.update(repr((code.co_names, code.co_varnames)).encode())
        for const in code.co_consts:
            if isinstance(const, CodeType):
                add(const)
            elif not isinstance(const, str) or const != code.co_consts[0]:  # not the docstring
                digest.update(repr(const).encode())

    seen: set[int] = set()

    def walk(thing: Any) -> None:
        if id(thing) in seen:
            return
        seen.add(id(thing))
        code = getattr(thing, "__code__", None)
        if isinstance(code, CodeType):
            add(code)
            digest.update(repr(getattr(thing, "__defaults__", None)).encode())
            walk(getattr(thing, "__wrapped__", None))  # what a decorator hides
        elif isinstance(thing, type):
            for name, member in sorted(vars(thing).items()):
                if not name.startswith("__") or callable(member):
                    digest.update(name.encode())
                    walk(member)

    walk(answer)
    return digest.hexdigest()
