"""Proves an exercise: its checks tell right from wrong, and each known mistake from the others."""

import copy
import random
from collections.abc import Iterator
from dataclasses import dataclass

from lessons.grader.exercise import Exercise
from lessons.grader.judge import examine, judge, plain
from lessons.grader.mutate import mutants
from lessons.grader.parsons import Puzzle, PuzzleError

SEEDS = range(5)


@dataclass(frozen=True)
class Claim:
    """One thing that must hold, and whether it does."""

    about: str
    problem: str = ""

    @property
    def holds(self) -> bool:
        """Nothing stands against it."""
        return not self.problem


def prove(exercise: Exercise) -> Iterator[Claim]:
    """Everything that must hold: reference, stub, rungs, wrong answers, distractors, hints, mutants."""
    yield Claim("the reference passes", _passes(exercise, exercise.rung("reference")))
    yield Claim("the reference tells the truth", _lies(exercise))
    for rung in ("blank", "faded"):
        try:
            problem = "" if _passes(exercise, exercise.rung(rung)) else "it passes"
        except SyntaxError as error:
            problem = f"it is not Python: {error}"
        yield Claim(f"the {rung} rung fails until it is filled", problem)
    yield from _sorts(exercise)
    answers = exercise.wrong()
    for wrong in answers:
        yield Claim(f"{wrong.name} draws “{wrong.hint}”", _draws(exercise, wrong.source, wrong.hint))
    unproved = sorted(set(exercise.hints) - {wrong.hint for wrong in answers})
    unknown = sorted({wrong.hint for wrong in answers} - set(exercise.hints))
    yield Claim("every hint has a wrong answer", f"none for {', '.join(unproved)}" * bool(unproved))
    yield Claim("every wrong answer's hint exists", f"no {', '.join(unknown)}" * bool(unknown))
    yield _notices_mutants(exercise)


def _sorts(exercise: Exercise) -> Iterator[Claim]:
    """Whether the Parsons rung passes as it should be, and each distractor draws its hint in its place."""
    try:
        puzzle = Puzzle.of(exercise)
    except (PuzzleError, SyntaxError) as error:
        yield Claim("the Parsons rung can be made", str(error))
        return
    yield Claim("the Parsons rung passes as it should be", _passes(exercise, puzzle.assemble(puzzle.solution())))
    for block in puzzle.distractors:
        source = puzzle.assemble(puzzle.solution(block))
        yield Claim(f"the distractor `{block.text}` draws “{block.hint}”", _draws(exercise, source, block.hint or ""))


def _notices_mutants(exercise: Exercise) -> Claim:
    """Whether the checks notice small mistakes that nobody thought of."""
    made = mutants(exercise.rung("reference"), exercise.solution_lines())
    missed = [mutant.change for mutant in made if _survives(exercise, mutant.source)]
    excused = exercise.meta.get("equivalent", {})
    score = f"{len(made) - len(missed)} of {len(made)} mutants are noticed"
    return Claim(score, "; ".join(f"nobody notices {change}" for change in missed if change not in excused))


def _survives(exercise: Exercise, source: str) -> bool:
    try:
        answer = exercise.answer(source, "mutant")
    except Exception:  # a mutant that cannot even be defined is noticed
        return False
    return all(judge(exercise, answer, seed).passed for seed in SEEDS)


def _passes(exercise: Exercise, source: str) -> str:
    """Why it does not pass, or nothing."""
    for seed in SEEDS:
        finding = judge(exercise, exercise.answer(source), seed).finding
        if finding is not None:
            what = finding.trouble.message if finding.trouble else f"gave {finding.got!r}"
            return f"{exercise.cases.show(finding.case)!r} {what}, expected {finding.expected!r}"
    return ""


def _lies(exercise: Exercise) -> str:
    """Where the reference differs from the truth, or nothing."""
    kit = exercise.cases
    for seed in SEEDS:
        for case in kit.cases(random.Random(seed)):
            truth, ours = kit.truth(case), kit.drive(exercise.reference(), copy.deepcopy(case))
            if not kit.same(case, truth, plain(ours)):
                return f"{kit.show(case)!r} gives {ours!r}, and not {truth!r}"
    return ""


def _draws(exercise: Exercise, source: str, hint: str) -> str:
    """Why it does not draw that hint and no other, on every seed and still after shrinking."""
    for seed in SEEDS:
        try:
            answer = exercise.answer(source)
        except Exception as error:
            return f"it cannot be defined: {error}"
        finding = judge(exercise, answer, seed).finding
        if finding is None:
            return f"it passes (seed {seed})"
        if finding.trouble is not None:
            return f"it stops with {finding.trouble.message} (seed {seed})"
        if finding.hint != hint:
            return f"it draws {finding.hint} (seed {seed})"
        try:
            exercise.hint(hint, finding.case, finding.expected, finding.got)
        except (KeyError, ValueError, IndexError) as error:
            return f"its words cannot be filled in: {error!r} (seed {seed})"
        again = examine(exercise, answer, finding.case)
        if again is None or again.hint != hint:
            return f"its smallest case draws {again and again.hint} (seed {seed})"
    return ""
