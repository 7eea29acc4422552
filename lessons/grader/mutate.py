"""Mutants: the reference with one small mistake each, made on purpose, to prove that the checks notice mistakes."""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_OTHER: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult, ast.MatMult: ast.Mult,
    ast.FloorDiv: ast.Div, ast.Mod: ast.FloorDiv,
}


@dataclass(frozen=True)
class Mutant:
    """One mistake: what was changed into what, and the whole source with it."""

    change: str
    source: str


def mutants(source: str, lines: set[int]) -> list[Mutant]:
    """Every mutant of these lines of a source, each different from it and from the others."""
    tree = ast.parse(source)
    whole = ast.unparse(tree)
    found: dict[str, Mutant] = {}
    for number, node in enumerate(_nodes(tree)):
        for variant, (line, before, after) in enumerate(_changes(node)):
            if line not in lines:
                continue
            changed = copy.deepcopy(tree)
            list(_changes(_nodes(changed)[number], variant))
            try:
                text = ast.unparse(ast.fix_missing_locations(changed))
                compile(text, "<mutant>", "exec")
            except (SyntaxError, ValueError):
                continue
            if text != whole:
                found.setdefault(text, Mutant(f"{before} → {after}", text))
    return list(found.values())


def _nodes(tree: ast.AST) -> list[ast.AST]:
    return list(ast.walk(tree))


def _changes(node: Any, wanted: int | None = None) -> Iterator[tuple[int, str, str]]:
    """What can be changed about a node: line, text before and after; makes the change whose number is `wanted`."""
    for number, edit in enumerate(_edits(node)):
        before = edit.text()
        edit.make()
        after = edit.text()
        if wanted == number:
            return
        edit.undo()
        yield edit.line, before, after


@dataclass(frozen=True)
class _Edit:
    """One value that a node (or a list in it) holds under a name (or number), and another to put there."""

    holder: Any
    key: Any
    old: Any
    new: Any
    shown: Any = None  # the node whose text tells of the change; what is held itself without one

    @property
    def line(self) -> int:
        """The line that is changed."""
        return (self.shown or self.old).lineno

    def make(self) -> None:
        """Make the change."""
        self._put(self.new)

    def undo(self) -> None:
        """Take it back."""
        self._put(self.old)

    def _put(self, value: Any) -> None:
        if isinstance(self.holder, list):
            self.holder[self.key] = value
        else:
            setattr(self.holder, self.key, value)

    def text(self) -> str:
        """What stands there now, on one line."""
        held = self.holder[self.key] if isinstance(self.holder, list) else getattr(self.holder, self.key)
        return ast.unparse(self.shown or held).partition("\n")[0]


def _edits(node: Any) -> Iterator[_Edit]:
    """Each possible change of a node."""
    if isinstance(node, (ast.BinOp, ast.BoolOp, ast.AugAssign)) and type(node.op) in _OTHER:
        yield _Edit(node, "op", node.op, _OTHER[type(node.op)](), node)
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _OTHER:
        yield _Edit(node.ops, 0, node.ops[0], _OTHER[type(node.ops[0])](), node)
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        yield _Edit(node, "value", node.value, node.value + 1, node)
    if isinstance(node, ast.Call) and len(node.args) > 1 and not any(isinstance(a, ast.Starred) for a in node.args[:2]):
        yield _Edit(node, "args", node.args, [node.args[1], node.args[0], *node.args[2:]], node)
    if isinstance(node, (ast.If, ast.While, ast.IfExp)):
        yield _Edit(node, "test", node.test, ast.UnaryOp(ast.Not(), node.test))
    for name in ("body", "orelse"):
        body = getattr(node, name, None)
        for place, statement in enumerate(body if isinstance(body, list) else ()):
            yield from _of_statement(body, place, statement)


def _of_statement(body: Any, place: int, statement: Any) -> Iterator[_Edit]:
    """A statement that overwrites where it should add, or is left out."""
    if isinstance(statement, ast.AugAssign):
        plain = ast.copy_location(ast.Assign([statement.target], statement.value), statement)
        yield _Edit(body, place, statement, plain)
    text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    if isinstance(statement, (ast.Assign, ast.AugAssign, ast.Expr, ast.Raise)) and not text:
        yield _Edit(body, place, statement, ast.copy_location(ast.Pass(), statement))
