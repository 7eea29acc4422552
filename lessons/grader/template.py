"""A new exercise's files: small, whole, and proved by `tgc exercise test` before a word of them is changed."""

from pathlib import Path

FILES = {
    "exercise.toml": '''# What the exercise is called, what it is worth, and the hint each known mistake draws.
title = "{title}"
object = "{name}"
points = 1
minutes = 5
prerequisites = []
misconceptions = []
question = "What would the answer be for 0, and for 1?"
solved = "Keep it."

[hints.added]
found = "Your answer adds where it should multiply."
question = "What is three times three, and what is three plus three?"
hint = "A square is a number times itself."
''',
    "statement.md": "Write `{name}(x)`, which gives the square of x.\n",
    "exercise.py": '''def {name}(x):
    """The square of x."""
    ### BEGIN SOLUTION
    return x * x
    ### FADED
    # return x * ____
    ### END SOLUTION
''',
    "cases.py": '''"""Whole numbers to square, and what a wrong square gives away."""


def cases(rng):
    """The inputs, simplest first."""
    yield 3
    yield 0
    for _ in range(8):
        yield rng.randint(-9, 9)


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    return answer(case)


def truth(case):
    """The same, worked out in another way."""
    return sum(2 * k + 1 for k in range(abs(case)))


def same(case, expected, got):
    """Is the outcome right?"""
    return got == expected


def show(case):
    """The case as the learner would type it."""
    return f"{name}({{case}})"


def hint(case, expected, got):
    """Which mistake gives this outcome; None when several would."""
    return "added" if got == case + case != expected else None
''',
    "wrong/adds.py": "# hint: added\ndef {name}(x):\n    return x + x\n",
}


def write(folder: Path, title: str) -> list[Path]:
    """Writes the files into a new folder, named like the exercise; refuses one that is there."""
    name = folder.name.replace("-", "_")
    if not name.isidentifier():
        raise ValueError(f"{folder.name!r} cannot name an exercise: use letters, digits and -, beginning with a letter")
    if folder.exists():
        raise FileExistsError(f"{folder} is there already: nothing was written")
    written = []
    for path, text in FILES.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text.format(name=name, title=title.replace('"', "'")), encoding="utf-8")
        written.append(place)
    return written
