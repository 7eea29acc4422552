"""Turn: a product that is only read transposed is computed so, from its factors changed over and transposed."""
from __future__ import annotations

from collections import Counter
from typing import Any

from ...ops import OPS
from ..graph import Operation
from ..program import Program, Rewriter, rewritten
from .rewrites import noted


def turn(program: Program) -> Program:
    """The program without transposed results of products: loops then read them in the order in which they lie."""
    readers = Counter([*program.results, *[x for o in program.graph.operations for x in o.sources]])

    def change(r: Rewriter, o: Operation) -> Any:
        if o.op is not OPS["permute"]:
            return None
        x, = o.sources
        product = x.operation
        if (product.op is not OPS["matmul"] or readers[x] > 1 or min([y.ndim for y in product.sources]) < 2
                or [d % x.ndim for d in o.attrs["dims"]] != _transposed(x.ndim)):
            return None
        noted("turn", product, "only read transposed")
        a, b = [r.graph.add(OPS["permute"], (r.map(y),), {"dims": tuple(_transposed(y.ndim))})[0] for y in product.inputs]
        new, = r.graph.add(OPS["matmul"], (b, a), {})
        new.operation.where, new.operation.module = product.where, product.module
        return new

    return rewritten(program, change)


def _transposed(ndim: int) -> list[int]:
    """The dims of a transposed matrix, or of a stack of them."""
    return [*range(ndim - 2), ndim - 1, ndim - 2]
