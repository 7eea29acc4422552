"""The `tgc` command: the lessons for a learner, the exercises for whoever writes them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lessons.classroom.commands import grade, release
from lessons.folder import DEFAULT

if TYPE_CHECKING:
    from lessons.grader.prove import Claim

app = typer.Typer(
    help="Lessons in which you see the graph and the gradient.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
exercises = typer.Typer(help="For those who write exercises.", no_args_is_help=True)
app.add_typer(exercises, name="exercise")

Dir = Annotated[Path, typer.Option("--dir", help="Where your lessons lie.", show_default=DEFAULT)]


app.command()(release)
app.command()(grade)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(context: typer.Context, dir: Dir = Path(DEFAULT)) -> None:
    """Open the lessons in JupyterLab. Other arguments go to JupyterLab: tgc lab --no-browser."""
    from lessons.catalog import lessons
    from lessons.folder import FIRST_PAGE, FolderError, update
    from lessons.grader.progress import FILE

    folder = dir.expanduser().resolve()
    try:
        report = update(folder)
    except FolderError as error:
        _stop(str(error))
    if report.added:
        typer.echo(f"New in {folder}: {', '.join(report.added)}")
    for name in report.updated:
        typer.echo(f"Updated: {name}")
    for name in report.kept:
        stem = name.removesuffix(".ipynb")
        typer.echo(f"There is a newer {name}. Yours has your changes and was left alone.")
        typer.echo(f"  To get the new one beside it: tgc fresh {stem} --dir {folder}")
    # Whoever has begun wants to know where; whoever has not wants to begin.
    _jupyter(folder, FIRST_PAGE if (folder / FILE).is_file() else f"{lessons()[0].id}.ipynb", context.args)


@app.command()
def fresh(lesson: str, dir: Dir = Path(DEFAULT)) -> None:
    """Put the newest version of a lesson beside your own; yours stays as it is."""
    from lessons.folder import FolderError, beside

    try:
        path = beside(dir.expanduser().resolve(), f"{lesson.removesuffix('.ipynb')}.ipynb")
    except FolderError as error:
        _stop(str(error))
    typer.echo(f"Here it is: {path}")


@app.command()
def progress(dir: Dir = Path(DEFAULT)) -> None:
    """Show where you are in the course, what is due for review, and how well you predicted."""
    from lessons.grader.progress import FILE, MANIFEST
    from lessons.grader.report import progress as show
    from lessons.path import course_map

    here = Path.cwd()
    folder = here if dir == Path(DEFAULT) and (here / MANIFEST).is_file() else dir.expanduser().resolve()
    if not (folder / FILE).is_file():
        typer.echo(f"Nothing yet in {folder}. `tgc lab` opens the first lesson there; --dir names another folder.")
        return
    typer.echo(f"{course_map(folder)!r}\n\n{show(folder)!r}")


@exercises.command()
def new(
    id: Annotated[str, typer.Argument(help="The exercise's name, such as chain-rule.")],
    into: Annotated[Path, typer.Option("--into", help="The lesson's folder.", show_default=False)],
    title: Annotated[str, typer.Option(help="What it is called.")] = "",
) -> None:
    """Make an exercise that is whole and proved, to be rewritten into your own."""
    from lessons.grader.exercise import Exercise
    from lessons.grader.prove import prove
    from lessons.grader.template import write

    if not (into / "lesson.md").is_file():
        _stop(f"{into} is no lesson's folder: there is no lesson.md in it.")
    folder = into / "exercises" / id
    try:
        written = write(folder, title or id.replace("-", " ").capitalize())
    except (ValueError, FileExistsError) as error:
        _stop(f"{error}.")
    for path in written:
        typer.echo(f"  {path}")
    _report(list(prove(Exercise(folder))))
    typer.echo(f"Name it in {into / 'lesson.md'} (:exercise: {id}), then rewrite it, and prove it: tgc exercise test {id}")


@exercises.command()
def test(id: Annotated[str, typer.Argument(help="One exercise; all when left out.")] = "") -> None:
    """Prove that an exercise passes its reference, fails its stub, and knows its wrong answers."""
    from lessons.catalog import exercise, lessons
    from lessons.grader.prove import prove

    try:
        chosen = [exercise(id)] if id else [e for n in lessons() for e in n.exercises().values()]
    except LookupError as error:
        _stop(str(error))
    broken = 0
    for one in chosen:
        typer.secho(f"{one.id}: {one.title}", bold=True)
        broken += _report(list(prove(one)))
    if broken:
        _stop(f"{broken} {'claim does' if broken == 1 else 'claims do'} not hold.")


def _report(claims: "list[Claim]") -> int:
    """Prints what holds and what does not; how many do not."""
    for claim in claims:
        mark = typer.style("✓", fg="green") if claim.holds else typer.style("✗", fg="red")
        typer.echo(f"  {mark} {claim.about}" + (f": {claim.problem}" if claim.problem else ""))
    return sum(not claim.holds for claim in claims)


def _stop(message: str) -> None:
    typer.echo(message, err=True)
    raise typer.Exit(1)


def _jupyter(folder: Path, page: str, arguments: list[str]) -> None:
    """Becomes JupyterLab, with the lesson open; its own Ctrl-C then ends everything."""
    settings = Path(__file__).parent / "lab"
    paths = [str(settings), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
    # These settings hold for this run only: no news popup, and widgets saved with the notebook.
    environment = {**os.environ, "JUPYTER_CONFIG_PATH": os.pathsep.join(paths)}
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}"]
    if os.name == "posix" and os.geteuid() == 0:
        # In containers one is root as a matter of course, and JupyterLab would refuse to start.
        command.append("--allow-root")
    command += [f"--LabApp.default_url=/lab/tree/{page}", *arguments]
    os.chdir(folder)
    sys.stdout.flush()
    if os.name == "posix":
        os.execve(command[0], command, environment)
    try:
        sys.exit(subprocess.call(command, env=environment))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    app()
