"""How everything that a page says looks: a card, in HTML for notebooks, in text for terminals."""

import re
from html import escape
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

_STRESS = re.compile(r"\*{1,2}(\w[\w ]*)\*{1,2}")  # not the star of `a * b`
_LINK = re.compile(r"\[([^]]*)\]\(([^)]*)\)")
_markdown = MarkdownIt("commonmark", {"html": False})

# Every card carries the whole style, so that each shows on its own; hence no idle characters.
_CSS = (Path(__file__).parent / "look.css").read_text(encoding="utf-8")
STYLE = "<style>" + " ".join(re.sub(r"/[*].*?[*]/", "", _CSS, flags=re.DOTALL).split()) + "</style>"


def render(words: str) -> str:
    """The project's own words as HTML; markup in them stays text."""
    return _markdown.render(words).strip()


def _marked(text: str, spans: list[tuple[int, int]]) -> str:
    """The text as HTML, with these pieces marked."""
    html, at = "", 0
    for start, end in spans:
        html += f"{escape(text[at:start])}<mark>{escape(text[start:end])}</mark>"
        at = end
    return html + escape(text[at:])


def _underlined(line: str, at: int, spans: list[tuple[int, int]]) -> str:
    """What stands under a line that begins there, so that its marked pieces are seen without colours."""
    signs = ["^" if any(start <= at + n < end for start, end in spans) else " " for n in range(len(line))]
    return "".join(signs).rstrip()


class Card:
    """One thing that the page says: a title, then paragraphs, facts, a question, a hint."""

    def __init__(self, kind: str, title: str, aside: str = "") -> None:
        self.kind, self.title, self.aside = kind, title, aside
        self._html: list[str] = []
        self._text: list[str] = []

    def say(self, words: str, role: str = "") -> "Card":
        """A paragraph of the project's own words, with `code` in backticks and *stress*."""
        if not words:
            return self
        body = render(words)
        self._html.append(f'<div class="tgc-{role}">{body}</div>' if role else body)
        self._text.append(" ".join(_LINK.sub(r"\1 (\2)", _STRESS.sub(r"\1", words)).split()))
        return self

    def facts(self, facts: dict[str, str], marked: dict[str, list[tuple[int, int]]] | None = None) -> "Card":
        """Names and what they are, shown as it is and never as markup; of each, pieces may be marked (start, end)."""
        marked = marked or {}
        rows = "".join(
            f'<dt>{escape(key)}</dt><dd data-fact="{escape(key)}">{_marked(value, marked.get(key, []))}</dd>'
            for key, value in facts.items()
        )
        self._html.append(f'<dl class="tgc-facts">{rows}</dl>')
        width = max(map(len, facts), default=0)
        for key, value in facts.items():
            at = 0
            for number, line in enumerate(value.split("\n")):
                self._text.append(f"  {'' if number else key:<{width}}  {line}")
                under = _underlined(line, at, marked.get(key, []))
                self._text += [f"  {'':<{width}}  {under}"] * bool(under)
                at += len(line) + 1
        return self

    def table(self, head: list[str], rows: list[list[Any]]) -> "Card":
        """A small table of plain values."""
        cells = [[str(cell) for cell in row] for row in [head, *rows]]
        top, *body = cells
        html_head = "".join(f"<th>{escape(c)}</th>" for c in top)
        html_rows = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in body)
        self._html.append(f"<table><thead><tr>{html_head}</tr></thead><tbody>{html_rows}</tbody></table>")
        widths = [max(len(row[i]) for row in cells) for i in range(len(top))]
        for row in cells:
            line = "  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True))
            self._text.append("  " + line.rstrip())
        return self

    def places(self, rows: list[tuple[str, str, str, str, str]]) -> "Card":
        """A list of pages: for each a state and its mark, a title, the file it opens, and a note."""
        html = ""
        for state, mark, title, file, note in rows:
            html += (
                f'<li data-state="{escape(state)}"><span aria-hidden="true">{escape(mark)}</span>'
                f'<a href="{escape(file)}">{escape(title)}</a> <em>{escape(state)}</em><small>{escape(note)}</small></li>'
            )
            self._text.append(f"  {mark} {title}  ({state})")
            self._text.append(f"      {note}")
        self._html.append(f'<ol class="tgc-places">{html}</ol>')
        return self

    def _repr_html_(self) -> str:
        aside = f"<span>{escape(self.aside)}</span>" if self.aside else ""
        return (
            f'{STYLE}<section class="tgc-card tgc-{self.kind}" data-status="{self.kind}">'
            f'<div class="tgc-title">{escape(self.title)}{aside}</div>'
            f"{''.join(self._html)}</section>"
        )

    def __repr__(self) -> str:
        title = f"{self.title}  ({self.aside})" if self.aside else self.title
        return "\n".join([title, *self._text])
