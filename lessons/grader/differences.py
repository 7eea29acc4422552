"""Where two outcomes differ, entry by entry, so that a learner need not search for it."""

import re
from difflib import SequenceMatcher
from math import isclose

Spans = list[tuple[int, int]]
_ENTRY = re.compile(r"[+-]?\d[\w.]*(?:[+-]\d+)?|\w+|[^\w\s]")  # a number, a word, a sign


def differences(expected: str, yours: str) -> tuple[Spans, Spans]:
    """The pieces of both texts that differ, as (start, end); none where little is alike and all would be marked."""
    ours, theirs = list(_ENTRY.finditer(expected)), list(_ENTRY.finditer(yours))
    words = [found[0] for found in ours], [found[0] for found in theirs]
    marks: tuple[Spans, Spans] = [], []
    if len(ours) == len(theirs):  # the same form: entry beside entry
        changes = [(n, n + 1, n, n + 1) for n, pair in enumerate(zip(*words, strict=True)) if not _alike(*pair)]
    else:
        codes = SequenceMatcher(None, *words, autojunk=False).get_opcodes()
        changes = [code[1:] for code in codes if code[0] != "equal"]
    for start, end, other, until in changes:
        for found, first, last, spans in ((ours, start, end, marks[0]), (theirs, other, until, marks[1])):
            if last > first:
                spans.append((found[first].start(), found[last - 1].end()))
    alike = [_entries(text, spans) for text, spans in zip((expected, yours), marks, strict=True)]
    return marks if min(alike) > 0 else ([], [])


def first(expected: str, yours: str, marks: tuple[Spans, Spans]) -> str:
    """A sentence about the first difference, with the word that its line begins with; empty where one or none is marked."""
    if not marks[0] or len(marks[1]) < 2:
        return ""
    (ours, until), (theirs, end) = marks[0][0], marks[1][0]
    name = re.match(r"[^\W\d]\w*(?= )", yours[yours.rfind("\n", 0, theirs) + 1 : theirs])
    where = f", in {name[0]}" if name else ""
    return f"The first difference{where}: {yours[theirs:end]}, expected {expected[ours:until]}."


def _alike(one: str, other: str) -> bool:
    """Equal, but for the last digits of numbers: no mistake, only rounding, looks like that."""
    try:
        return one == other or isclose(float(one), float(other), rel_tol=1e-7)
    except ValueError:
        return False


def _entries(text: str, spans: Spans) -> int:
    """How many numbers and words of a text are not marked."""
    found = _ENTRY.finditer(text)
    return sum(one[0][-1].isalnum() and not any(s <= one.start() < e for s, e in spans) for one in found)
