"""Narrow: where a maximum stood in its image is kept as an integer of half the size."""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...symbol import Symbol
from ..graph import Operation
from ..program import Program, Rewriter, rewritten
from .rewrites import noted


def narrow(program: Program) -> Program:
    """The program with 32-bit places of maxima, where nothing else than gradients reads them; smaller ones cost time."""
    if not any([o.does == "max_pool" for o in program.operations]):
        return program
    wide = set(program.results)
    for o in program.operations:
        places = o.does in ("pick", "unpick")
        wide.update([x for k, x in enumerate(o.sources) if not (k == 1 and places)])

    def change(r: Rewriter, o: Operation) -> Any:
        if o.does != "max_pool" or o.results[1] in wide or math.prod(o.sources[0].shape[2:]) >= 1 << 31:
            return None
        out, place = r.keep(o).results
        noted("narrow", o, "32 bits can say where in an image a maximum stood")
        out.operation.results = out, Symbol(place.shape, np.dtype(np.int32), out.operation, 1)
        return out.operation.results

    return rewritten(program, change)
