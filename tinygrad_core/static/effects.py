"""Side effects: notices what a function does besides computing while it is traced, and says it in plain words."""
from __future__ import annotations

import builtins
import random
import sys
import threading
from typing import Any

import numpy as np

from ..errors import learner_line
from .environment import Environment, contained, contents, said_by
from .guards import first_use


class Effects:
    """`with Effects(environment) as effects:` around the call; then `effects.found` tells what was noticed."""

    def __init__(self, environment: Environment):
        self.environment, self.thread = environment, threading.get_ident()
        self.found: list[str] = []

    def __enter__(self) -> Effects:
        self._sources = {"Python's `random`": random, "NumPy's global random numbers": np.random,
                         **self.environment.generators}
        self._states = {what: _state(source) for what, source in self._sources.items()}
        self._written = [(f, name, f.__globals__.get(name, self)) for f in self.environment.functions
                         for name in said_by(f.__code__).written]
        self._cells = [(name, cell, contained(cell)) for f in self.environment.functions
                       for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True)]
        self._print = builtins.print
        builtins.print = self._noticed_print
        return self

    def _noticed_print(self, *args: Any, **kwargs: Any) -> None:
        if threading.get_ident() == self.thread:
            self._note(f"print(...) at {learner_line(2)} runs while tracing only: later calls run no Python. To see values "
                       "at every run, return them")
        self._print(*args, **{**kwargs, "file": kwargs.get("file") or sys.stdout})

    def _note(self, words: str) -> None:
        if words not in self.found:
            self.found.append(words)

    def __exit__(self, *_: Any) -> None:
        builtins.print = self._print
        for what, owner, value, before in self.environment.containers:
            now = contents(value)
            if owner is value and now != before:
                self._note(f"{what}, a {type(value).__name__}, was changed: later calls change it only where they trace "
                           "anew. Return the value and change it outside")
            elif owner is not value:
                for name in [n for n in now if now[n] != before.get(n)]:
                    self._note(f"{what}.{name} was written{self._where(name, 'STORE_ATTR')}: later calls write it only where "
                               "they trace anew. Return the value instead")
        for what, source in self._sources.items():
            if _state(source) != self._states[what]:
                self._note(f"{what} was used: a number that was drawn is part of the trace, and every later call uses it "
                           "again. Draw with this engine's rand(), or pass the number as an argument")
        for function, name, before in self._written:
            if function.__globals__.get(name, self) is not before:
                self._note(f"the global {name!r} was written{self._where(name, 'STORE_GLOBAL')}: later calls write it only "
                           "where they trace anew. Return the value instead")

        for name, cell, before in self._cells:
            if contained(cell) is not before:
                self._note(f"{name!r} of the enclosing function was written{self._where(name, 'STORE_DEREF')}: later calls "
                           "write it only where they trace anew. Return the value instead")

    def _where(self, name: str, opname: str) -> str:
        lines = (first_use(f.__code__, name, opname) for f in self.environment.functions)
        return next((f" at {line}" for line in lines if line is not None), "")


def _state(source: Any) -> Any:
    """A source of random numbers' state, as something that can be compared."""
    if isinstance(source, np.random.Generator):
        return repr(source.bit_generator.state)
    if hasattr(source, "getstate"):
        return source.getstate()
    kind, keys, *rest = source.get_state()
    return kind, keys.tobytes(), *rest
