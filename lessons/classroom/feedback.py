"""Pages to read: each student's feedback, and what the class as a whole misunderstood."""

from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path

from lessons.classroom.exports import filename
from lessons.classroom.sandbox import MEANING
from lessons.classroom.scores import Score
from lessons.grader.exercise import Exercise

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }}
section {{ border-left: 4px solid #888; padding: .2rem 1rem; margin: 1.5rem 0 }}
section.passed {{ border-color: #2a8a4a }} section.failed, section.missing {{ border-color: #c0392b }}
section.partial {{ border-color: #c98a00 }}
pre {{ overflow-x: auto; white-space: pre-wrap; margin: .2rem 0 .8rem 1rem }}
dt {{ font-weight: 600 }} dd {{ margin: 0 }}
table {{ border-collapse: collapse }} td, th {{ padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top }}
td.n {{ text-align: right }}
</style></head><body><h1>{title}</h1>
{body}
</body></html>
"""
_SIGN = {"passed": "✓", "partial": "◐", "failed": "✗", "missing": "–", "error": "?"}
_WORDS = {"ran": "we ran", "expected": "expected", "yours": "yours", "lines": "your code", "said": "it said"}
_WORDS["printed"] = "printed"


def pages(folder: Path, scores: Sequence[Score], exercises: Sequence[Exercise]) -> None:
    """One page a student, under the student's name."""
    folder.mkdir(parents=True, exist_ok=True)
    titles = {exercise.id: exercise.title for exercise in exercises}
    for score in scores:
        (folder / f"{filename(score.student)}.html").write_text(page(score, titles), encoding="utf-8")


def page(score: Score, titles: dict[str, str]) -> str:
    """A student's page: nothing in it comes from a hidden case but that one went wrong."""
    body = [f"<p>{score.points:g} of {score.maximum:g} points</p>"]
    if score.days_late:
        days = "1 day" if score.days_late == 1 else f"{score.days_late} days"
        body.append(f"<p>{days} late: {score.raw:g} points became {score.points:g}.</p>")
    for mark in score.marks:
        title = escape(titles.get(mark.exercise, mark.exercise))
        body.append(f'<section class="{mark.status}"><h2>{_SIGN[mark.status]} {title}</h2>')
        body.append(f"<p>{mark.points:g} of {mark.maximum:g} points")
        body.append(f"; {mark.right} of {mark.total} cases are right</p>" if mark.total else "</p>")
        for told in mark.feedback:
            body.append(f"<p>{escape(told.get('say') or told.get('ask') or '')}</p>")
            facts = [(word, told[key]) for key, word in _WORDS.items() if told.get(key)]
            if facts:
                rows = "".join(f"<dt>{word}</dt><dd><pre>{escape(str(fact))}</pre></dd>" for word, fact in facts)
                body.append(f"<dl>{rows}</dl>")
        body.append("</section>")
    return PAGE.format(title=escape(score.name), body="\n".join(body))


def report(path: Path, scores: Sequence[Score], exercises: Sequence[Exercise]) -> None:
    """The class as a whole: how it went, and how common each misconception is."""
    marks = [mark for score in scores for mark in score.marks]
    tiers = Counter(mark.isolation for mark in marks)
    body = [f"<p>{len(scores)} students, {len(marks)} marks.</p>"]
    for tier, count in tiers.most_common():
        body.append(f"<p>{count} marked under isolation “{escape(tier)}”: {escape(MEANING.get(tier, ''))}.</p>")
    unsure = [mark for mark in marks if mark.status == "error"]
    if unsure:
        rows = [f"<li>{escape(m.student)}, {escape(m.exercise)}: {escape(m.trouble or '')}</li>" for m in unsure]
        body.append(f"<h2>A person must look at these</h2><ul>{''.join(rows)}</ul>")
    for exercise in exercises:
        mine = [mark for mark in marks if mark.exercise == exercise.id]
        tried = [mark for mark in mine if mark.status not in ("missing", "error")]
        if not mine:
            continue
        passed = sum(mark.status == "passed" for mark in mine)
        body.append(f"<h2>{escape(exercise.title)}</h2><p>{passed} of {len(mine)} solved it; {len(tried)} tried.</p>")
        ids = exercise.meta.get("misconceptions") or []
        if ids:
            body.append(f"<p>It looks for: {escape(', '.join(map(str, ids)))}.</p>")
        common = Counter(mark.hint for mark in tried if mark.hint)
        troubles = Counter(mark.trouble for mark in tried if mark.trouble)
        table = [(exercise.hints[id].question if id in exercise.hints else "", id, n) for id, n in common.most_common()]
        table += [("(stopped before it answered)", kind, n) for kind, n in troubles.most_common()]
        if table:
            lines = "".join(
                f'<tr><td class="n">{n}</td><td class="n">{n / max(1, len(tried)):.0%}</td><td>{escape(id)}</td>'
                f"<td>{escape(text)}</td></tr>"
                for text, id, n in table
            )
            body.append(f"<table><tr><th>students</th><th></th><th>mistake</th><th>asked</th></tr>{lines}</table>")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(PAGE.format(title="The class", body="\n".join(body)), encoding="utf-8")
