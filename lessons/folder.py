"""Makes and updates the learner's folder, and never writes over what the learner wrote.

A manifest in the folder remembers the hash of every file as it was written. A file that still has
that hash is ours and may be replaced by a newer version; any other file is the learner's.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lessons.catalog import lessons
from lessons.glossary_page import page as glossary
from lessons.grader.progress import MANIFEST
from lessons.notebook import beside_lessons, text

DEFAULT = "~/tinygrad-lessons"
FIRST_PAGE = "00-course.ipynb"


class FolderError(Exception):
    """The folder cannot be used; the message says what to do."""


@dataclass
class Report:
    """What an update did, by file name."""

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)  # the learner's, and there is a newer version


def shipped() -> dict[str, bytes]:
    """Every file that a learner's folder gets, as of this version of the course."""
    return {
        FIRST_PAGE: beside_lessons("course"),
        **{f"{lesson.id}.ipynb": text(lesson) for lesson in lessons()},
        "gallery.ipynb": beside_lessons("gallery"),
        "glossary.ipynb": beside_lessons("glossary", glossary()),
    }


def update(folder: Path, files: Mapping[str, bytes] | None = None) -> Report:
    """Brings the folder up to date: adds what is missing, replaces what nobody touched."""
    files = shipped() if files is None else files
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise FolderError(f"{folder} is a file. Choose another place with --dir.") from None
    except OSError as error:
        raise FolderError(f"{folder} cannot be made ({error.strerror}). Choose another place with --dir.") from error
    written, offered = _read(folder)
    report = Report()
    try:
        for name, new in files.items():
            path, hash = folder / name, _hash(new)
            if not path.exists() and not path.is_symlink():
                _write(path, new)
                report.added.append(name)
            elif (old := _hash(path.read_bytes())) == hash:
                pass
            elif old == written.get(name) and not path.is_symlink():
                _write(path, new)
                report.updated.append(name)
            else:
                if written.get(name) != hash and offered.get(name) != hash:
                    report.kept.append(name)
                continue
            written[name] = hash
        _save(folder, written, offered)
    except OSError as error:
        raise FolderError(f"{error.filename or folder}: {error.strerror}.") from error
    return report


def beside(folder: Path, name: str, files: Mapping[str, bytes] | None = None) -> Path:
    """Puts the newest version of a lesson next to the learner's own, under a free name."""
    files = shipped() if files is None else files
    if name not in files:
        known = ", ".join(n.removesuffix(".ipynb") for n in files)
        raise FolderError(f"There is no lesson {name.removesuffix('.ipynb')!r}; there are: {known}.")
    stem, number = name.removesuffix(".ipynb"), 1
    while True:
        path = folder / f"{stem}-new{'' if number == 1 else f'-{number}'}.ipynb"
        try:
            with path.open("xb") as file:
                file.write(files[name])
            break
        except FileExistsError:
            number += 1
        except OSError as error:
            raise FolderError(f"{path}: {error.strerror}.") from error
    written, offered = _read(folder)
    offered[name] = _hash(files[name])
    _save(folder, written, offered)
    return path


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _read(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """What we wrote and what we offered; when that is lost, nothing: all is the learner's."""
    try:
        known = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return dict(known["written"]), dict(known["offered"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}, {}


def _save(folder: Path, written: dict[str, str], offered: dict[str, str]) -> None:
    table = {"about": "Which files tgc wrote here.", "written": written, "offered": offered}
    _write(folder / MANIFEST, (json.dumps(table, indent=2, sort_keys=True) + "\n").encode())


def _write(path: Path, data: bytes) -> None:
    """All of it or nothing: a file is never seen half written."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
