"""What `tgc release` and `tgc grade` do, from what was typed to what is said at the end."""

import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from lessons.grader.exercise import Exercise

Course = Annotated[Path | None, typer.Option("--course", help="A course of your own: a folder of lessons.")]
Which = Annotated[list[str] | None, typer.Option("--exercise", help="Mark only this one; may be said several times.")]


def release(
    out: Annotated[Path, typer.Option("--out", help="The folder to make.")],
    course: Course = None,
) -> None:
    """Make the students' folder: notebooks, statements, stubs and visible cases; no answers."""
    from lessons.classroom import release as making
    from lessons.folder import FolderError

    lessons = making.course(course)
    if not lessons:
        _stop(f"There is no lesson in {course}: a lesson is a folder with a lesson.md.")
    try:
        report = making.release(out.expanduser().resolve(), lessons)
    except (FolderError, OSError) as error:
        _stop(str(error))
    typer.echo(f"{out}: {len(report.added)} files added, {len(report.updated)} updated.")
    for name in report.kept:
        typer.echo(f"  {name} was changed by somebody and left alone.")


def grade(
    submissions: Annotated[Path, typer.Argument(help="A folder, or a zip from Moodle, Canvas or Gradescope.")],
    out: Annotated[Path, typer.Option("--out", help="Where the marks go.")] = Path("marks.csv"),
    course: Course = None,
    exercise: Which = None,
    gradebook: Annotated[str, typer.Option(help="A database that SQLAlchemy knows; a file beside --out otherwise.")] = "",
    due: Annotated[str, typer.Option(help="When it was due, like 2026-11-20T23:59.")] = "",
    late_percent: Annotated[float, typer.Option(help="What each late day costs, in percent.", min=0, max=100)] = 0.0,
    grace: Annotated[int, typer.Option(help="Minutes after --due that do not count.", min=0)] = 0,
    feedback: Annotated[Path | None, typer.Option(help="A folder for a page for each student.")] = None,
    report: Annotated[Path | None, typer.Option(help="A page about the class: which mistake is how common.")] = None,
    similar: Annotated[Path | None, typer.Option(help="A page with answers that are alike.")] = None,
    canvas: Annotated[Path | None, typer.Option(help="A CSV file for Canvas.")] = None,
    nbgrader: Annotated[Path | None, typer.Option(help="A CSV file with nbgrader's columns.")] = None,
    nbgrader_db: Annotated[Path | None, typer.Option(help="A gradebook of nbgrader 0.9, made or added to.")] = None,
    gradescope: Annotated[Path | None, typer.Option(help="A folder for Gradescope's results.json files.")] = None,
    require_isolation: Annotated[str, typer.Option(help="Refuse less: strong, good or weak.")] = "good",
    trust_students: Annotated[bool, typer.Option("--trust-students", help="Mark even without isolation.")] = False,
    scheduler: Annotated[str, typer.Option(help="A Dask cluster, like tcp://host:8786.")] = "",
    workers: Annotated[int | None, typer.Option(help="Processes; one a core otherwise.", min=1)] = None,
) -> None:
    """Mark what students handed in. Run again, it goes on where it was, and marks again only what changed."""
    try:
        import sqlalchemy  # noqa: F401
    except ImportError:
        _stop("Marking needs a few more packages: in the project's folder, .venv/bin/pip install '.[grade]'")
    from tqdm import tqdm

    from lessons.classroom import exports, run
    from lessons.classroom import feedback as telling
    from lessons.classroom import similar as alike
    from lessons.classroom.gradebook import Gradebook
    from lessons.classroom.nbgrader import NbgraderError, nbgrader_database
    from lessons.classroom.release import course as lessons_of
    from lessons.classroom.sandbox import MEANING, Broken
    from lessons.classroom.scores import Policy, moment, scores
    from lessons.classroom.submissions import SubmissionsError
    from lessons.classroom.submissions import submissions as read

    tier = _isolation(require_isolation, trust_students)
    exercises = _chosen(course, exercise or [])
    ids = [one.id for one in exercises]
    try:
        policy = Policy(moment(due) if due else None, late_percent, timedelta(minutes=grace))
    except ValueError:
        _stop(f"--due {due} is not a time like 2026-11-20T23:59.")
    try:
        handed_in = read(submissions)
    except (SubmissionsError, OSError) as error:
        _stop(str(error))
    _people([one.student for one in handed_in], [lesson.id for lesson in lessons_of(course)])
    out.parent.mkdir(parents=True, exist_ok=True)
    book = Gradebook(gradebook or f"sqlite:///{out.with_suffix('.db').resolve()}")
    try:
        book.enter(handed_in)
        todo = run.jobs(handed_in, exercises, book, tier)
        typer.echo(f"{len(handed_in)} students, {len(ids)} exercises, {len(todo)} to mark.")
        typer.echo(f"Isolation: {tier} ({MEANING[tier]}).")
        if todo:
            with tqdm(total=len(todo), unit="mark", disable=None) as bar:
                run.work(todo, book, lambda _: bar.update(), scheduler, workers)
        present = {one.student for one in handed_in}
        students = [row for row in book.students() if row["student"] in present]
        results = scores(students, book.marks(), ids, policy)
    except Broken as error:
        _stop(f"Marking stopped: {error}. What is marked is kept.")
    except KeyboardInterrupt:
        typer.echo("\nStopped. What is marked is kept: the same command goes on from here.", err=True)
        raise typer.Exit(130) from None
    finally:
        book.close()
    title = course.resolve().name if course else "tinygrad lessons"
    exports.marks_csv(out, results, ids)
    if canvas:
        exports.canvas_csv(canvas, results, title)
    if nbgrader:
        exports.nbgrader_csv(nbgrader, results, title, policy)
    if nbgrader_db:
        try:
            nbgrader_database(nbgrader_db, results, exercises, title, policy)
        except NbgraderError as error:
            _stop(str(error))
    if gradescope:
        exports.gradescope(gradescope, results)
    if feedback:
        telling.pages(feedback, results, exercises)
    if report:
        telling.report(report, results, exercises)
    if similar:
        alike.report(similar, list(alike.pairs(handed_in, exercises)))
    counts = Counter(mark.status for score in results for mark in score.marks)
    typer.echo(f"{out}: " + ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) + ".")
    if counts["error"]:
        typer.echo(f"{counts['error']} could not be marked and need a person: --report names them.", err=True)


_ADVICE = (
    "Students' code would run here under isolation “{have}” ({meaning}), and “{need}” is required.\n"
    "  Debian, Ubuntu: apt install bubblewrap gives more; Landlock needs Linux 5.13 or newer.\n"
)


def _isolation(need: str, trust: bool) -> str:
    """The strongest tier that works here, if it is enough."""
    from lessons.classroom.sandbox import MEANING, TIERS, strongest

    if need not in TIERS:
        _stop(f"--require-isolation is strong, good or weak, not {need!r}.")
    if not sys.platform.startswith("linux"):
        _stop("Marking needs Linux: its kernel is what keeps students' code locked in. A virtual machine will do.")
    have = strongest()
    if have == "weak" and trust:
        return have
    if have == "weak" or TIERS.index(have) > TIERS.index(need):
        advice = _ADVICE.format(have=have, meaning=MEANING[have], need="good" if need == "weak" else need)
        _stop(advice + "  If you trust every student: --trust-students." * (have == "weak"))
    return have


def _people(students: list[str], lessons: list[str]) -> None:
    """Says which students are called like a lesson, and marks nobody if all are: notebooks lie where students should."""
    taken = [student for student in students if student in lessons]
    if not taken:
        return
    kind = "this is a lesson's name" if len(taken) == 1 else "these are lessons' names"
    names = f"{', '.join(taken)}: {kind}, not a student's."
    advice = "A file belongs to the student that it, or its folder, is named after: put each student's files into a folder."
    if len(taken) == len(students):
        _stop(f"{names}\n{advice}")
    typer.echo(f"{names} {advice}", err=True)


def _chosen(course: Path | None, named: list[str]) -> list[Exercise]:
    from lessons.classroom.release import course as lessons

    everything = {id: one for lesson in lessons(course) for id, one in lesson.exercises().items()}
    unknown = [id for id in named if id not in everything]
    if unknown:
        _stop(f"There is no exercise {', '.join(unknown)}; there are {', '.join(everything)}.")
    if not everything:
        _stop(f"There is no exercise in {course}.")
    return [everything[id] for id in named] if named else list(everything.values())


def _stop(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)
