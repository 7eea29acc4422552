"""A plan of generated C as plain data: what runs it, and how it waits on disk for processes that would make the same."""
from __future__ import annotations

import base64
import contextlib
import ctypes
import functools
import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from operator import getitem
from typing import Any, NamedTuple

import numpy as np

from ... import dtypes
from ...device import CPU, Device, Generator, place
from ...errors import _PACKAGE
from ...ops import OPS
from ...symbol import Symbol
from ...tensor import mode
from .. import toolchain
from ..graph import Graph, Operation, Ref
from ..passes import switched_off
from ..passes.rewrites import listening
from ..program import Program

BLOCK = -1                      # the number of the plan's own memory in the table of pointers, whose end it is
LARGEST = 1 << 20               # bytes of constants that passes computed: a plan with more is not kept


class Place(NamedTuple):
    """Where a value lies: `offset` bytes behind the beginning of the memory with the number `base`, as an array."""

    base: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str


class ByNumpy(NamedTuple):
    """An operation without a kernel of its own, with where it reads and writes; what is no place is a number or None."""

    operation: Operation
    inputs: list[Any]
    results: list[Any]


class Recipe(NamedTuple):
    """What a run needs besides the program's inputs.

    Attributes:
        library: the name of the compiled library.
        size: the plan's own memory in bytes.
        inputs: for each input the number of its memory.
        constants: by the number of its memory the value of a constant.
        calls: what a run does, in order: a number is that of a function of the library.
        outputs: where the outputs lie.
        news: for each update where the new value lies; None where it is in the variable already.
    """

    library: str
    size: int
    inputs: list[int]
    constants: dict[int, Any]
    calls: list[int | ByNumpy]
    outputs: list[Place]
    news: list[Place | None]


class Run:
    """Runs a recipe: `run(arrays)`.

    Attributes:
        calls: what a run calls, one after the other; `check` takes what each returns.
        slots: where the numbers of inputs without dims go, by the input's number.
        last: for each input with dims the array that the table of pointers has for it; None where it has a copy's.
        outputs, news: what give copies of the outputs, and of variables' new values that are not in the variables already.
    """

    def __init__(self, recipe: Recipe, library: Any, program: Program, generate: Callable[[], Any], made: Any = None):
        self._generate = generate
        if made is not None:
            self.made = made
        inputs, order = program.inputs, {x: k for k, x in enumerate(program.inputs)}
        self.like = [(x.shape, x.dtype) for x in inputs]
        self.slots = {k: np.zeros((), x.dtype) for k, x in enumerate(inputs) if not x.shape}
        self.places = {k: base for k, base in enumerate(recipe.inputs) if inputs[k].shape}
        self.last: list[Any] = [None] * len(inputs)
        self.returned = {order[v]: k for k, (v, _) in enumerate(program.updates)}
        self.block = made.layout.block if made is not None else aligned(recipe.size)
        self.held: dict[int, Any] = {BLOCK: self.block}         # the memory that each pointer of the table is for
        self.held |= {base: np.asarray(place(value, CPU), order="C") for base, value in recipe.constants.items()}
        self.fixed = frozenset(self.held)
        self.held |= {recipe.inputs[k]: slot for k, slot in self.slots.items()}
        self.table = (ctypes.c_void_p * (len(recipe.inputs) + len(recipe.constants) + 1))()
        for base, array in self.held.items():
            self.table[base] = address(array)
        self.calls = [self._function(library, call) if isinstance(call, int) else partial(self._by_numpy, call)
                      for call in recipe.calls]
        self.outputs = [self._reader(p) for p in recipe.outputs]
        self.news = [None if p is None else self._reader(p) for p in recipe.news]
        if all([read is None for read in self.news]):
            self.news = []

    def _function(self, library: Any, number: int) -> Callable[[], int]:
        """A piece of the generated code; it tells which step was given an index out of range, or -1."""
        function = getattr(library, f"step{number}")
        function.argtypes, function.restype = [ctypes.c_void_p], ctypes.c_int64
        return partial(function, ctypes.c_void_p(ctypes.addressof(self.table)))

    def _by_numpy(self, call: ByNumpy) -> int:
        inputs = tuple([self._array(p)[()] if isinstance(p, Place) else p for p in call.inputs])
        for p, out in zip(call.results, call.operation.run(np, inputs), strict=True):
            if p is not None:
                self._array(p)[...] = out
        return -1

    def _array(self, p: Place) -> Any:
        """What lies at a place in this run."""
        return np.ndarray(p.shape, p.dtype, self.held[p.base], p.offset, p.strides)

    def _reader(self, p: Place) -> Callable[[], Any]:
        """What gives a copy of what lies at a place after a run; inputs change their memory from run to run."""
        if p.base not in self.fixed:
            return lambda: self._array(p).copy()[()]
        array = self._array(p)
        return array.copy if p.shape else partial(getitem, array, ())

    def __call__(self, arrays: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        last, copies = self.last, {}
        for k, slot in self.slots.items():
            slot[...], last[k] = arrays[k], None
        for k in self.places:
            if arrays[k] is not last[k] and not self.place(k, arrays[k]):
                copies[k] = np.asarray(arrays[k], self.like[k][1], order="C")
                self.place(k, copies[k])
                last[k] = None
        for call in self.calls:
            self.check(call())
        news = [None if read is None else read() for read in self.news]
        for k, copy in copies.items():          # what was written into a copy must still reach the variable
            update = self.returned.get(k)
            if update is not None:
                news = news or [None] * len(self.returned)
                news[update] = copy if news[update] is None else news[update]
        return [read() for read in self.outputs], news

    def place(self, k: int, array: Any) -> bool:
        """Let an input be read, and written, where this array lies; False where the code cannot, and needs a copy."""
        shape, dtype = self.like[k]
        if array.dtype != dtype or array.shape != shape or not array.flags.c_contiguous:
            return False
        base = self.places[k]
        self.last[k] = self.held[base] = array
        self.table[base] = address(array)
        return True

    # ---- what is only asked for
    @cached_property
    def made(self) -> Any:
        """The generated code with the program, schedule and layout that it came from; after a recipe from disk made anew."""
        return self._generate()

    def check(self, wrong: int) -> None:
        """Complain where a step was given an index that is out of range."""
        if wrong >= 0:
            complain(self.made.schedule.steps[wrong].operations[0])

    def memory(self) -> str:
        """How large the plan's block is."""
        return self.made.memory()

    def source(self) -> str:
        """The generated C."""
        return self.made.code


def complain(o: Operation) -> None:
    """Say which operation was given an index that is out of range."""
    raise o.failed(IndexError(f"an index is out of range for a table of shape {o.sources[0].shape}"))


def aligned(size: int) -> Any:
    """That many bytes, which begin where a cache line does."""
    raw = np.empty(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start:start + size]


_HEAD = object.__basicsize__    # where the address of an array's numbers stands in it: C code builds on that


def _address_at_head(array: Any) -> int:
    """The address of an array's numbers, at a tenth of the time that `array.ctypes.data` takes."""
    return ctypes.c_void_p.from_address(id(array) + _HEAD).value or 0


def address(array: Any) -> int:
    """The address of an array's numbers."""
    return array.ctypes.data


if sys.implementation.name == "cpython" and all([_address_at_head(a) == address(a) for a in (np.ones(1), np.ones(9)[5:])]):
    address = _address_at_head


# ---- what a plan is found by
class _UnkeptError(Exception):
    """Something that is not plain data, or whose meaning this file cannot tell: the plan is for this process alone."""


def key(program: Program) -> str | None:
    """A name for everything that a plan comes from, which no other program has; None where a plan cannot be kept.

    That is the program, what the passes are set to, the engine's own files, and the compiler with its machine. The
    learner's lines and names are no part of it: they are in comments and messages only, which are made when they are asked
    for.
    """
    name = toolchain.compiler(quiet=True)
    if name is None or mode.watched or listening():         # somebody wants to see what passes do
        return None
    text = hashlib.sha256("\0".join([_engine(), *toolchain.identity(name), *toolchain.FAST, *switched_off(),
                                     dtypes.get_default_dtype().name, repr(program.budget)]).encode())
    try:
        for word in _words(program):
            text.update(word)
    except _UnkeptError:
        return None
    return text.hexdigest()[:32]


@functools.cache
def _engine() -> str:
    """The engine's files as they are, and what they stand on."""
    files, folders = [], [_PACKAGE]
    for folder in folders:
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif entry.name.endswith((".py", ".c")):
                found = entry.stat()
                files.append((entry.path, found.st_size, found.st_mtime_ns))
    return repr((sys.version, np.__version__, sorted(files)))


def _words(program: Program) -> Iterator[bytes]:
    """A program, word for word."""
    number: dict[Symbol, str] = {}
    for op in {o.op for o in program.operations}:
        if not _is_ours(op):
            raise _UnkeptError(op)
    for n, o in enumerate(program.graph.operations):
        results = [None if r is None else (_word(r.shape, number), r.dtype.str) for r in o.results]
        yield (f"{n} {o.kind} {o.op and o.does} {o.operands} {_word(o.inputs, number)} {_word(o.attrs, number)} {results} "
               f"{[c.number for c in o.control]}\n").encode()
        if o.kind == "constant":
            yield hashlib.sha256(np.asarray(place(o.value, CPU), order="C").data).digest()
        number.update({r: f"%{n}.{k}" for k, r in enumerate(o.results) if r is not None})
    yield repr([[number[x] for x in symbols] for symbols in
                (program.inputs, program.outputs, *map(list, zip(*program.updates, strict=True)))]).encode()


def _word(value: Any, number: dict[Symbol, str]) -> str:
    """An input or attribute as text that nothing else has."""
    kind = type(value)
    if kind is Symbol:
        return number[value]
    if kind in (int, float, bool, str, type(None), type(Ellipsis)):
        return repr(value)
    if kind in (tuple, list):
        return f"{kind.__name__}({','.join([_word(v, number) for v in value])})"
    if kind is dict:
        return f"dict({','.join([f'{k!r}:{_word(v, number)}' for k, v in value.items()])})"
    if kind is slice:
        return f"slice({_word(value.start, number)},{_word(value.stop, number)},{_word(value.step, number)})"
    if kind is Ref:
        return f"ref({value.input})"
    if kind is Device:
        return f"device({value})"
    if kind is Generator:
        return "generator"
    if isinstance(value, np.dtype):
        return f"dtype({value.str})"
    if isinstance(value, np.generic):
        return f"{value.dtype.str}({value.tobytes().hex()})"
    raise _UnkeptError(value)


def _is_ours(op: Any) -> bool:
    """Whether an operation is what the engine's own files say: a learner's may be another one in the next process."""
    base, is_gradient, _ = op.name.partition("_backward")
    if is_gradient and base in OPS:             # derived from an operation
        return _is_ours(OPS[base])
    return all([f is None or f.__code__.co_filename.startswith(_PACKAGE) for f in (op.forward, op.backward, op.formula)])


# ---- on disk
def found(name: str | None, program: Program) -> tuple[Recipe, Any] | None:
    """The recipe that was kept under a name, and its library; None where there is none that is whole."""
    if name is None:
        return None
    try:
        digest, _, body = toolchain.kept(f"{name}.json").read_text(encoding="ascii").partition("\n")
        if digest != _digest(name, body):
            return None
        recipe = _read(json.loads(body), program)
        return recipe, toolchain.opened(recipe.library)
    except (OSError, ValueError, LookupError, TypeError):
        return None


def keep(name: str | None, recipe: Recipe, program: Program) -> None:
    """Write a recipe for other processes, as a file that is whole or not there."""
    if name is None:
        return
    try:
        body = json.dumps(_written(recipe, program), separators=(",", ":"))
    except (_UnkeptError, TypeError):
        return
    with contextlib.suppress(OSError):          # a full disk: this process has its plan
        toolchain.store(f"{name}.json", f"{_digest(name, body)}\n{body}".encode("ascii"))


def _digest(name: str, body: str) -> str:
    return hashlib.sha256(f"{name}\n{body}".encode()).hexdigest()


def _written(recipe: Recipe, program: Program) -> dict[str, Any]:
    """A recipe as JSON: what it has of the program's own is told by the operation's number."""
    operations = program.graph.operations
    values = {id(o.value): n for n, o in enumerate(operations) if o.kind == "constant"}
    attrs = {(o.op, id(o.attrs)): n for n, o in enumerate(operations) if o.op is not None}
    made = [np.asarray(v) for v in recipe.constants.values() if id(v) not in values]
    if sum([a.nbytes for a in made]) > LARGEST:
        raise _UnkeptError("large constants")

    def constant(value: Any) -> Any:
        if id(value) in values:
            return values[id(value)]
        array = np.asarray(value, order="C")
        return [array.dtype.str, array.shape, base64.b64encode(array.tobytes()).decode()]

    def call(c: Any) -> Any:
        if isinstance(c, int):
            return c
        o = c.operation
        if not all([type(x) in (Place, int, float, bool, type(None)) for x in c.inputs]):
            raise _UnkeptError(o)
        number = attrs.get((o.op, id(o.attrs)))
        if number is not None and operations[number].operands == o.operands:
            return [number, c.inputs, c.results]
        if not all([_is_plain(v) for v in o.attrs.values()]):
            raise _UnkeptError(o)
        return [[o.does, o.operands, o.attrs], c.inputs, c.results]

    return {**recipe._asdict(), "constants": [[base, constant(v)] for base, v in recipe.constants.items()],
            "calls": [call(c) for c in recipe.calls]}


def _is_plain(value: Any) -> bool:
    """Whether JSON gives it back, when every list is a tuple."""
    return type(value) in (int, float, bool, str, type(None)) or (type(value) is tuple and all(map(_is_plain, value)))


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _read(data: dict[str, Any], program: Program) -> Recipe:
    """The reverse of `_written`; an error where something is not as it was written."""
    operations, count = program.graph.operations, len(program.inputs) + len(data["constants"])

    def at(p: Any) -> Place:
        base, offset, shape, strides, dtype = p
        if not (BLOCK <= base < count and isinstance(offset, int)):
            raise ValueError(base)
        return Place(base, offset, tuple(shape), tuple(strides), np.dtype(dtype).str)

    def constant(value: Any) -> Any:
        if isinstance(value, int):
            return operations[value].value
        dtype, shape, text = value
        return np.frombuffer(base64.b64decode(text, validate=True), np.dtype(dtype)).reshape(shape)

    def call(c: Any) -> Any:
        if isinstance(c, int):
            return c
        what, inputs, results = c
        if isinstance(what, int):
            o = operations[what]
        else:
            name, operands, attrs = what
            o = Operation(Graph(), "operation", OPS[name], (), {k: _tuples(v) for k, v in attrs.items()}, name)
            o.operands = operands
        return ByNumpy(o, [at(x) if isinstance(x, list) else x for x in inputs],
                       [None if p is None else at(p) for p in results])

    if not re.fullmatch("[0-9a-f]{32}", data["library"]) or sorted([*data["inputs"], *[b for b, _ in data["constants"]]]) != \
            list(range(count)) or len(data["inputs"]) != len(program.inputs):
        raise ValueError("not a recipe for this program")
    return Recipe(data["library"], int(data["size"]), data["inputs"], {b: constant(v) for b, v in data["constants"]},
                  [call(c) for c in data["calls"]], [at(p) for p in data["outputs"]],
                  [None if p is None else at(p) for p in data["news"]])
