"""What a traced function can see besides its arguments: found by walking from it, guarded, and watched for side effects."""
from __future__ import annotations

import builtins
import dis
import random
import sys
import types
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..errors import _PACKAGE, Line, learner_line
from ..nn.module import Module
from ..node import Leaf
from ..optim import Optimizer
from ..tensor import Tensor

PLAIN = (bool, int, float, complex, str, bytes, type(None))
_DEEPEST, _LONGEST = 6, 4096


class Guard(NamedTuple):
    """Something that was read while tracing and must be the same for the trace to hold."""

    what: str                       # "global k", "net.drop.training"
    owner: Any                      # what it is read from: a dictionary or list, or anything that can be subscripted
    key: Any
    expected: Any
    line: Line | None = None

    def read(self) -> Any:
        """What it is now."""
        return self.owner[self.key]

    def holds(self) -> bool:
        """Whether it is as it was."""
        try:
            return _equal(self.read(), self.expected)
        except Exception:           # what cannot be read any more is not as it was
            return False


class Asked:
    """Something that a guard reads by calling, as if it were an item."""

    __slots__ = ("ask",)

    def __init__(self, ask: Callable[[], Any]):
        self.ask = ask

    def __getitem__(self, _: Any) -> Any:
        return self.ask()


def all_hold(guards: list[Guard]) -> bool:
    """Whether everything is as it was; the quick way, because every call asks."""
    try:
        for _, owner, key, expected, _ in guards:
            value = owner[key]
            if value is not expected and (type(value) is not type(expected) or value != expected):
                return False
    except Exception:               # what cannot be read any more is not as it was
        return False
    return True


def _equal(a: Any, b: Any) -> bool:
    return a is b or (type(a) is type(b) and isinstance(a, (*PLAIN, tuple)) and a == b)


class Environment:
    """Everything that can be reached from a function and its arguments.

    Attributes:
        tensors: the tensors, by id: what is not among them was made inside the function.
        guards: what the trace depends on.
    """

    def __init__(self, function: Any, args: Any):
        self.tensors: dict[int, Tensor] = {}
        self.leaves: dict[int, Leaf] = {}
        self.guards: list[Guard] = []
        self.modules: dict[str, Module] = {}
        self.containers: list[tuple[str, Any, Any]] = []
        self.functions: list[types.FunctionType] = []
        self._seen: dict[int, Any] = {}
        self._walk_function(function, 0)
        self._walk("argument", args, 0, None)

    # ---- walking
    def _walk(self, what: str, value: Any, depth: int, place: tuple[Any, Any] | None) -> None:
        """Look at one value; `place` is where it can be read again: what holds it, and the key."""
        if isinstance(value, PLAIN):
            if place is not None:
                self.guards.append(Guard(what, *place, value, self._line))
            return
        if id(value) in self._seen or depth > _DEEPEST:
            return
        self._seen[id(value)] = value
        if isinstance(value, Tensor):
            self._tensor(value)
        elif isinstance(value, Module):
            self._module(what, value, depth)
        elif isinstance(value, Optimizer):
            self._optimizer(what, value, depth)
        elif isinstance(value, (types.FunctionType, types.MethodType)):
            self._identity(what, value, place)
            self._walk_function(value, depth)
        elif hasattr(value, "__wrapped__"):     # what compile and other decorators make stands for its function
            self._identity(what, value, place)
            self._walk_function(value.__wrapped__, depth)
        elif isinstance(value, (list, tuple, dict, set)):
            self._container(what, value, depth)
        elif isinstance(value, (type, types.ModuleType, types.BuiltinFunctionType)):
            self._identity(what, value, place)
        elif hasattr(value, "__dict__") and not isinstance(value, np.ndarray):
            self._object(what, value, depth)

    _line: Line | None = None

    def _identity(self, what: str, value: Any, place: tuple[Any, Any] | None) -> None:
        if place is not None and not isinstance(value, types.MethodType):
            self.guards.append(Guard(what, *place, value, self._line))

    def _tensor(self, t: Tensor) -> None:
        self.tensors[id(t)] = t
        if isinstance(t.node, Leaf):
            self.leaves[id(t.node)] = t.node

    def _module(self, what: str, module: Module, depth: int) -> None:
        for name, part in module.named_modules():
            path = f"{what}.{name}" if name else what
            self._seen[id(part)] = part
            self.modules[path] = part
            if part._modules:
                parts = Asked(partial(len, part._modules))
                self.guards.append(Guard(f"the number of modules in {path}", parts, None, len(part._modules), self._line))
            for key, value in vars(part).items():
                if key not in ("_parameters", "_buffers", "_modules", "_hooks"):
                    self._walk(f"{path}.{key}", value, depth + 1, (vars(part), key))
        for t in (*module.parameters(), *module.buffers()):
            self._seen[id(t)] = t
            self._tensor(t)

    def _optimizer(self, what: str, optimizer: Optimizer, depth: int) -> None:
        """An optimiser's options are guarded, except numbers, which a run reads anew; 0 may switch something off."""
        for k, options in enumerate(optimizer.param_groups):
            for t in options["params"]:
                self._walk(f"{what}.param_groups[{k}]", t, depth + 1, None)
            for key, value in options.items():
                read_anew = isinstance(value, (float, np.floating)) and (key == "lr" or value)
                if key != "params" and not read_anew:
                    self._walk(f"{what}.param_groups[{k}][{key!r}]", value, depth + 1, (options, key))

    def _container(self, what: str, value: Any, depth: int) -> None:
        if len(value) > _LONGEST:
            return
        if not isinstance(value, tuple):
            self.containers.append((what, value, _contents(value)))
            self.guards.append(Guard(f"the length of {what}", Asked(partial(len, value)), None, len(value), self._line))
        if isinstance(value, set):
            return
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(key, PLAIN):
                self._walk(f"{what}[{key!r}]", item, depth + 1, (value, key))

    def _object(self, what: str, value: Any, depth: int) -> None:
        for key, item in list(vars(value).items())[:_LONGEST]:
            self._walk(f"{what}.{key}", item, depth + 1, (vars(value), key))

    def _walk_function(self, function: Any, depth: int) -> None:
        if isinstance(function, types.MethodType):
            self._walk("self", function.__self__, depth, None)
            function = function.__func__
        if isinstance(function, Module):
            self._walk("module", function, depth, None)
            return
        code = getattr(function, "__code__", None)
        if code is None or code.co_filename.startswith(_PACKAGE):
            return
        self.functions.append(function)
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            if (value := _cell(cell)) is not _EMPTY:
                self._line = _first_use(code, name)
                place = Asked(partial(getattr, cell, "cell_contents")), None
                self._walk(f"{name} (of the enclosing function)", value, depth + 1, place)
        for name in _globals_read(code):
            if name in function.__globals__:
                self._line = _first_use(code, name)
                self._walk(f"global {name}", function.__globals__[name], depth + 1, (function.__globals__, name))
        self._line = None
        for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self._walk("default argument", default, depth + 1, None)


_EMPTY = object()


def _cell(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _EMPTY


def _contents(value: Any) -> tuple[int, ...]:
    return tuple([id(v) for v in (value.values() if isinstance(value, dict) else value)])


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _codes(inner)


def _globals_read(code: types.CodeType) -> list[str]:
    return list({i.argval: None for c in _codes(code) for i in dis.get_instructions(c)
                 if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")})


def _globals_written(code: types.CodeType) -> list[tuple[str, Line | None]]:
    return [(i.argval, _first_use(c, i.argval, "STORE_GLOBAL")) for c in _codes(code) for i in dis.get_instructions(c)
            if i.opname == "STORE_GLOBAL"]


def _first_use(code: types.CodeType, name: str, opname: str = "LOAD") -> Line | None:
    """The first line of the function on which a name is used."""
    for c in _codes(code):
        line = c.co_firstlineno
        for i in dis.get_instructions(c):
            line = (i.positions.lineno if i.positions else None) or line
            if i.argval == name and i.opname.startswith(opname):
                return Line(c.co_filename, line, c.co_name)
    return None


class Effects:
    """Notices what a function does besides computing, which a trace does not do again.

    `with Effects(environment) as effects:` around the call; then `effects.found` tells what was noticed, in words.
    """

    def __init__(self, environment: Environment):
        self.environment = environment
        self.found: list[str] = []

    def __enter__(self) -> Effects:
        self._random, self._numpy = random.getstate(), np.random.get_state()
        self._written = [(f, name, line, f.__globals__.get(name, _EMPTY)) for f in self.environment.functions
                         for name, line in _globals_written(f.__code__)]
        self._print = builtins.print
        builtins.print = self._noticed_print
        return self

    def _noticed_print(self, *args: Any, **kwargs: Any) -> None:
        self._note(f"print(...) at {learner_line(2)} runs while tracing only: later calls run no Python. To see values at "
                   "every run, return them")
        with_file = kwargs.get("file") or sys.stdout
        self._print(*args, **{**kwargs, "file": with_file})

    def _note(self, words: str) -> None:
        if words not in self.found:
            self.found.append(words)

    def __exit__(self, *_: Any) -> None:
        builtins.print = self._print
        for what, value, before in self.environment.containers:
            if _contents(value) != before:
                self._note(f"{what}, a {type(value).__name__}, was changed: later calls change it no more. Return the value "
                           "and change it outside")
        if random.getstate() != self._random:
            self._note("Python's `random` was used: the number that was drawn is part of the trace, and every later call "
                       "uses it again. Draw with this engine's rand(), or pass the number as an argument")
        if not _same_state(np.random.get_state(), self._numpy):
            self._note("NumPy's global random numbers were used: they are part of the trace, and every later call uses them "
                       "again. Draw with this engine's rand(), or pass the numbers as an argument")
        for function, name, line, before in self._written:
            if function.__globals__.get(name, _EMPTY) is not before:
                self._note(f"the global {name!r} was written at {line}: later calls write it no more. Return the value "
                           "instead")


def _same_state(a: Any, b: Any) -> bool:
    return a[2:] == b[2:] and np.array_equal(a[1], b[1])
