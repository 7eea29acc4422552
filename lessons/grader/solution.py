"""Our answer to an exercise: shown to who has solved it, and to who gives up, which is remembered."""

from typing import Any

from lessons.grader.exercise import Exercise
from lessons.grader.progress import Progress
from lessons.look import Card


def solution(id: str = "") -> None:
    """Shows our answer once you have one of your own; before that it asks whether you give up."""
    from IPython.display import display

    from lessons.catalog import exercise as find

    try:
        exercise = find(id)
    except LookupError as error:
        display(Card("open", "Nothing to show").say(str(error)))
        return
    with Progress.here() as progress:
        solved = progress.attempts().get(id, {}).get("solved", False)
        seen, note = id in progress.given_up(), progress.note
    if solved or seen:
        display(_ours(exercise, solved).say(note))
        return
    handle: Any = None

    def give_up() -> None:
        with Progress.here() as progress:
            progress.give_up(id)
            note = progress.note
        handle.update(_ours(exercise, False).say(note))

    handle = display(_question(exercise, give_up), display_id=True)


def _ours(exercise: Exercise, solved: bool) -> Card:
    card = Card("open", f"{exercise.title}: our answer").facts({"ours": exercise.rung("reference").rstrip()})
    if solved:
        return card.say("What does yours do otherwise, and why?", "ask")
    return card.say("Read it until you can say what each line is for, close it, and write it yourself.", "ask")


def _question(exercise: Exercise, give_up: Any) -> Any:
    """Our answer is one button away, and the easier ways stand before it."""
    import ipywidgets as w

    card = Card("open", f"{exercise.title}: not solved yet").say(
        f'Easier than giving up: `parsons("{exercise.id}")` lets you put the lines in order, and '
        f'`faded("{exercise.id}")` leaves a few blanks to fill. If you look at our answer now, your progress says so.'
    )
    button = w.Button(description="Give up and look", layout=w.Layout(width="max-content", margin="0"))

    def press(_: Any) -> None:
        button.disabled = True
        give_up()

    button.on_click(press)

    class Question(w.VBox):
        def __repr__(self) -> str:  # what is seen where widgets are not
            return repr(card)

    return Question([w.HTML(card._repr_html_()), button], layout=w.Layout(overflow="visible"))
