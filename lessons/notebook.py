"""Makes a learner's notebook from a lesson's page: the text, and each exercise where it belongs.

In a page, a code cell with the option `:exercise: ID` is where the exercise of that id stands. Its
statement and the code to complete are put before it.
"""

import copy
import hashlib
from typing import Any

from lessons.catalog import Lesson


def notebook(lesson: Lesson, rung: str = "blank") -> Any:
    """The lesson as an nbformat notebook; the same page gives the same notebook, byte for byte."""
    import jupytext
    from nbformat import v4

    page = jupytext.reads(lesson.source, fmt="md:myst")
    exercises = lesson.exercises()
    cells = []
    for cell in page.cells:
        id = cell.metadata.pop("exercise", None)
        if id is not None:
            exercise = exercises[id]
            number = list(exercises).index(id) + 1
            minutes = exercise.meta["minutes"]
            head = f"### Exercise {number} · {exercise.title} *({minutes} minutes)*"
            cells.append(v4.new_markdown_cell(f"{head}\n\n{exercise.statement.strip()}"))
            answer = v4.new_code_cell(exercise.rung(rung).strip())
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


METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def text(lesson: Lesson, rung: str = "blank") -> bytes:
    """The notebook as the bytes of its file."""
    import nbformat

    return (nbformat.writes(notebook(lesson, rung)) + "\n").encode()
