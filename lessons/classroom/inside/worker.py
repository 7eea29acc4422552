"""Runs one student's cells, then one case after another as they are asked for; answers with plain data."""

import ast
import io
import linecache
import os
import sys
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from . import frames

OUTPUT = 4000  # characters that are kept of what is printed
KEPT = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)


class Console(io.TextIOBase):
    """Keeps the first part of what is printed."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        """Keeps what still fits."""
        self.text += text[: OUTPUT - len(self.text)]
        return len(text)


def serve(inbox: int, outbox: int) -> None:
    """Reads the job, then cases, from one pipe; writes an answer to each to the other."""

    def exactly(count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            piece = os.read(inbox, min(count - len(data), 1 << 20))
            if not piece:
                os._exit(0)
            data += piece
        return bytes(data)

    def send(value: Any) -> None:
        view = memoryview(frames.encode(value))
        while view:
            view = view[os.write(outbox, view) :]

    console = Console()
    sys.stdout = sys.stderr = console
    job = frames.read(exactly)
    drive: Callable[..., Any] | None = None
    answer = None
    try:
        answer = _answer(job)
        driver: dict[str, Any] = {"__name__": "driver"}
        exec(compile(job["driver"], "<driver>", "exec"), driver)
        drive = driver["drive"]
    except BaseException as error:
        send(_trouble(error, console))
        return
    send({"ready": True, "printed": console.text})
    while True:
        cases = frames.read(exactly)
        for case in cases:
            console.text = ""
            try:
                reply = {"got": plain(drive(answer, case)), "printed": console.text}
            except BaseException as error:
                reply = _trouble(error, console)
            try:
                send(reply)
            except frames.FrameError as error:
                send({"error": "Return", "message": f"What it returned cannot be marked: {error}.", "lines": []})


def _answer(job: dict[str, Any]) -> Any:
    """The object asked for, after the cells that may help it were run in any order that works."""
    _nothing_to_check()
    space: dict[str, Any] = {"__name__": "submission", "np": np}
    pending = [node for source in job["context"] for node in _definitions(source)]
    for _ in range(4):
        left = [code for code in pending if not _works(code, space)]
        if len(left) == len(pending):
            break
        pending = left
    name, failure = job["object"], None
    space.pop(name, None)
    for number, source in enumerate(job["answer"]):
        filename = f"<answer {number}>"
        text = _without_magics(source)
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        try:
            exec(compile(text, filename, "exec"), space)
        except BaseException as error:
            failure = error
    if name in space:
        return space[name]
    if failure is not None:
        raise failure
    raise LookupError(f"There is no {name} in what you handed in.")


def _works(code: Any, space: dict[str, Any]) -> bool:
    try:
        exec(code, space)
    except BaseException:
        return False
    return True


def _definitions(source: str) -> list[Any]:
    try:
        tree = ast.parse(_without_magics(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    kept = [node for node in tree.body if isinstance(node, KEPT)]
    return [compile(ast.Module([node], []), "<another cell>", "exec") for node in kept]


def _without_magics(source: str) -> str:
    if source.lstrip().startswith("%%"):
        return ""
    return "\n".join("" if line.startswith(("%", "!")) else line for line in source.split("\n"))


def _nothing_to_check() -> None:
    """The notebook's own checks, and all else that a page asks for, are calls without effect here."""
    for name in ("lessons", "lessons.grader"):
        module: Any = ModuleType(name)
        module.__getattr__ = _without_effect
        sys.modules[name] = module


def _without_effect(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return lambda *_, **__: None


def plain(data: Any, depth: int = 0) -> Any:
    """A copy made of what a frame can hold; of anything else only its kind is kept."""
    if type(data) is int and data.bit_length() > 1000:
        return {"foreign": "int with hundreds of digits"}
    if data is None or type(data) in (bool, int, float, str):
        return data
    if depth > 20:
        return {"foreign": "nested data without end"}
    if isinstance(data, np.ndarray):
        return np.asarray(data) if data.ndim else plain(data.item(), depth)
    if isinstance(data, (list, tuple)):
        return [plain(item, depth + 1) for item in data]
    if isinstance(data, dict):
        return {str(key): plain(value, depth + 1) for key, value in data.items()}
    if isinstance(data, float):
        return float(data)
    if hasattr(data, "item") and getattr(data, "shape", None) == ():
        return plain(data.item(), depth + 1)
    if type(data).__module__.partition(".")[0] == "tinygrad_core" and hasattr(data, "numpy"):
        return plain(data.detach().numpy(), depth + 1)
    return {"foreign": type(data).__name__[:80]}


def _trouble(error: BaseException, console: Console) -> dict[str, Any]:
    lines: list[Any] = []
    try:
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename.startswith("<answer"):
                lines.append([frame.lineno, (frame.line or "")[:200]])
        if isinstance(error, SyntaxError):
            lines = [[error.lineno or 0, (error.text or "").strip()[:200]]]
        message = str(error)[:500]
    except BaseException:
        message = "(its message cannot be shown)"
    kind = type(error).__name__[:80]
    for base in (SystemExit, MemoryError, RecursionError, SyntaxError):
        if isinstance(error, base):
            kind = base.__name__
    return {"error": kind, "message": message, "lines": lines[-3:], "printed": console.text}
