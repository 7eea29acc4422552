"""What a learner reads and does; a lesson page imports its tools from here.

from lessons import ask, ballot, check, claim, course_map, faded, glossary, parsons, plot, progress, review, solution
%load_ext lessons
"""

from lessons.claims import ballot, claim
from lessons.figure import plot
from lessons.grader import check, faded, parsons, progress, solution
from lessons.page import ask
from lessons.path import course_map, review
from lessons.terms import glossary

__all__ = [
    "ask", "ballot", "check", "claim", "course_map", "faded", "glossary", "parsons", "plot", "progress", "review", "solution",
]  # fmt: skip


def load_ipython_extension(shell):
    """`%load_ext lessons`: teaches the notebook `%%predict`, `%%after`, `%%measure`, `%%pytorch` and `%%tensorflow`."""
    from lessons import measured
    from lessons.claims import measure
    from lessons.page import after, predict

    shell.register_magic_function(predict(shell), magic_kind="cell", magic_name="predict")
    shell.register_magic_function(after(shell), magic_kind="cell", magic_name="after")
    shell.register_magic_function(measure(shell), magic_kind="cell", magic_name="measure")
    measured.load(shell)
