"""The Parsons rung: the reference cut into blocks to sort, and beside each the blocks that known mistakes would use.

A distractor is declared in exercise.toml, or follows from a known wrong answer that differs from the right
arrangement in one block alone. `tgc exercise test` proves that each, in its place, draws its own hint.
"""

import ast
import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from lessons.grader.exercise import Exercise

STEP = 4  # spaces of one level of indentation
DEEPEST = 6  # levels that a block can be indented

Arrangement = list[list[tuple[str, int]]]  # for each region, from top to bottom: a block's id and its level


class PuzzleError(ValueError):
    """The exercise's folder does not make a puzzle; the message says why."""


@dataclass(frozen=True)
class Block:
    """One statement (of a compound one its head) to be put in its place, or what a mistake writes there."""

    id: str
    text: str  # begins in column 0
    region: int
    place: int  # among the right blocks of its region
    level: int  # of indentation within its region
    hint: str | None = None  # what a distractor draws; None for a right block


@dataclass(frozen=True)
class Puzzle:
    """What a learner is shown, and what makes a program of how they arranged it."""

    parts: tuple[str | int, ...]  # given text, and the number of the region that stands there
    indents: tuple[str, ...]  # of each region
    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, exercise: Exercise) -> "Puzzle":
        """The puzzle of an exercise."""
        parts: list[str | int] = []
        indents: list[str] = []
        for text, region in exercise.pieces():
            if region is not None:
                parts.append(len(indents))
                indents.append(region.indent)
            elif text:
                parts.append(text)
        pieces = _cut(exercise.rung("parsons"))
        right = _right(pieces, exercise, indents)
        blocks = [*right, *_declared(right, exercise), *_derived(right, pieces, exercise)]
        return cls(tuple(parts), tuple(indents), tuple(_named(blocks)))

    @property
    def right(self) -> list[Block]:
        """The blocks of the reference, in its order."""
        return [block for block in self.blocks if block.hint is None]

    @property
    def distractors(self) -> list[Block]:
        """The blocks of known mistakes."""
        return [block for block in self.blocks if block.hint is not None]

    def rivals(self, seed: str) -> list[list[Block]]:
        """The blocks in groups of which one is right, all mixed; the same for the same seed."""
        groups: dict[tuple[int, int], list[Block]] = {}
        for block in self.blocks:
            groups.setdefault((block.region, block.place), []).append(block)
        rng, mixed = random.Random(seed), list(groups.values())
        rng.shuffle(mixed)
        if len(mixed) > 1 and mixed == list(groups.values()):
            mixed.append(mixed.pop(0))
        for group in mixed:
            rng.shuffle(group)
        return mixed

    def solution(self, instead: Block | None = None) -> Arrangement:
        """The right arrangement; with that distractor in its place, when one is named."""
        made: Arrangement = [[] for _ in self.indents]
        for block in self.right:
            taken = instead if instead and (instead.region, instead.place) == (block.region, block.place) else block
            made[block.region].append((taken.id, block.level))
        return made

    def tidy(self, said: Any) -> Arrangement:
        """An arrangement made of what somebody says is one: blocks that exist, once, and levels in their range."""
        left = {block.id for block in self.blocks}
        made: Arrangement = [[] for _ in self.indents]
        for region, placed in zip(made, said if isinstance(said, list) else [], strict=False):
            for pair in placed if isinstance(placed, list) else []:
                match pair:
                    case [str(id), int(level)] if id in left:
                        left.remove(id)
                        region.append((id, min(max(level, 0), DEEPEST)))
        return made

    def assemble(self, arrangement: Sequence[Sequence[tuple[str, int]]]) -> str:
        """The program that an arrangement makes; a region without blocks gets the stub's line."""
        texts = {block.id: block.text for block in self.blocks}

        def lines(region: int) -> Iterator[str]:
            if not arrangement[region]:
                yield f"{self.indents[region]}...  # your turn\n"
            for id, level in arrangement[region]:
                margin = self.indents[region] + " " * STEP * level
                yield from (f"{margin}{line}\n" for line in texts[id].split("\n"))

        return "".join(part if isinstance(part, str) else "".join(lines(part)) for part in self.parts)


@dataclass(frozen=True)
class _Piece:
    """A piece of source that is one block."""

    text: str
    line: int  # the number of its first line
    indent: int

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Piece) and (self.indent, _bare(self.text)) == (other.indent, _bare(other.text))

    def __hash__(self) -> int:
        return hash((self.indent, _bare(self.text)))


def _bare(text: str) -> str:
    """Without the comments before it."""
    return "\n".join(line for line in text.split("\n") if not line.lstrip().startswith("#"))


def _cut(source: str) -> list[_Piece]:
    """The source, statement by statement: comments go with what follows them, docstrings and empty lines go."""
    starts, quiet = _statements(ast.parse(source))
    pieces: list[list[tuple[int, str]]] = []
    waiting: list[tuple[int, str]] = []  # comments
    for number, line in enumerate(source.splitlines(), 1):
        if not line.strip() or number in quiet:
            continue
        if line.lstrip().startswith("#"):
            waiting.append((number, line))
        elif number in starts or line.split("#")[0].strip() in ("else:", "finally:"):
            pieces.append([*waiting, (number, line)])
            waiting = []
        else:
            pieces[-1] += [*waiting, (number, line)]
            waiting = []
    made = []
    for piece in pieces:
        number, first = piece[0]
        indent = len(first) - len(first.lstrip())
        made.append(_Piece("\n".join(line[indent:] for _, line in piece), number, indent))
    return made


def _statements(tree: ast.AST) -> tuple[set[int], set[int]]:
    """The lines at which statements begin, and the lines of docstrings."""
    starts: set[int] = set()
    quiet: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.stmt, ast.ExceptHandler)):
            starts.add(min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))]))
        if isinstance(node, ast.match_case):
            starts.add(node.pattern.lineno)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            quiet |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return starts, quiet


def _right(pieces: list[_Piece], exercise: Exercise, indents: list[str]) -> list[Block]:
    """The blocks of the right arrangement."""
    numbers = sorted(exercise.solution_lines("parsons"))
    counts = [region.code("parsons").count("\n") for _, region in exercise.pieces() if region is not None]
    regions = [region for region, count in enumerate(counts) for _ in range(count)]
    region_of = dict(zip(numbers, regions, strict=True))
    places = [0] * len(indents)
    blocks = []
    for piece in pieces:
        region = region_of.get(piece.line)
        if region is not None:
            level = (piece.indent - len(indents[region])) // STEP
            blocks.append(Block("", piece.text, region, places[region], level))
            places[region] += 1
    return blocks


def _declared(right: list[Block], exercise: Exercise) -> Iterator[Block]:
    """The distractors that exercise.toml names."""
    for entry in exercise.meta.get("distractor", ()):
        if set(entry) != {"line", "instead", "hint"}:
            raise PuzzleError(f"{exercise.id}: a distractor has line, instead and hint, not {', '.join(entry)}")
        found = [block for block in right if block.text == entry["instead"].strip()]
        if len(found) != 1:
            lines = "\n  ".join(block.text for block in right)
            raise PuzzleError(
                f"{exercise.id}: {len(found)} lines are {entry['instead']!r}, which {entry['line']!r} stands instead of. "
                f"There are:\n  {lines}"
            )
        yield Block("", entry["line"].strip(), found[0].region, found[0].place, found[0].level, entry["hint"])


def _derived(right: list[Block], pieces: list[_Piece], exercise: Exercise) -> Iterator[Block]:
    """The distractors that known wrong answers make: those that differ in one of the learner's blocks and no more."""
    mine = exercise.solution_lines("parsons")
    order = {piece.line: block for piece, block in zip([p for p in pieces if p.line in mine], right, strict=True)}
    for wrong in exercise.wrong():
        theirs = _cut(wrong.source)
        changes = [c for c in SequenceMatcher(None, pieces, theirs, autojunk=False).get_opcodes() if c[0] != "equal"]
        if [c[0] for c in changes] != ["replace"]:
            continue
        _, start, end, other, until = changes[0]
        block, new = order.get(pieces[start].line), theirs[other:until]
        if end - start != 1 or len(new) != 1 or block is None or new[0].indent != pieces[start].indent:
            continue
        yield Block("", _bare(new[0].text), block.region, block.place, block.level, wrong.hint)


def _named(blocks: list[Block]) -> Iterator[Block]:
    """With ids that stay while the text stays, and say nothing; what is told twice once."""
    told: set[tuple[str, int, int]] = set()
    times: dict[str, int] = {}
    for block in blocks:
        key = (block.text, block.region, block.place)
        if key in told:
            continue
        told.add(key)
        name = hashlib.sha256(block.text.encode()).hexdigest()[:8]
        times[name] = times.get(name, 0) + 1
        yield Block(f"{name}-{times[name]}", block.text, block.region, block.place, block.level, block.hint)
