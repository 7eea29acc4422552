"""Checks a learner's answers at once, and remembers how it went."""

from lessons.grader.arrange import parsons
from lessons.grader.check import check, faded
from lessons.grader.report import progress
from lessons.grader.solution import solution

__all__ = ["check", "faded", "parsons", "progress", "solution"]
