"""Errors that teach: their kinds, and how to find the line of the learner's code that is to blame."""
from __future__ import annotations

import contextlib
import linecache
import os
import threading
from sys import _getframe
from types import CodeType, FrameType
from typing import Any

_PACKAGE = os.path.dirname(__file__) + os.sep       # as the frames of its code name it, which may be with ".." inside
_OURS = _PACKAGE, contextlib.__file__               # and what stands between a `with` and what the package does there


class EngineError(RuntimeError):
    """Base of every error that the engine raises on purpose.

    Its message ends with the line of the learner's code that is to blame, unless it names lines itself.
    """

    def __init__(self, message: Any = ""):
        located = not isinstance(message, str) or not message or "\n  " in message
        super().__init__(message if located else message + at_line(learner_line()))


class ShapeError(EngineError, ValueError):
    """Shapes that do not fit an operation."""


class DTypeError(EngineError, TypeError):
    """A dtype that an operation or a gradient cannot use."""


class ZeroDivision(EngineError, ZeroDivisionError):
    """Whole numbers divided by 0."""


class DeviceError(EngineError):
    """Tensors on different devices, or a device that is not there."""


class GradError(EngineError):
    """A backward pass that cannot be run, or would be wrong."""


inside: set[str] = set()        # the engine's files and others, as `here` has met them
outside: set[str] = set()


class _Standing(threading.local):
    """What `here` says in a thread, to the engine's own code that it meets first."""

    place: Any = None


_standing = _Standing()


def here(depth: int = 1) -> tuple[CodeType, int] | None:
    """Where the learner's code stands now, as cheaply as it can be noted: a code object and an offset in it.

    No frame is kept, so nothing that the code holds is kept alive; `Line.at` finds the line later.
    """
    frame: FrameType | None = _getframe(depth + 1)
    while frame is not None:
        code = frame.f_code
        file = code.co_filename
        if file in outside:
            return code, frame.f_lasti
        if file not in inside:
            (inside if file.startswith(_OURS) else outside).add(file)
        elif _standing.place is not None:
            return _standing.place
        else:
            frame = frame.f_back
    return None


def stand(place: tuple[CodeType, int] | None) -> Any:
    """Let `here` say `place` to the engine's own code, which runs for long from one line; what it said before, or None."""
    before, _standing.place = _standing.place, place
    return before


class Line:
    """One line of somebody's code: where it stands, found late and printed when asked."""

    __slots__ = ("file", "number", "function")

    def __init__(self, file: str, number: int, function: str = ""):
        self.file, self.number, self.function = file, number, function

    @classmethod
    def at(cls, place: tuple[CodeType, int]) -> Line:
        """The line of a place that `here` noted."""
        code, offset = place
        number = next((line for start, stop, line in code.co_lines() if start <= offset < stop and line), 0)
        return cls(code.co_filename, number, code.co_name)

    @property
    def text(self) -> str:
        """The source text of the line, stripped; empty where the source is not at hand."""
        return linecache.getline(self.file, self.number).strip()

    def __str__(self) -> str:
        name = cell_name(self.file)
        code = f": {self.text}" if self.text else ""
        return f"{name}, line {self.number}{code}"


def cell_name(file: str) -> str:
    """A file's name as a learner knows it: the last part of a path, `this cell` for a notebook cell."""
    if "ipykernel_" in file or file.startswith("<ipython-input"):
        return "this notebook"
    return os.path.basename(file) if not file.startswith("<") else file


def learner_frame(depth: int = 1) -> FrameType | None:
    """The innermost frame outside this package, or None."""
    frame: FrameType | None = _getframe(depth)
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return frame


def learner_line(depth: int = 1) -> Line | None:
    """The innermost line outside this package: the one that a message should name."""
    frame = learner_frame(depth + 1)
    return None if frame is None else Line(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


def at_line(line: Line | None) -> str:
    """A message's closing words: `  at lesson.py, line 3: c = a @ b`."""
    return f"\n  at {line}" if line is not None else ""
