"""Reads what students handed in, from a folder or from a zip as Moodle, Canvas and Gradescope make them. Nothing is run."""

import hashlib
import json
import re
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from lessons.grader.exercise import Exercise
from lessons.grader.progress import MANIFEST

LARGEST = 10 << 20  # bytes of one file
SUFFIXES = (".ipynb", ".py")
_MOODLE = re.compile(r"^(?P<name>.+?)_(?P<id>\d+)_assignsubmission_file(?:_.*)?$")
_CANVAS = re.compile(r"^(?P<name>[^_]+)_(?P<late>LATE_)?(?P<id>\d+)_(?P<file>\d+)_(?P<rest>.+)$")
_GRADESCOPE = re.compile(r"^submission_(?P<id>\d+)$")


class SubmissionsError(Exception):
    """There is nothing here that can be marked; the message says what to do."""


@dataclass(frozen=True)
class Piece:
    """One file as handed in; `problem` says why it could not be read."""

    name: str
    data: bytes = b""
    problem: str = ""


@dataclass
class Submission:
    """All that one student handed in."""

    student: str
    name: str
    at: datetime | None = None
    late: bool | None = None  # where the platform says so
    files: list[Piece] = field(default_factory=list)

    @property
    def hash(self) -> str:
        """Changes when anything in it changes."""
        digest = hashlib.sha256()
        for piece in sorted(self.files, key=lambda piece: piece.name):
            for part in (piece.name.encode("utf-8", "replace"), piece.data, piece.problem.encode()):
                digest.update(len(part).to_bytes(8, "little") + part)
        return digest.hexdigest()


@dataclass(frozen=True)
class Cell:
    """One cell of code, and the exercise that it says it belongs to."""

    source: str
    exercise: str | None = None


def submissions(place: Path) -> list[Submission]:
    """Every student's submission in a folder or zip, by student.

    Raises SubmissionsError when there is none.
    """
    if place.is_dir():
        found = _folder(place)
        lessons = (place / MANIFEST).is_file()
    elif zipfile.is_zipfile(place):
        found = _zip(place)
        with zipfile.ZipFile(place) as archive:
            lessons = MANIFEST in archive.namelist()
    else:
        raise SubmissionsError(f"{place} is neither a folder nor a zip file.")
    if lessons:
        raise SubmissionsError(
            f"{place} is a folder of lessons, as `tgc release` or `tgc lab` makes it: every notebook in it would be "
            "taken for a student.\nName a folder with one notebook or one folder for each student; this one may lie in it."
        )
    together: dict[str, Submission] = {}
    for one in found:
        known = together.setdefault(one.student, one)
        if known is not one:
            known.files += one.files
            known.at = max(filter(None, (known.at, one.at)), default=None)
            known.late = known.late or one.late
    if not together:
        raise SubmissionsError(f"There is no notebook and no .py file in {place}.")
    return [together[student] for student in sorted(together)]


def _folder(root: Path) -> Iterator[Submission]:
    names = _people(root / "submission_metadata.yml")
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if path.suffix.lower() not in SUFFIXES or _hidden(PurePosixPath(inside)):
            continue
        if any(parent.is_symlink() for parent in (path, *path.parents) if root in parent.parents):
            piece, at = Piece(path.name, problem="It is a link to another place, not a file. Hand in the file itself."), None
        else:
            piece, at = _piece(path)
        yield _submission(PurePosixPath(inside), piece, at, names)


def _piece(path: Path) -> tuple[Piece, datetime | None]:
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            return Piece(path.name, problem="It is not an ordinary file."), None
        at = datetime.fromtimestamp(about.st_mtime, UTC)
        if about.st_size > LARGEST:
            return Piece(path.name, problem=_TOO_LARGE), at
        return Piece(path.name, path.read_bytes()), at
    except OSError as error:
        return Piece(path.name, problem=f"It cannot be read: {error.strerror}."), None


_TOO_LARGE = f"It is larger than {LARGEST >> 20} MB. Clear its outputs and hand it in again."


def _zip(path: Path) -> Iterator[Submission]:
    """Read in memory: no name in a zip is ever used as a place on this disk."""
    with zipfile.ZipFile(path) as archive:
        metadata = next((i for i in archive.infolist() if i.filename.endswith("submission_metadata.yml")), None)
        names = {}
        if metadata is not None and metadata.file_size < LARGEST:
            names = _gradescope(archive.read(metadata))
        for entry in archive.infolist():
            inside = PurePosixPath(entry.filename.replace("\\", "/"))
            if entry.is_dir() or inside.suffix.lower() not in SUFFIXES or _hidden(inside):
                continue
            at = _zip_time(entry)
            if stat.S_ISLNK(entry.external_attr >> 16):
                piece = Piece(inside.name, problem="It is a link to another place, not a file. Hand in the file itself.")
            elif entry.file_size > LARGEST:
                piece = Piece(inside.name, problem=_TOO_LARGE)
            else:
                try:
                    with archive.open(entry) as file:
                        data = file.read(LARGEST + 1)
                    piece = Piece(inside.name, data) if len(data) <= LARGEST else Piece(inside.name, problem=_TOO_LARGE)
                except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError, ValueError) as error:
                    piece = Piece(inside.name, problem=f"It cannot be taken out of the zip: {error}.")
                except Exception as error:  # zlib.error, lzma's, ...: a damaged entry is one student's trouble
                    piece = Piece(inside.name, problem=f"It is damaged inside the zip: {error}.")
            yield _submission(inside, piece, at, names)


def _zip_time(entry: zipfile.ZipInfo) -> datetime | None:
    try:
        return datetime(*entry.date_time).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _hidden(path: PurePosixPath) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def _submission(inside: PurePosixPath, piece: Piece, at: datetime | None, names: dict[str, Any]) -> Submission:
    """Whose it is, by where it lies."""
    inside = PurePosixPath(_clean(str(inside)))
    for folder in inside.parts[:-1]:
        if match := _MOODLE.match(folder):
            return Submission(match["id"], match["name"], at, files=[piece])
        if _GRADESCOPE.match(folder):
            name, email, at_ = names.get(folder, (folder, folder, None))
            return Submission(email, name, at_ or at, files=[piece])
    if match := _MOODLE.match(inside.name):
        return Submission(match["id"], match["name"], at, files=[piece])
    if len(inside.parts) > 1:
        return Submission(inside.parts[0], inside.parts[0], at, files=[piece])
    if match := _CANVAS.match(inside.name):
        piece = Piece(match["rest"], piece.data, piece.problem)
        return Submission(match["id"], match["name"], at, late=bool(match["late"]), files=[piece])
    return Submission(inside.stem, inside.stem, at, files=[piece])


def _people(path: Path) -> dict[str, Any]:
    return _gradescope(path.read_bytes()) if path.is_file() and not path.is_symlink() else {}


def _gradescope(text: bytes) -> dict[str, Any]:
    """Name, address and time of each submission in Gradescope's submission_metadata.yml."""
    import yaml

    people = {}
    try:
        for folder, about in yaml.safe_load(text).items():
            who = about[":submitters"][0]
            at = about.get(":created_at")
            when = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC) if isinstance(at, datetime) else None
            people[str(folder)] = (str(who[":name"]), str(who.get(":sid") or who.get(":email")), when)
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, IndexError, UnicodeDecodeError):
        pass
    return people


def cells(piece: Piece) -> tuple[list[Cell], str]:
    """The code in a file, and what is wrong with the file."""
    if piece.problem:
        return [], piece.problem
    if piece.name.lower().endswith(".py"):
        return [Cell(_clean(piece.data.decode("utf-8-sig", "replace")))], ""
    try:
        notebook = json.loads(piece.data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return [], "The notebook is not text in UTF-8. Open it in Jupyter, save it, and hand it in again."
    except (ValueError, RecursionError):
        return [], "The file is not a notebook: its JSON is broken. Open it in Jupyter, save it, and hand it in again."
    found = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(found, list):
        return [], "The file is not a notebook: it has no cells. Hand in the .ipynb file itself."
    return [cell for item in found if (cell := _cell(item)) is not None], ""


def _cell(item: Any) -> Cell | None:
    if not isinstance(item, dict) or item.get("cell_type") != "code":
        return None
    source = item.get("source")
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    if not isinstance(source, str):
        return None
    metadata = item.get("metadata")
    exercise = metadata.get("exercise") if isinstance(metadata, dict) else None
    return Cell(_clean(source), exercise if isinstance(exercise, str) else None)


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\r", "\n")


def answers(submission: Submission, exercise: Exercise) -> tuple[list[str], list[str], str]:
    """The other code of the student, the answer's cells, and what stands in the way of marking.

    Cells are found by the exercise's id; copies are tolerated, and an untouched stub counts for nothing.
    Where the ids are lost, the cells that define what the exercise asks for are taken.
    """
    problems, everything = [], []
    for piece in submission.files:
        found, problem = cells(piece)
        everything += found
        if problem:
            problems.append(f"{piece.name}: {problem}")
    stub = exercise.rung("blank").split()
    name = re.escape(exercise.object)
    defines = re.compile(rf"^ *(?:def|class|async def) +{name}\b|^ *{name} *=", re.MULTILINE)
    tagged = [cell for cell in everything if cell.exercise == exercise.id]
    loose = [cell for cell in everything if cell.exercise is None and defines.search(cell.source)]
    mine = next((w for w in (_written(tagged, stub), _written(loose, stub)) if w), [])
    taken = {id(cell) for cell in (*tagged, *mine)}
    others = [cell.source for cell in everything if id(cell) not in taken]
    if mine:
        return others, [cell.source for cell in mine], ""
    if tagged or loose:
        return others, [], "It was handed in as it was given out: nothing is written yet."
    nothing = f"Nothing was handed in for this exercise: no cell of it, and nothing that is called {exercise.object}."
    return others, [], " ".join(problems) or nothing


def _written(cells: list[Cell], stub: list[str]) -> list[Cell]:
    return [cell for cell in cells if cell.source.split() != stub]
