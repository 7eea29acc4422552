"""What a page asks its reader: an answer and how sure they are, locked before anything is shown."""

import re
from collections.abc import Callable
from typing import Any

from lessons.grader.progress import CONFIDENCE, Prediction, Progress
from lessons.look import STYLE, Card, render


def ask(id: str = "") -> None:
    """Asks a question of the page; what we have to say comes after your answer is locked."""
    _put(id, output=None)


def predict(shell: Any) -> Callable[[str, str], None]:
    """Makes `%%predict ID`: runs the cell, and keeps its output back until you have answered."""

    def magic(line: str, cell: str) -> None:
        from IPython.utils.capture import capture_output

        with capture_output() as captured:
            result = shell.run_cell(cell, store_history=False)
        if not result.success:
            captured.show()
            return
        shown = captured.stdout + captured.stderr
        for rich in captured.outputs:
            shown += rich.data.get("text/plain", "") + "\n"
        _put(line.strip(), output=shown.rstrip("\n"))

    return magic


def after(shell: Any) -> Callable[[str, str], None]:
    """Makes `%%after ID ...`: runs the cell once those exercises are solved, and says so before."""

    def magic(line: str, cell: str) -> None:
        from IPython.display import display

        from lessons.catalog import exercise

        with Progress.here() as progress:
            tried = progress.attempts()
        open_ = [id for id in line.split() if not tried.get(id, {}).get("solved")]
        if open_:
            try:
                names = ", ".join(f"“{exercise(id).title}”" for id in open_)
            except LookupError as error:
                display(Card("open", "Nothing was run").say(str(error)))
                return
            display(Card("open", "Not yet").say(f"This cell waits for what is unsolved: {names}."))
            return
        shell.run_cell(cell, store_history=False)

    return magic


def _put(id: str, output: str | None) -> None:
    """Shows the form, or, once the answer is locked, what came of it."""
    from IPython.display import display

    from lessons.catalog import Question, question

    try:
        asked: Question = question(id)
    except LookupError as error:
        display(Card("open", "Nothing to ask here").say(str(error)))
        return
    with Progress.here() as progress:
        said = progress.prediction(id)
    if said is not None:
        display(reveal(asked, said, output))
        return
    handle: Any = None

    def lock(answer: str, confidence: str) -> None:
        right = marked(asked, answer, output)
        with Progress.here() as progress:
            progress.predict(id, answer, confidence, right, output)
        # A plain output takes the form's place: it is saved with the page and needs no kernel.
        handle.update(reveal(asked, Prediction(answer, confidence, right), output))

    handle = display(form(asked, lock), display_id=True)


def marked(asked: Any, answer: str, output: str | None) -> bool | None:
    """Is it right? None when it is in the learner's own words."""
    if asked.kind == "sentence":
        return None
    accepted = list(asked.accept) or ([] if output is None else [output])
    return any(_alike(answer, right) for right in accepted)


def _alike(one: str, other: str) -> bool:
    one, other = (" ".join(text.lower().rstrip(".").split()) for text in (one, other))
    try:
        return abs(float(one.replace(",", ".")) - float(other)) <= 1e-3 * max(1, abs(float(other)))
    except ValueError:
        return one == other


def reveal(asked: Any, said: Prediction, output: str | None) -> Card:
    """What is shown once the answer is locked."""
    kind = {True: "passed", False: "failed", None: "open"}[said.right]
    title = {True: "✓ As you said", False: "✗ Not what you said", None: "Your words, then ours"}
    card = Card(kind, title[said.right], said.confidence if said.right is not None else "")
    card.say(asked.ask)
    facts = {"you said": said.answer}
    if output is not None:
        facts["it printed"] = output
    card.facts(facts).say(asked.after)
    if said.right is False and asked.recalled:
        card.say(f"It is from [{asked.recalled.title}]({asked.recalled.id}.ipynb).")
    return card


def form(asked: Any, lock: Callable[[str, str], None], press_to: str = "Lock and look", *others: Any) -> Any:
    """The question, a place for the answer and how sure one is, the button that locks both, and what else can be pressed."""
    import ipywidgets as w

    sentence = asked.kind == "sentence"

    def choice(options: tuple[str, ...], about: str) -> Any:
        style, layout = {"button_width": "auto"}, w.Layout(margin="0")
        return w.ToggleButtons(options=options, value=None, tooltip=about, style=style, layout=layout)

    if asked.options:
        answer = choice(asked.options, "Your answer")
    else:
        answer = (w.Textarea if sentence else w.Text)(
            description="In one sentence" if sentence else "Your answer",
            style={"description_width": "auto"},
            layout=w.Layout(width="100%" if sentence else "16rem", margin="0"),
        )
    sure = choice(CONFIDENCE, "How sure are you?")
    button = w.Button(
        description="Compare" if sentence else press_to,
        button_style="primary",
        layout=w.Layout(width="auto", margin="0"),
    )
    said = w.HTML().add_class("tgc-said")

    def press(_: Any) -> None:
        missing = []
        said_so = (answer.value or "").strip()
        if not said_so:
            missing.append(f"{'choose' if asked.options else 'write'} an answer (a guess is fine)")
        if sure.value is None and not sentence:
            missing.append("say how sure you are")
        if missing:
            said.value = f"<p>First {' and '.join(missing)}.</p>"
            return
        button.disabled = True
        lock(said_so, "" if sentence else sure.value)

    button.on_click(press)
    row = w.Box([answer, button] if sentence else [answer, sure, button, *others]).add_class("tgc-row")

    class Form(w.VBox):
        def __repr__(self) -> str:  # what is seen where widgets are not
            return re.sub(r"```\w*\n|`", "", asked.ask).strip()

    return Form([w.HTML(STYLE + render(asked.ask)), row, said]).add_class("tgc-form")
