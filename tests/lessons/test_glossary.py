"""The glossary: every term has its sentence, its Chinese name and one place, and is used only after that."""

import json
import re
import subprocess
import sys
from urllib.parse import unquote

import pytest

from lessons.catalog import COURSE, Lesson, lessons
from lessons.folder import shipped
from lessons.glossary_page import in_source
from lessons.notebook import notebook
from lessons.terms import glossary, in_notebook, terms

ASKS = re.compile(r"(?:ask|claim)\(\"([\w-]+)\"\)|%%(?:predict|measure) ([\w-]+)")
NOT_PROSE = re.compile(r"```.*?```|`[^`]*`|\$[^$]*\$|\]\([^)]*\)|^#[^\n]*$", re.MULTILINE | re.DOTALL)
ORDER = {lesson.id: n for n, lesson in enumerate(lessons())}


def prose(lesson: Lesson) -> tuple[str, str]:
    """What a reader of the lesson is told, in order: the opening, which says what will come, and all that follows.

    The page, the exercises, and what is asked where it is asked. The words of a claim are those of an article.
    """
    asked = {id: f"{question.ask}\n\n{question.after}" for id, question in lesson.questions().items()}
    asked |= {id: claim.after for id, claim in lesson.claims().items()}
    cells = notebook(lesson).cells
    first = next(n for n, cell in enumerate(cells) if cell.cell_type == "code")
    told = []
    for cell in cells:
        ids = [id for found in ASKS.findall(cell.source) for id in found if id in asked]
        told.append(cell.source if cell.cell_type == "markdown" else "\n\n".join(asked[id] for id in ids))
    opening, rest = (NOT_PROSE.sub(" ", "\n\n".join(part)) for part in (told[:first], told[first:]))
    return opening, rest


PROSE = {lesson.id: prose(lesson) for lesson in lessons()}


@pytest.mark.parametrize("term", terms(), ids=lambda term: term.name)
def test_a_term_is_defined_before_it_is_used(term):
    words = "|".join(re.escape(form) for form in term.forms)
    used = re.compile(rf"(?<![\w-])(?:{words})(?:e?s)?(?![\w-])", re.IGNORECASE)
    early = [text for id, texts in PROSE.items() if ORDER[id] < ORDER[term.lesson.id] for text in texts]
    opening, rest = PROSE[term.lesson.id]
    mark = re.compile(rf"\*\*\*(?:{words})\*\*\*")
    if not mark.search(opening):
        early.append(rest[: rest.rindex("\n\n", 0, mark.search(rest).start())])
    found = [text[max(0, m.start() - 60) : m.end() + 40] for text in early for m in used.finditer(text)]
    assert not found, f"{term.name!r}, which lesson {term.lesson.id[:2]} defines, is used before:\n" + "\n…".join(found)


def test_a_term_has_its_chinese_name_and_a_sentence_that_names_it():
    for term in terms():
        assert re.search(r"[\u4e00-\u9fff]", term.chinese), term.name
        assert re.search(rf"\*\*({'|'.join(map(re.escape, term.forms))})\*\*", term.words), term.words
        assert term.words[-1] in ".?!", term.words


@pytest.mark.parametrize(("table", "words"), [
    ('[slope]\nzh = "斜率"', "defines 'gradient', which has no entry"),
    (None, "no lesson marks .*: entropy"),
])
def test_marks_and_names_belong_together(tmp_path, monkeypatch, table, words):
    text = (COURSE / "glossary.toml").read_text(encoding="utf-8")
    (tmp_path / "glossary.toml").write_text(table or f'{text}\n[entropy]\nzh = "熵"\n', encoding="utf-8")
    monkeypatch.setattr("lessons.terms.COURSE", tmp_path)
    with pytest.raises(LookupError, match=words):
        terms.__wrapped__()


def test_the_page_in_the_docs_is_up_to_date(root):
    command = [sys.executable, "-m", "lessons.glossary_page"]
    made = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    kept = (root / "docs" / "glossary.md").read_text(encoding="utf-8")
    assert made.stdout == kept, "run `python -m lessons.glossary_page > docs/glossary.md`"


def test_every_term_leads_to_where_it_is_said(root):
    learners = shipped()
    for term in terms():
        file, _, anchor = unquote(in_notebook(term)).partition("#")
        cells = json.loads(learners[file])["cells"]
        headings = [line.lstrip("# ") for cell in cells if cell["cell_type"] == "markdown" for line in cell["source"]]
        assert anchor.replace("-", " ") in [heading.strip().replace("-", " ") for heading in headings], term.name
        assert (root / "docs" / in_source(term).partition("#")[0]).is_file()


def test_a_word_is_looked_up():
    card = glossary("batches")
    assert "批次" in repr(card) and "group of examples" in repr(card)
    assert "Did you mean gradient?" in repr(glossary("gradeint"))
    assert "autograd" in repr(glossary()) and "自动微分" in repr(glossary())
