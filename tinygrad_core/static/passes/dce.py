"""Dead code: what no output, no update and no side effect needs is not run."""
from __future__ import annotations

from ..program import Program, ancestors, rewritten
from .rewrites import noted


def dce(program: Program) -> Program:
    """The program without the operations that nothing needs; the inputs stay, because a run is given them."""
    live = set(ancestors(program.results))
    dead = [o for o in program.operations if o not in live]
    for o in dead:
        noted("dce", o, "nothing needs it")
    return rewritten(program, only=live) if dead else program
