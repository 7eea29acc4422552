"""What a learner calls to begin an exercise by putting its lines in order, and what is said about the order."""

import hashlib
import re
from typing import Any

from lessons.grader.check import examined, fingerprint
from lessons.grader.exercise import Exercise
from lessons.grader.guard import run
from lessons.grader.judge import SECONDS
from lessons.grader.parsons import DEEPEST, Arrangement, Puzzle
from lessons.grader.progress import Progress
from lessons.look import Card


def parsons(id: str = "") -> Any:
    """The exercise as blocks to put in order, some of them wrong; how they lie is kept when you leave.

    `parsons("backward")`: 'Check' runs the very checks that `check("backward", backward)` runs.
    """
    from lessons.catalog import exercise as find

    try:
        exercise = find(id)
    except LookupError as error:
        return Card("open", "Nothing to put in order").say(str(error))
    puzzle = Puzzle.of(exercise)

    def changed(arrangement: Any) -> None:
        with Progress.here() as progress:
            progress.arrange(id, arrangement)

    with Progress.here() as progress:
        lies = puzzle.tidy(progress.arranged(id))
    return shown(exercise, puzzle, lies, lambda said: ordered(exercise, puzzle, said), changed)


def shown(exercise: Exercise, puzzle: Puzzle, lies: Arrangement, check: Any, changed: Any, seed: str = "") -> Any:
    """The blocks as they lie, mixed by the seed, and below them the card that `check` makes of an arrangement."""
    import ipywidgets as w

    from widgets import Parsons

    below = w.HTML()

    def ask(said: Any) -> tuple[bool, str]:
        card: Card = check(puzzle.tidy(said))
        below.value = card._repr_html_()
        return card.kind == "passed", card.title

    regions = iter(puzzle.indents)
    blocks = Parsons(
        exercise.title,
        [part if isinstance(part, str) else (part, len(next(regions))) for part in puzzle.parts],
        [[(block.id, block.text) for block in group] for group in puzzle.rivals(seed or exercise.id)],
        check=ask,
        arrangement=[[[*pair] for pair in region] for region in lies],
        deepest=DEEPEST,
        changed=changed,
    )

    class Page(w.VBox):
        def __repr__(self) -> str:  # what is seen where widgets are not
            return repr(blocks)

    return Page([blocks, below.add_class("tgc-below")], layout=w.Layout(overflow="visible"))


def ordered(exercise: Exercise, puzzle: Puzzle, arrangement: Arrangement, rung: str = "parsons") -> Card:
    """Checks an arrangement as if it had been written, and says what was found."""
    source = puzzle.assemble(arrangement)
    print_ = hashlib.sha256(source.encode()).hexdigest()
    try:
        compile(source, exercise.id, "exec")
    except SyntaxError as error:
        with Progress.here() as progress:
            attempt = progress.attempt(exercise.id, print_, False, "syntax", rung)
        return _unreadable(exercise, error, source, attempt)
    answer, trouble, _ = run(lambda: exercise.answer(source, "put in order"), None, SECONDS)
    if trouble is not None:
        return Card("failed", f"✗ {exercise.title}: not yet").say("Python stopped while it read your code.").facts(
            {"it said": trouble.message}
        )
    return examined(exercise, answer, fingerprint(answer), rung)


def _unreadable(exercise: Exercise, error: SyntaxError, source: str, attempt: int) -> Card:
    """Blocks that make no program: nearly always a matter of indentation."""
    card = Card("failed", f"✗ {exercise.title}: not yet", f"attempt {attempt}")
    line = (source.splitlines() or [""])[(error.lineno or 1) - 1 : error.lineno]
    card.say("Python cannot read this yet.")
    card.facts({"line": " ".join(line).strip(), "it said": re.sub(r" on line \d+", "", error.msg)})
    return card.say("Which lines belong to the line that ends with a colon, and which come after it?", "ask")
