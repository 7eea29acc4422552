"""The glossary, collected from the lessons: what stands in ***bold italics*** there is a term, its sentence what it means."""

import re
import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from urllib.parse import quote

from lessons.catalog import COURSE, Lesson, lessons
from lessons.look import Card

_CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"\*\*\*([^*]+)\*\*\*")
_END = re.compile(r"(?:(?<=[.?!])|(?<=[.?!]\*\*))\s+")  # between two sentences, also behind stress
_ITEM = r"(?:[-*]|\d+\.) "  # before an item of a list


@dataclass(frozen=True)
class Term:
    """A term as the course uses it.

    Args:
        name: its name in English.
        chinese: its name in Chinese.
        words: what it means, in the words of the lesson, as Markdown.
        lesson: the lesson that defines it.
        heading: the heading there, below which it stands.
        forms: its name, and how the lesson writes it there.
    """

    name: str
    chinese: str
    words: str
    lesson: Lesson
    heading: str
    forms: tuple[str, ...]


@cache
def terms() -> tuple[Term, ...]:
    """Every term of the course, in alphabetical order.

    Raises:
        LookupError: a term is marked in a lesson and has no entry in glossary.toml, or the other way round.
    """
    known = tomllib.loads((COURSE / "glossary.toml").read_text(encoding="utf-8"))
    names = {entry.get("marked", name): name for name, entry in known.items()}
    found: dict[str, Term] = {}
    for lesson in lessons():
        for heading, block in blocks(lesson):
            for mark in _MARK.findall(block):
                if mark not in names:
                    raise LookupError(f"{lesson.id} defines {mark!r}, which has no entry in glossary.toml")
                name = names[mark]
                if name in found:
                    raise LookupError(f"{name!r} is defined twice: in {found[name].lesson.id} and in {lesson.id}")
                entry = known[name]
                words = _meaning(block, mark, entry.get("before", 0), entry.get("after", 0))
                found[name] = Term(name, entry["zh"], words, lesson, heading, (name,) if name == mark else (name, mark))
    if missing := sorted(known.keys() - found.keys()):
        raise LookupError(f"no lesson marks what glossary.toml names: {', '.join(missing)}")
    return tuple(sorted(found.values(), key=lambda term: term.name.lower()))


def blocks(lesson: Lesson) -> list[tuple[str, str]]:
    """The prose of a lesson: each paragraph, item of a list and row of a table, below its heading.

    A row of a table is told as a sentence.
    """
    found, heading = [], ""
    text = _CODE.sub("", lesson.source.partition("\n---\n")[2])
    for paragraph in re.split(r"\n{2,}", text):
        if paragraph.startswith("|"):
            head, _, *rows = map(_cells, paragraph.splitlines())
            found += [(heading, _told(head, row)) for row in rows]
            continue
        for block in re.split(rf"\n(?={_ITEM})", paragraph.strip()):
            if block.startswith("#"):
                heading = block.lstrip("# ")
            if block and block != "+++":
                found.append((heading, " ".join(re.sub(rf"\A(?:{_ITEM}|> )", "", block).split())))
    return found


def _told(head: list[str], row: list[str]) -> str:
    """A row in words: what it is about, then of each other column what heads it and what stands there."""
    first, *others = (" ".join(filter(None, pair)) for pair in zip(head, row) if pair[1])
    return f"{first} {'; '.join(others)}."


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


def _meaning(block: str, mark: str, before: int, after: int) -> str:
    """The sentence with the mark, and as many around it; of all marks only its own stays."""
    sentences = _END.split(block)
    place = next(n for n, sentence in enumerate(sentences) if f"***{mark}***" in sentence)
    words = " ".join(sentences[max(0, place - before) : place + after + 1])
    words = _MARK.sub(lambda found: f"**{found[1]}**" if found[1] == mark else found[1], words)
    return words[0].upper() + words[1:]


# --- what is made of it ---------------------------------------------------------------------------


def glossary(word: str = "") -> Card:
    """Looks a word up: what it means in the words of the lesson that defines it; without a word, which there are."""
    by_form = {form.lower(): term for term in terms() for form in term.forms}
    one = next((w for w in (word.lower(), word.lower()[:-1], word.lower()[:-2]) if w in by_form), None)  # of several
    if one:
        term = by_form[one]
        where = f"[{term.lesson.title}]({in_notebook(term)})"
        return Card("open", f"{term.name} · {term.chinese}").say(term.words).say(f"From the lesson {where}.")
    if word:
        near = get_close_matches(word.lower(), by_form, n=1)
        meant = f"Did you mean {by_form[near[0]].name}?" if near else "`glossary()` lists the words that there are."
        return Card("open", "Not in the glossary").say(f"The lessons do not define “{word}”. {meant}")
    card = Card("open", "Glossary", f"{len(terms())} terms").facts({term.name: term.chinese for term in terms()})
    return card.say('`glossary("gradient")` looks one up; [the whole glossary](glossary.ipynb) is a page of its own.')


def in_notebook(term: Term) -> str:
    """Where a learner's copy of the lesson says it."""
    return f"{term.lesson.id}.ipynb#{quote(term.heading.replace(' ', '-'))}"
