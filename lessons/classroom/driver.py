"""Cuts out of an exercise's cases what may run beside a student's code: `drive`, and nothing that judges."""

import ast
from functools import cache
from pathlib import Path

JUDGES = frozenset("cases hidden same hint truth show tell facts valid smaller reference".split())


class DriverError(Exception):
    """The exercise mixes what runs with what judges; the message says where."""


@cache
def driver(path: Path) -> str:
    """The source of `drive` in a cases.py, with the imports and helpers it needs and nothing else."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    makes: dict[str, ast.stmt] = {}
    for statement in tree.body:
        for name in _defined(statement):
            makes[name] = statement
    if "drive" not in makes:
        raise DriverError(f"{path} has no function `drive`")
    wanted, todo = {"drive"}, ["drive"]
    while todo:
        for node in ast.walk(makes[todo.pop()]):
            if isinstance(node, ast.Name) and node.id in makes and node.id not in wanted:
                if node.id in JUDGES:
                    raise DriverError(f"{path}: `drive` uses `{node.id}`, which must stay out of the student's reach")
                wanted.add(node.id)
                todo.append(node.id)
    chosen = {id(makes[name]) for name in wanted}
    return ast.unparse(ast.Module([s for s in tree.body if id(s) in chosen], []))


def _defined(statement: ast.stmt) -> list[str]:
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return [statement.name]
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return [(alias.asname or alias.name).partition(".")[0] for alias in statement.names]
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return [node.id for target in targets if target for node in ast.walk(target) if isinstance(node, ast.Name)]
