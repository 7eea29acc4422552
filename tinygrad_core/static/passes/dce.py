"""Dead code: what no output, no update and no side effect needs is not run."""
from __future__ import annotations

from ..program import Program, rewritten
from .rewrites import noted


def dce(program: Program) -> Program:
    """The program without the operations that nothing needs; the inputs stay, because a run is given them."""
    live = {x.operation for x in program.results}
    for o in reversed(program.graph.operations):
        if o in live:
            live.update(o.control, [x.operation for x in o.sources])
    dead = [o for o in program.operations if o not in live]
    for o in dead:
        noted("dce", o, "nothing needs it")
    return rewritten(program, only=live) if dead else program
