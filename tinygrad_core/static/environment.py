"""What a traced function can see besides its arguments: found by walking from it, by the names that its code says."""
from __future__ import annotations

import collections
import dis
import functools
import random
import sys
import sysconfig
import types
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .. import dtypes
from ..device import is_array
from ..errors import _PACKAGE
from ..nn.applied import Applied
from ..nn.hooks import Hooks
from ..nn.module import Module
from ..node import Leaf
from ..optim import Optimizer
from ..symbol import StaticError
from ..tensor import Tensor
from .guards import PLAIN, Guard, codes

DEEPEST, LONGEST = 12, 4096
LARGEST = 1 << 18               # bytes of a NumPy array whose numbers are compared at every call
_INSTALLED = tuple({_PACKAGE, *map(sysconfig.get_path, ("stdlib", "platstdlib", "purelib", "platlib"))})
_LOOKS_AT_ALL = {"getattr", "hasattr", "vars", "__dict__", "asdict", "astuple", "copy", "deepcopy", "eval", "exec"}
_FUNCTIONS = (types.FunctionType, types.MethodType)
_WRAPPERS = (property, classmethod, staticmethod, functools.partial, functools.cached_property)
_REGISTRIES = ("_parameters", "_buffers", "_modules", "_non_persistent")     # guarded as a whole; what is saved, never
_BEGINNING = {"__init__", "__new__", "__post_init__"}                # of objects that are not there yet
_UNUSED = {"__repr__", "__str__", "__eq__", "__hash__", "__del__", "__reduce__", "__getstate__", "__setstate__"}
_EMPTY = object()


class Said(NamedTuple):
    """The names in a function's code: globals that it reads and writes, modules it imports, attributes."""

    read: list[str]
    written: list[str]
    imported: list[str]
    attributes: list[str]


@functools.lru_cache(1024)
def said_by(code: types.CodeType) -> Said:
    """The names in a function's code and that of the functions in it."""
    found: dict[str, list[str]] = {}
    for c in codes(code):
        for i in dis.get_instructions(c):
            found.setdefault(i.opname, []).append(i.argval)

    def those(*opnames: str) -> list[str]:
        return list(dict.fromkeys([name for opname in opnames for name in found.get(opname, ())]))
    return Said(those("LOAD_GLOBAL", "LOAD_NAME"), those("STORE_GLOBAL"), those("IMPORT_NAME"),
                those("LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR", "IMPORT_FROM", "LOAD_SUPER_ATTR"))


class Environment:
    """Everything that can be reached from a function and from what it is called with, tensors aside.

    Modules, classes and objects are looked into by name: what counts is what some function that was reached says. What
    is installed (this engine, Python's library, packages) is taken not to change, except for plain values.

    Attributes:
        tensors: the tensors, by id: what is not among them was made inside the function.
        guards: what the trace depends on.
        containers: what a function could write into: what it is, a list, set, dictionary or object, where its contents
            are, and what they are.
        generators: sources of random numbers that are not the engine's.
    """

    def __init__(self, function: Any, arguments: Any = ()):
        self._guards: dict[Any, Guard] = {}
        self.tensors: dict[int, Tensor] = {}
        self.names: dict[int, str] = {}             # what the function's code calls them
        self.leaves: dict[int, Leaf] = {}
        self.modules: dict[str, Module] = {}
        self.containers: list[tuple[str, Any, Any, Any]] = []
        self.generators: dict[str, Any] = {}
        self.functions: list[types.FunctionType] = []
        self._guard("the default dtype", "item", vars(dtypes), "_default", dtypes.get_default_dtype())
        self._seen: dict[int, Any] = {id(function): function}
        self._names: dict[str, types.CodeType | None] = {"forward": None}     # and the code that says them first
        self._rooms: list[tuple[str, Any, int]] = []                          # what is looked into by name
        self._walk_function(function, 0)
        self._walk_arguments(arguments)
        self._look_by_name()
        self.guards = list(self._guards.values())

    def _guard(self, what: str, read: str, owner: Any, key: Any, expected: Any, place: Any = None) -> None:
        self._guards.setdefault((read, id(owner), key), Guard(what, read, owner, key, expected, place))

    # ---- walking
    def _walk(self, what: str, value: Any, depth: int, where: tuple[str, Any, Any, Any] | None = None) -> None:
        """Look at one value; `where` it was read: how, from what, by which key, and the code and name that say so."""
        if where is not None and not isinstance(value, types.MethodType):       # a method is made whenever it is read
            self._guard(what, *where[:3], value, where[3])
        if isinstance(value, PLAIN) or id(value) in self._seen or depth > DEEPEST:
            return
        self._seen[id(value)] = value
        if isinstance(value, Tensor):
            self._tensor(value)
            if where is not None and where[3] is not None:
                self.names[id(value)] = where[3][1]
        elif isinstance(value, Module):
            self._module(what, value, depth)
        elif isinstance(value, Optimizer):
            self._optimizer(what, value, depth)
        elif isinstance(value, _FUNCTIONS):
            self._walk_function(value, depth)
        elif isinstance(value, _WRAPPERS) or hasattr(value, "__wrapped__"):
            self._wrapped(what, value, depth)
        elif isinstance(value, (list, tuple, dict, set, collections.deque)):
            self._container(what, value, depth)
        elif is_array(value):
            self._array(what, value, where[3] if where is not None else None)
        elif isinstance(value, (np.random.Generator, np.random.RandomState, random.Random)):
            self.generators[what] = value
        elif not isinstance(value, types.BuiltinFunctionType):
            self._rooms.append((what, value, depth))

    def _walk_arguments(self, value: Any) -> None:
        if isinstance(value, (tuple, list, dict)):
            for v in value.values() if isinstance(value, dict) else value:
                self._walk_arguments(v)
        elif not isinstance(value, Tensor):
            self._walk(f"the {type(value).__name__} argument", value, 0)

    def _tensor(self, t: Tensor) -> None:
        self.tensors[id(t)] = t
        if isinstance(t.node, Leaf):
            self.leaves[id(t.node)] = t.node

    def _module(self, what: str, module: Module, depth: int) -> None:
        for name, part in module.named_modules():
            path = f"{what}.{name}" if name else what
            self._seen[id(part)] = part
            self.modules[path] = part
            self._rooms.append((path, part, depth))
            for held in (part._parameters, part._buffers, part._modules):
                if held:
                    self._guard(path, "values", held, None, tuple(held.values()))
            if part._hooks is not None:
                for kind in Hooks.__slots__:
                    hooks = getattr(part._hooks, kind)
                    self._guard(f"the hooks of {path}", "values", hooks, None, tuple(hooks.values()))
        for t in (*module.parameters(), *module.buffers()):
            self._seen[id(t)] = t
            self._tensor(t)

    def _optimizer(self, what: str, optimizer: Optimizer, depth: int) -> None:
        """An optimiser's options are guarded, except numbers, which a run reads anew; 0 may switch something off.

        So is that it has the dictionaries that a run reads and writes: `load_state_dict` gives it others.
        """
        for name in ("param_groups", "state"):
            self._guard(f"{what}.{name}", "attribute", optimizer, name, getattr(optimizer, name))
        self._guard(f"{what}.param_groups", "items", optimizer.param_groups, None, tuple(optimizer.param_groups))
        for k, options in enumerate(optimizer.param_groups):
            for key, value in options.items():
                read_anew = isinstance(value, (float, np.floating)) and (key == "lr" or value)
                if not read_anew:
                    self._walk(f"{what}.param_groups[{k}][{key!r}]", value, depth + 1, ("item", options, key, None))

    def _container(self, what: str, value: Any, depth: int) -> None:
        items = tuple(value.values() if isinstance(value, dict) else value)
        if not isinstance(value, tuple):
            self.containers.append((what, value, value, contents(value)))
            self._guard(what, "values" if isinstance(value, dict) else "items", value, None, items)
            if isinstance(value, dict):
                self._guard(f"the keys of {what}", "items", value, None, tuple(value))
        for key, item in zip(value if isinstance(value, dict) else range(len(items)), items[:LONGEST], strict=False):
            if not isinstance(item, PLAIN):
                self._walk(f"{what}[{key!r}]", item, depth + 1)

    def _array(self, what: str, array: Any, place: Any) -> None:
        """Numbers that a trace holds as they are: they are compared at every call."""
        if array.nbytes > LARGEST:
            raise StaticError(f"{what} is a NumPy array of {array.nbytes:,} bytes, and a compiled function that reads one "
                              "holds its numbers as they are while tracing. Make it a tensor outside, from_numpy(x), which "
                              "shares its memory and is read anew at every call, or pass that as an argument.")
        self._guard(what, "numbers", array, None, array.tobytes(), place)

    def _wrapped(self, what: str, value: Any, depth: int) -> None:
        """What stands for a function: what `compile` and other decorators make, properties, partial calls."""
        for name in ("__wrapped__", "func", "fget", "fset", "__func__"):
            inner = getattr(value, name, None)
            if inner is not None:
                self._walk_function(inner, depth)
        for held in (getattr(value, "args", ()), getattr(value, "keywords", {})):
            self._walk(f"an argument of {what}", held, depth + 1)

    def _walk_function(self, function: Any, depth: int) -> None:
        if isinstance(function, types.MethodType):
            self._walk("self", function.__self__, depth)
            function = function.__func__
        code = getattr(function, "__code__", None)
        if code is None:
            self._walk("the function", function, depth + 1)
            return
        if code.co_filename.startswith(_INSTALLED):
            return
        self.functions.append(function)
        for part in ("__code__", "__defaults__", "__kwdefaults__"):
            if (held := getattr(function, part)) is not None:
                self._guard(f"{function.__name__}.{part}", "attribute", function, part, held)
                if isinstance(held, dict):
                    self._guard(f"{function.__name__}.{part}", "values", held, None, tuple(held.values()))
        said = said_by(code)
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            if (value := contained(cell)) is not _EMPTY:
                self._walk(f"{name} (of the enclosing function)", value, depth + 1,
                           ("attribute", cell, "cell_contents", (code, name)))
        for name in said.read:
            if name in function.__globals__:
                self._walk(f"global {name}", function.__globals__[name], depth + 1,
                           ("item", function.__globals__, name, (code, name)))
        for name in said.imported:
            self._walk(f"module {name}", sys.modules.get(name), depth + 1)
        for name in (*said.attributes, *_LOOKS_AT_ALL.intersection(said.read)):
            self._names.setdefault(name, code)
        for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self._walk("default argument", default, depth + 1)

    # ---- what is looked into by name
    def _look_by_name(self) -> None:
        """Walk what the names mean in every module, class and object, until there is nothing new to find."""
        known, done = (-1, -1), set()           # numbers of names and rooms; (id of a room, name)
        while known != (len(self._names), len(self._rooms)):
            known = len(self._names), len(self._rooms)
            for what, room, depth in self._rooms[:]:
                for name, value, read, owner in _attributes(room, self._names):
                    if (id(room), name) not in done:
                        done.add((id(room), name))
                        code = self._names.get(name)
                        place = (code, name) if code is not None else None
                        self._walk(f"{what}.{name}", value, depth + 1, (read, owner, name, place) if read else None)
        for what, room, _ in self._rooms:
            kind: Any = type(room)
            own = getattr(room, "__dict__", None)
            if isinstance(own, dict) and kind is not types.ModuleType and self._names.keys() & _LOOKS_AT_ALL:
                self._guard(f"the attributes of {what}", "items", own, None, tuple(own))    # what is not there may come
            if isinstance(getattr(room, "__dict__", None), dict) and not _installed(kind) and kind is not types.ModuleType:
                self.containers.append((what, room, vars(room), contents(vars(room))))
        self._guard_methods()

    def _guard_methods(self) -> None:
        """That objects have the methods that their classes had."""
        known: dict[type, list[str]] = {}
        for what, room, _ in self._rooms:
            kind: Any = type(room)
            own = getattr(room, "__dict__", None)
            if isinstance(room, (type, types.ModuleType)) or not isinstance(own, dict):
                continue
            if kind not in known:
                known[kind] = [name for name in (["forward"] if _installed(kind) else self._names)
                               if isinstance(getattr(kind, name, None), _FUNCTIONS)]
            for name in known[kind]:
                if name not in own:
                    self._guard(f"{what}.{name}", "absent", own, name, True)
                if not _installed(kind):
                    self._guard(f"{kind.__name__}.{name}", "attribute", kind, name, getattr(kind, name))


def _attributes(room: Any, names: dict[str, Any]) -> Iterator[tuple[str, Any, str, Any]]:
    """(name, value, how it is read, from what) of the attributes of a module, class or object that functions name."""
    if isinstance(room, types.ModuleType):
        plain = _installed(room)
        for name in names.keys() & vars(room).keys():
            value = vars(room)[name]
            if not plain or (isinstance(value, PLAIN) and not room.__name__.startswith(__package__.partition(".")[0])):
                yield name, value, "item", vars(room)
        return
    kind = room if isinstance(room, type) else type(room)
    own = {} if isinstance(room, type) else getattr(room, "__dict__", {})
    everything = bool(names.keys() & _LOOKS_AT_ALL)
    said = _said_in(kind)
    for name in own:
        if (everything or name in names or name in said) and name not in _REGISTRIES:
            yield name, own[name], "item", own
    for base in kind.__mro__:
        if _installed(base):
            continue
        for name, value in [(n, v) for n, v in vars(base).items() if n not in own]:
            if isinstance(value, types.MemberDescriptorType):       # a slot
                if room is not kind and (everything or name in names) and hasattr(room, name):
                    yield name, getattr(room, name), "attribute", room
            elif hasattr(type(value), "__get__"):                   # a function, a property: not asked for, but walked
                if name in names or (name.startswith("__") and name.endswith("__") and name not in _UNUSED
                                     and (room is kind or name not in _BEGINNING)):
                    read = ("item", vars(base)) if isinstance(value, property) else ("", None)
                    yield name, value, *read
            elif (everything or name in names) and not name.startswith("__"):
                yield name, getattr(room, name), "attribute", room


@functools.lru_cache(512)
def _said_in(kind: type) -> frozenset[str]:
    """The names that an installed class's methods say; those of a learner's are walked as they are named."""
    skipped = ("__init__", "__repr__", "extra_repr", "reset_parameters")
    settings = frozenset(kind.settings.parameters if issubclass(kind, Applied) else ())     # their names no code says
    return settings.union(name for base in kind.__mro__ if _installed(base) for key, method in vars(base).items()
                          if isinstance(method, types.FunctionType) and key not in skipped
                          for code in codes(method.__code__) for name in code.co_names)


@functools.lru_cache(4096)
def _installed(thing: Any) -> bool:
    """Whether a module or class belongs to what does not change under a learner's hands."""
    module = thing if isinstance(thing, types.ModuleType) else sys.modules.get(thing.__module__)
    name, file = getattr(module, "__name__", ""), getattr(module, "__file__", None)
    if name == "__main__":                      # whoever started it, what is defined there is the learner's
        return False
    return file.startswith(_INSTALLED) if file is not None else name.partition(".")[0] in sys.stdlib_module_names


def contained(cell: Any) -> Any:
    """What a variable of an enclosing function holds."""
    try:
        return cell.cell_contents
    except ValueError:
        return _EMPTY


def contents(value: Any) -> Any:
    """What a container holds, told apart by identity."""
    return {k: id(v) for k, v in value.items()} if isinstance(value, dict) else tuple(map(id, value))
