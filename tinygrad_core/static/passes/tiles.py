"""Tiles: windows unfolded for a product, or folded after one, image by image, so that they are never there as a whole."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...symbol import Symbol
from ..graph import Operation
from ..program import Program, Rewriter, rewritten
from .fuse import is_view, owner
from .rewrites import noted

PRODUCTS = ("matmul", "summed_product")
WINDOWS = ("unfold", "fold")


def own_windows(program: Program) -> Program:
    """The program in which every product that reads unfolded windows has its own: unfolding again costs less than keeping."""
    if not any([o.does == "unfold" for o in program.operations]):
        return program
    readers: dict[Symbol, int] = {}
    for o in program.operations:
        if o.does in PRODUCTS:
            for x in o.sources:
                readers[owner(x)] = readers.get(owner(x), 0) + 1

    def change(r: Rewriter, o: Operation) -> Any:
        if o.does not in PRODUCTS or not any([_repeated(x) for x in o.sources]):
            return None
        inputs = []
        for x in o.inputs:
            inputs.append(_again(r, x) if _repeated(x) else r.map(x))
        twin = r.keep(o)
        twin.read(tuple(inputs))
        return twin.results

    def _repeated(x: Any) -> bool:
        return isinstance(x, Symbol) and owner(x).operation.does == "unfold" and readers[owner(x)] > 1

    return rewritten(program, change)


def _again(r: Rewriter, x: Symbol) -> Symbol:
    """A copy of unfolded windows, and of the views through which they are read."""
    o = x.operation
    if is_view(o):
        before = r.new[o.sources[0]]
        r.new[o.sources[0]] = _again(r, o.sources[0])
        twin = r.keep(o)
        r.new[o.sources[0]] = before
        return twin.results[0]
    noted("tiles", o, "unfolded for each product that reads it, image by image")
    return r.keep(o).results[0]


def tiles(program: Program, fits: Callable[[Operation, Operation], bool]) -> dict[Operation, Operation]:
    """Operations that run image by image together with the only one that reads them: unfold with a product, a product with
    fold.

    Args:
        fits: whether the back end can do so with a pair of operations whose views between them keep images apart.
    """
    if not any([o.does in WINDOWS for o in program.operations]):
        return {}
    results = {owner(x) for x in program.results}
    users: dict[Symbol, list[Operation]] = {}
    for o in program.operations:
        if not is_view(o):
            for x in o.sources:
                users.setdefault(owner(x), []).append(o)
    found: dict[Operation, Operation] = {}
    for o in program.operations:
        if o.does not in ("unfold", "matmul") or o in found.values():
            continue
        x, readers = o.results[0], users.get(o.results[0], [])
        if len(readers) == 1 and x not in results and x.ndim > 2 and x.shape[0] > 1:
            pair = o.does, readers[0].does
            if pair in {("unfold", "matmul"), ("unfold", "summed_product"), ("matmul", "fold")} and fits(o, readers[0]):
                found[o] = readers[0]
    return found
