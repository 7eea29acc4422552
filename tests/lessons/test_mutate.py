"""Mutants: each one small mistake, in the learner's lines only; and a new exercise is proved as it is made."""

import subprocess
import sys

from lessons.grader.exercise import Exercise
from lessons.grader.mutate import mutants
from lessons.grader.prove import prove

SOURCE = """def f(a, b):
    given = 1
    total = 0
    for k in range(3):
        if a < b:
            total += g(a, b) * 2
    return total - 1
"""
TGC = [sys.executable, "-c", "from lessons.cli import app; app()"]


def test_each_mutant_is_one_change():
    made = mutants(SOURCE, set(range(3, 8)))
    changes = {m.change for m in made}
    assert {"a < b → a <= b", "g(a, b) * 2 → g(a, b) / 2", "g(a, b) → g(b, a)", "total - 1 → total + 1", "2 → 3",
            "total += g(a, b) * 2 → total = g(a, b) * 2", "total += g(a, b) * 2 → pass", "a < b → not a < b"} <= changes
    lines = SOURCE.splitlines()
    for m in made:
        assert sum(x != y for x, y in zip(lines, m.source.splitlines(), strict=True)) == 1, m.change
    assert len({m.source for m in made}) == len(made)


def test_lines_that_are_given_are_left_alone():
    assert not any("given" in m.change or m.change == "1 → 2" for m in mutants(SOURCE, {3, 4, 5}))


def tgc(*arguments):
    return subprocess.run([*TGC, *arguments], capture_output=True, text=True, check=False)


def lesson(tmp_path):
    folder = tmp_path / "lesson"
    folder.mkdir()
    (folder / "lesson.md").write_text("# A lesson\n")
    return folder


def test_checks_that_notice_too_little_are_named(tmp_path):
    folder = lesson(tmp_path)
    assert tgc("exercise", "new", "sloppy", "--into", str(folder)).returncode == 0
    cases = folder / "exercises" / "sloppy" / "cases.py"
    inputs = "    yield 3\n    yield 0\n    for _ in range(8):\n        yield rng.randint(-9, 9)\n"
    assert inputs in cases.read_text()
    cases.write_text(cases.read_text().replace(inputs, "    yield 1\n"))
    problems = [c.problem for c in prove(Exercise(cases.parent)) if "mutants" in c.about]
    assert problems == ["nobody notices x * x → x / x"]


def test_a_new_exercise_is_whole_and_proved(tmp_path):
    folder = str(lesson(tmp_path))
    done = tgc("exercise", "new", "my-square", "--into", folder)
    assert done.returncode == 0, done.stderr
    assert "✗" not in done.stdout and "✓ the reference passes" in done.stdout and "mutants are noticed" in done.stdout
    again = tgc("exercise", "new", "my-square", "--into", folder)
    assert again.returncode == 1 and "is there already: nothing was written" in again.stderr
    for bad in ("1x", "a b"):
        assert "cannot name an exercise" in tgc("exercise", "new", bad, "--into", folder).stderr
    assert "is no lesson's folder" in tgc("exercise", "new", "x", "--into", str(tmp_path)).stderr
