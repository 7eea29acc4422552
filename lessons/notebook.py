"""Makes a learner's notebook from a lesson's page: the text, and each exercise where it belongs.

In a page, code cells with the option `:exercise: ID` are where the exercise of that id stands. Its statement
is put before the first of them, the code to complete before the last.
"""

import copy
import hashlib
from typing import Any

from lessons.catalog import COURSE, Lesson
from lessons.grader.exercise import Exercise


def notebook(lesson: Lesson, rung: str = "blank") -> Any:
    """The lesson as an nbformat notebook; the same page gives the same notebook, byte for byte."""
    return _made(lesson.source, lesson.exercises(), rung)


def _made(source: str, exercises: dict[str, Exercise], rung: str) -> Any:
    import jupytext
    from nbformat import v4

    page = jupytext.reads(source, fmt="md:myst")
    ids = [cell.metadata.pop("exercise", None) for cell in page.cells]
    cells = []
    for place, (cell, id) in enumerate(zip(page.cells, ids, strict=True)):
        if id is not None and id not in ids[:place]:
            cells.append(v4.new_markdown_cell(_statement(exercises, id)))
        if id is not None and id not in ids[place + 1 :]:
            answer = v4.new_code_cell(exercises[id].rung(rung).strip())
            answer.metadata["exercise"] = id
            cells.append(answer)
        cells.append(cell)
    seen: dict[str, int] = {}
    for cell in cells:
        print_ = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        seen[print_] = seen.get(print_, 0) + 1
        cell.id = print_ if seen[print_] == 1 else f"{print_}-{seen[print_]}"
    made = v4.new_notebook(cells=cells, metadata=copy.deepcopy(METADATA))
    made.nbformat_minor = 5
    return made


def _statement(exercises: dict[str, Exercise], id: str) -> str:
    number, exercise = list(exercises).index(id) + 1, exercises[id]
    head = f"### Exercise {number} · {exercise.title} *({exercise.meta['minutes']} minutes)*"
    return f"{head}\n\n{exercise.statement.strip()}"


METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def text(lesson: Lesson, rung: str = "blank") -> bytes:
    """The lesson's notebook as the bytes of its file."""
    return _bytes(notebook(lesson, rung))


def beside_lessons(name: str, more: str = "") -> bytes:
    """A page of the course that is no lesson, as the bytes of its notebook's file; `more` is Markdown at its end."""
    source = (COURSE / f"{name}.md").read_text(encoding="utf-8")
    return _bytes(_made(f"{source.rstrip()}\n\n{more}".rstrip() + "\n", {}, "blank"))


def _bytes(made: Any) -> bytes:
    import nbformat

    return (nbformat.writes(made) + "\n").encode()
