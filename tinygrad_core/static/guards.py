"""Guards: what a trace depends on, and one generated function that asks whether all of it is as it was."""
from __future__ import annotations

import dis
import reprlib
from collections.abc import Callable, Sequence
from keyword import iskeyword
from operator import is_
from types import CodeType
from typing import Any, NamedTuple

import numpy as np

from ..errors import Line

PLAIN = (bool, int, float, complex, str, bytes, type(None), np.generic)

# How things are read, as code: o is what they are read from, k an item's key.
_READS = {"item": "{o}[{k}]", "attribute": "{o}.{name}", "named": "getattr({o}, {k})", "result": "{o}()",
          "items": "{o}", "values": "{o}.values()",
          "numbers": "{o}.tobytes()", "absent": "{k} not in {o}"}
_MANY = ("items", "values")     # compared element by element
_FEW = 64                       # so many elements are compared one by one
_PART = 40                      # so many guards are one function: Python is slower with names beyond a function's first 127


class Guard(NamedTuple):
    """Something that was read while tracing and must be the same for the trace to hold."""

    what: str                               # "global k", "net.drop.training"
    read: str                               # how: a key of `_READS`
    owner: Any
    key: Any
    expected: Any
    place: tuple[CodeType, str] | None = None   # code that reads it, and the name that it says for it

    def question(self, name: Callable[[Any], str]) -> tuple[str, str]:
        """Code that asks whether it is the very same: what comes before, and the condition. `name` names objects.

        An attribute is the only thing that gets into code as it is, and only where Python reads it as that very name.
        """
        owner, expected = name(self.owner), name(self.expected)
        plain = self.read != "attribute" or (self.key.isascii() and self.key.isidentifier() and not iskeyword(self.key))
        now = _READS[self.read if plain else "named"].format(o=owner, k=name(self.key), name=self.key)
        if self.read in _MANY and len(self.expected) <= _FEW:       # taken apart, which is by far the fastest way
            x, y = ([f"{letter}{k}" for k in range(len(self.expected))] for letter in "xy")
            return (f"[{', '.join(x)}] = {now}; [{', '.join(y)}] = {expected}",
                    " and ".join([f"{a} is {b}" for a, b in zip(x, y, strict=True)]) or "True")
        if self.read in _MANY:
            return "", f"len({owner}) == len({expected}) and all(map(is_, {now}, {expected}))"
        if self.read in ("result", "numbers"):                      # made whenever they are read
            return "", f"alike({now}, {expected})"
        return "", now if self.read == "absent" else f"{now} is {expected}"

    def now(self) -> Any:
        """What it is now."""
        if self.read == "item":
            return self.owner[self.key]
        if self.read == "attribute":
            return getattr(self.owner, self.key)
        if self.read == "absent":
            return self.key not in self.owner
        if self.read in _MANY:
            return tuple(self.owner.values() if self.read == "values" else self.owner)
        return self.owner() if self.read == "result" else self.owner.tobytes()

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
        if self.key == "node":
            old, new = old is not None, new is not None
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
    parts = {f"p{n}": _part(guards[n:n + _PART]) for n in range(0, len(guards), _PART)}
    exec(f"def holds():\n    return {' and '.join([f'{part}()' for part in parts]) or 'True'}\n", parts)
    return parts["holds"]


def _part(guards: Sequence[Guard]) -> Callable[[], bool]:
    """That of some guards: asks whether what is there is the very same, and only otherwise whether it is alike."""
    names: dict[int, str] = {}
    space: dict[str, Any] = {"alike": alike, "is_": is_, "again": lambda: all([alike(g.now(), g.expected) for g in guards])}

    def name(thing: Any) -> str:
        known = names.setdefault(id(thing), f"h{len(names)}")
        space[known] = thing
        return known

    asked = [guard.question(name) for guard in guards]
    plain = " and ".join([same for before, same in asked if not before])    # one condition is much faster compiled than many
    lines = "".join([f"        {before}\n        if not ({same}): return again()\n" for before, same in asked if before])
    exec(f"""def holds():
    try:
{lines}        return {plain or 'True'} or again()
    except Exception:           # what cannot be read any more is not as it was
        return False
""", space)
    return space["holds"]


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
