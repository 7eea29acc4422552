"""Runs a learner's code so that whatever it does, the kernel lives and the mistake has a name."""

import builtins
import contextlib
import io
import linecache
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

OUTPUT_LIMIT = 10_000


class OutOfTime(BaseException):
    """The learner's code ran longer than it may. Not an Exception: theirs must not catch it."""


@dataclass(frozen=True)
class Trouble:
    """What went wrong while the learner's code ran, and where in their own lines."""

    kind: str  # "error", "loop", "exit", "blank" or "deep"
    message: str
    lines: tuple[tuple[int, str], ...] = ()


class Console(io.TextIOBase):
    """Where a learner's prints go: keeps the first part, counts the rest."""

    def __init__(self) -> None:
        self.text = ""
        self.dropped = 0

    def writable(self) -> bool:
        """It can be written to."""
        return True

    def write(self, text: str) -> int:
        """Keeps what still fits."""
        room = OUTPUT_LIMIT - len(self.text)
        self.text += text[:room]
        self.dropped += max(0, len(text) - room)
        return len(text)


@contextlib.contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raises OutOfTime inside the block when it has run for that long."""
    end = time.monotonic() + seconds

    def late(*_: Any) -> None:
        raise OutOfTime

    if hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread():
        before = signal.signal(signal.SIGALRM, late)
        # It rings again and again: a bare `except:` inside an endless loop swallows the first.
        signal.setitimer(signal.ITIMER_REAL, seconds, 0.05)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        return

    def trace(*_: Any) -> Any:
        if time.monotonic() > end:
            raise OutOfTime
        return trace

    before_trace = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before_trace)


def run(action: Callable[[], Any], owner: Any, seconds: float) -> tuple[Any, Trouble | None, Console]:
    """The action's result, or the trouble it met; and what was printed on the way.

    `owner` is the learner's function or class: its lines are the ones that are shown.
    """
    console = Console()
    try:
        with (
            contextlib.redirect_stdout(console),
            contextlib.redirect_stderr(console),
            deadline(seconds),
        ):
            return action(), None, console
    except OutOfTime as error:
        where = own_lines(error, owner)[-1:]
        return None, Trouble("loop", f"still running after {seconds:g} s", where), console
    except SystemExit as error:
        return None, Trouble("exit", "it tried to leave Python", own_lines(error, owner)), console
    except RecursionError as error:
        lines = own_lines(error, owner)
        return None, Trouble("deep", str(error), tuple(dict.fromkeys(lines))), console
    except Exception as error:
        if isinstance(error, NameError) and error.name is not None and set(error.name) == {"_"}:
            return None, Trouble("blank", "a blank is still open", own_lines(error, owner)), console
        message = f"{type(error).__name__}: {describe(error)}"
        return None, Trouble("error", message, own_lines(error, owner)), console


def describe(error: BaseException) -> str:
    """The error's own words, whatever its `__str__` does."""
    try:
        text = str(error)
    except Exception:
        return "(its message cannot be shown)"
    return text if len(text) <= 500 else text[:500] + " …"


def own_lines(error: BaseException, owner: Any) -> tuple[tuple[int, str], ...]:
    """Line number and text of the frames in the learner's code, outermost first."""
    globals_ = home(owner)
    lines = []
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if globals_ is not None and frame.f_globals is globals_:
            name = frame.f_code.co_filename
            text = linecache.getline(name, trace.tb_lineno, frame.f_globals).rstrip()
            lines.append((trace.tb_lineno, text))
        trace = trace.tb_next
    return tuple(lines)


def home(owner: Any) -> dict[str, Any] | None:
    """The global names of the code that the learner wrote."""
    for candidate in [owner, *vars(owner).values()] if isinstance(owner, type) else [owner]:
        globals_ = getattr(candidate, "__globals__", None)
        if globals_ is not None and globals_ is not vars(builtins):
            return globals_
    return None
