"""Cells that run in a real framework where it is installed; elsewhere the page shows what was measured, on what, and when.

`%%pytorch ID` and `%%tensorflow ID` run in a Python of their own, so that a framework neither takes the page's memory nor
changes its settings: such a cell stands on its own. What each printed lies in measured.toml, which `python -m
lessons.measured [PYTHON]` writes anew from the cells of the lessons, for the frameworks which that Python has.
"""

import hashlib
import importlib.util
import json
import os
import platform
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from lessons.catalog import lessons
from lessons.look import Card

STORED = Path(__file__).parent / "measured.toml"
FRAMEWORKS = {"pytorch": ("PyTorch", "torch"), "tensorflow": ("TensorFlow", "tensorflow")}
SECONDS = 120  # the slowest import of a framework, many times over

_CELL = re.compile(rf"^%%({'|'.join(FRAMEWORKS)}) ([\w-]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Runs the code that comes in; what it printed goes out, with the framework's version.
_RUN = """
import contextlib, io, json, sys
module, code = json.load(sys.stdin)
said = io.StringIO()
with contextlib.redirect_stdout(said):
    exec(compile(code, "<cell>", "exec"), {"__name__": "__main__"})
version = sys.modules[module].__version__.partition("+")[0]
print(json.dumps({"printed": said.getvalue().rstrip(), "version": version}))
"""


@dataclass(frozen=True)
class Measurement:
    """What a cell printed, in which version of its framework, on what machine, and when."""

    framework: str
    version: str
    machine: str
    date: date
    cell: str  # fingerprint of the code that printed it
    printed: str


class Stopped(Exception):
    """The cell did not come to its end; the message is the last line of what Python said."""


def framework(name: str) -> Callable[[str, str], None]:
    """Makes `%%pytorch ID` or `%%tensorflow ID`: runs the cell in that framework, or shows what it printed elsewhere."""

    def magic(line: str, cell: str) -> None:
        from IPython.display import display

        display(measured(name, line.strip(), cell))

    return magic


def measured(name: str, id: str, code: str, python: str = sys.executable) -> Card:
    """What the code prints in that framework here; where it is not installed, what it printed where it was."""
    title, module = FRAMEWORKS[name]
    why = f"{title} is not installed here"
    if importlib.util.find_spec(module):
        try:
            now = run(name, code, python)
            return _card(now, "measured here, just now")
        except Stopped as error:
            why = f"here it stopped: {error}"
    stored = known().get(id)
    if stored is None:
        return Card("open", f"Nothing was measured: {why}.")
    card = _card(stored, f"measured on {stored.date.day} {stored.date:%B %Y}; {why}")
    if stored.cell != fingerprint(code):
        card.say("This was measured with the cell as it came. Yours has been changed.")
    return card


def _card(what: Measurement, aside: str) -> Card:
    card = Card("open", f"{FRAMEWORKS[what.framework][0]} {what.version}", aside)
    return card.facts({"it printed": what.printed, "on": what.machine})


def run(name: str, code: str, python: str = sys.executable) -> Measurement:
    """Runs the code in a Python that has the framework; `Stopped` when it does not come to its end."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
    try:
        done = subprocess.run(
            [python, "-c", _RUN], input=json.dumps([FRAMEWORKS[name][1], code]), env={**os.environ, **quiet},
            capture_output=True, text=True, timeout=SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Stopped(f"after {SECONDS} seconds it was still running") from None
    if done.returncode:
        raise Stopped((done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1])
    said = json.loads(done.stdout.splitlines()[-1])
    return Measurement(name, said["version"], _machine(), date.today(), fingerprint(code), said["printed"])


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores"


def fingerprint(code: str) -> str:
    """The same for the same code."""
    return hashlib.sha256(code.strip().encode()).hexdigest()[:12]


def known() -> dict[str, Measurement]:
    """What is stored, by the cells' ids."""
    return {id: Measurement(**entry) for id, entry in tomllib.loads(STORED.read_text(encoding="utf-8")).items()}


def cells() -> Iterator[tuple[str, str, str]]:
    """Framework, id and code of every such cell of the course."""
    for lesson in lessons():
        for found in _CELL.finditer(lesson.source):
            yield found[1], found[2], found[3]


def measure_anew(python: str) -> list[str]:
    """Runs every cell whose framework that Python has, writes down what it printed; the ids of what was measured."""
    before, after, fresh = known(), {}, []
    for name, id, code in cells():
        try:
            after[id] = run(name, code, python)
            fresh.append(id)
        except Stopped as error:
            print(f"{id}: {error}", file=sys.stderr)
            if id in before:
                after[id] = before[id]
    STORED.write_text(_toml(after), encoding="utf-8")
    return fresh


def _toml(what: dict[str, Measurement]) -> str:
    lines = ["# What the framework cells of the lessons printed. Written by `python -m lessons.measured`; never by hand."]
    for id, one in what.items():
        lines += ["", f"[{id}]"]
        for key in ("framework", "version", "machine", "date", "cell"):
            value = getattr(one, key)
            lines.append(f"{key} = {value if isinstance(value, date) else json.dumps(value)}")
        lines.append(f"printed = '''\n{one.printed}'''")
    return "\n".join(lines) + "\n"


def load(shell: Any) -> None:
    """Teaches the notebook the cell magics of the frameworks."""
    for name in FRAMEWORKS:
        shell.register_magic_function(framework(name), magic_kind="cell", magic_name=name)


if __name__ == "__main__":
    print("measured:", ", ".join(measure_anew(*(sys.argv[1:2] or [sys.executable]))) or "nothing")
