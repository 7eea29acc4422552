"""Guards: what a trace depends on, and one generated function that asks whether all of it is as it was."""
from __future__ import annotations

import dis
import reprlib
from collections.abc import Callable, Sequence
from types import CodeType
from typing import Any, NamedTuple

import numpy as np

from ..errors import Line

PLAIN = (bool, int, float, complex, str, bytes, type(None), np.generic)

# How things are read: o is what they are read from, k an item's key or an attribute's name.
_READS = {"item": "{o}[{k}]", "attribute": "{o}.{name}", "result": "{o}()", "items": "{o}", "values": "{o}.values()",
          "numbers": "{o}.tobytes()", "absent": "{k} not in {o}"}
_MANY = ("items", "values")     # compared element by element
_FEW = 64                       # so many elements are named one by one


class Guard(NamedTuple):
    """Something that was read while tracing and must be the same for the trace to hold."""

    what: str                               # "global k", "net.drop.training"
    read: str                               # how: a key of `_READS`
    owner: Any
    key: Any
    expected: Any
    place: tuple[CodeType, str] | None = None   # code that reads it, and the name that it says for it

    def expression(self, owner: str, key: str) -> str:
        """What reads it now, in Python."""
        name = ""
        if self.read == "attribute":        # the only thing that gets into code as it is
            name = self.key
            assert name.isidentifier(), name
        return _READS[self.read].format(o=owner, k=key, name=name)

    def question(self, n: int, names: dict[str, Any]) -> list[str]:
        """Lines of Python that return False where it is not as it was; what they name is added to `names`."""
        expected = f"e{n}"
        names |= {f"o{n}": self.owner, f"k{n}": self.key, expected: self.expected}
        now = self.expression(f"o{n}", f"k{n}")
        if self.read in _MANY and len(self.expected) <= _FEW:       # taken apart and named, which is far faster
            parts = [f"x{k}" for k in range(len(self.expected))]
            names |= {f"{expected}{x}": e for x, e in zip(parts, self.expected, strict=True)}
            same = " and ".join([f"{x} is {expected}{x}" for x in parts]) or "True"
            return [f"[{', '.join(parts)}] = {now}",
                    f"if not ({same} or alike(({''.join([x + ',' for x in parts])}), {expected})): return False"]
        if self.read in _MANY:
            same = f"alike(tuple({now}), {expected})"
        elif self.read == "absent":
            same = now
        elif isinstance(self.expected, (*PLAIN, tuple)):
            same = f"(now := {now}) is {expected} or alike(now, {expected})"
        else:
            same = f"{now} is {expected}"
        return [f"if not ({same}): return False"]

    def now(self) -> Any:
        """What it is now."""
        found = eval(self.expression("o", "k"), {"o": self.owner, "k": self.key})
        return tuple(found) if self.read in _MANY else found

    def change(self) -> str:
        """What has changed, in words; empty where nothing has."""
        try:
            now = self.now()
        except Exception as error:          # told, not hidden: it is the reason
            return f"{self.what} can be read no more ({error!r})"
        if alike(now, self.expected):
            return ""
        if self.read == "absent":
            return f"{self.what} was its class's and is the object's own"
        what, old, new = self._difference(now)
        known = isinstance(new, (*PLAIN, tuple)) or type(old) is not type(new)
        words = f"was {reprlib.repr(old)} and is {reprlib.repr(new)}" if known else f"is another {type(new).__name__}"
        return f"{what} {words}" + (f" (read at {self.line})" if self.place else "")

    def _difference(self, now: Any) -> tuple[str, Any, Any]:
        """What differs: of several things the first one that does."""
        old, new = self.expected, now
        if self.read == "numbers":
            old, new = np.frombuffer(old, self.owner.dtype), np.frombuffer(new, self.owner.dtype)
        elif self.read not in _MANY:
            return self.what, old, new
        if len(old) != len(new):
            return f"the length of {self.what}", len(old), len(new)
        n = next(n for n, (a, b) in enumerate(zip(old, new, strict=True)) if not alike(a, b))
        if self.read == "numbers":
            index = ", ".join(map(str, np.unravel_index(n, self.owner.shape)))
        else:
            index = repr(list(self.owner)[n]) if self.read == "values" else str(n)
        return f"{self.what}[{index}]", old[n], new[n]

    @property
    def line(self) -> Line | None:
        """The first line that reads it."""
        return first_use(*self.place) if self.place else None


def alike(a: Any, b: Any) -> bool:
    """Whether two values are one and the same for a trace: the same object, or no computation tells them apart."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(alike, a, b))
    return isinstance(a, PLAIN) and bool(exactly(a) == exactly(b))


def exactly(value: Any) -> Any:
    """A plain value as something that is equal only to what computes alike: 0.0 is not -0.0, and nan is nan."""
    delicate = (isinstance(value, (float, np.inexact)) and (not value or value != value)) or isinstance(value, complex)
    return repr(value) if delicate else value


def predicate(guards: Sequence[Guard]) -> Callable[[], bool]:
    """One function that asks whether everything is as it was: every call asks, so it is generated, without a loop."""
    names: dict[str, Any] = {"alike": alike}
    lines = "\n        ".join([line for n, guard in enumerate(guards) for line in guard.question(n, names)])
    exec(f"""def holds():
    try:
        {lines}
        return True
    except Exception:           # what cannot be read any more is not as it was
        return False
""", names)
    return names["holds"]


def first_use(code: CodeType, name: str, opname: str = "LOAD") -> Line | None:
    """The first line of a function on which a name is used."""
    for c in codes(code):
        line = c.co_firstlineno
        for i in dis.get_instructions(c):
            line = (i.positions.lineno if i.positions else None) or line
            if i.argval == name and i.opname.startswith(opname):
                return Line(c.co_filename, line, c.co_name)
    return None


def codes(code: CodeType) -> list[CodeType]:
    """A function's code and that of the functions in it."""
    return [code, *(c for inner in code.co_consts if isinstance(inner, CodeType) for c in codes(inner))]
