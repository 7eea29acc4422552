"""Symbol, the array that has a shape and a dtype but no numbers yet: what a tensor holds before it is run."""
from __future__ import annotations

import math
import operator
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import _PACKAGE, EngineError, Line

if TYPE_CHECKING:
    from .static.graph import Operation


class StaticError(EngineError):
    """A graph that cannot be built, traced or run as it was asked."""


class NoValueError(StaticError, TypeError):
    """Python wanted the numbers of a symbolic tensor, which come into being only when the graph runs."""


def probes(k: int) -> tuple[int, int]:
    """What the k-th kind of unknown size is tried out with: a size that is the same with both does not depend on it."""
    return 7 + 6 * k, 11 + 6 * k


_SIGNS = {operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/", operator.floordiv: "//",
          operator.mod: "%"}


class Dim:
    """A size that is not known before the run, like the rows of a batch; sums and products of such sizes too.

    `hints` are its values for the numbers that the unknown sizes are tried out with: by them the engine compares sizes.
    A learner's code that compares sizes, to choose by them, asks for the number.
    """

    __slots__ = ("hints", "of")

    def __init__(self, hints: tuple[int, int], of: tuple[Any, ...]):
        self.hints, self.of = hints, of         # of: (symbol, axis), or (function, left, right)

    def _with(self, other: Any, function: Callable[[Any, Any], Any], swapped: bool = False) -> Any:
        if not isinstance(other, (int, float, np.integer, Dim)):
            return NotImplemented
        if function is operator.mul and type(other) is int and other == 1:
            return self
        a, b = (other, self) if swapped else (self, other)
        made = dim(tuple(function(hint(a, k), hint(b, k)) for k in (0, 1)), (function, a, b))
        if function in (operator.floordiv, operator.mod) and not isinstance(made, Dim):
            operator.index(self)                # it may be another for other sizes: whoever can tell the size stops here
        return made

    def __index__(self) -> int:
        told = _told.answer(self)
        if told is not None:
            return told
        raise NoValueError("this size is not known before the graph runs, and Python needs its number now (for a range, "
                           "an index or a conversion). Give the placeholder this size, write -1 for it in a reshape, or "
                           "use while_loop or scan in place of a Python loop.")

    __int__ = __index__

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Dim) and self.hints == other.hints:
            return True
        if isinstance(other, (int, Dim)) and _learner_asks():
            return operator.index(self) == operator.index(other)
        return False

    def __hash__(self) -> int:
        return hash(self.hints)

    def _ordered(self, other: Any, compare: Callable[[int, int], bool]) -> bool:
        answers = {compare(hint(self, k), hint(other, k)) for k in (0, 1)}
        sure = len(answers) == 1 and (hint(self, 0) == hint(other, 0) or not _learner_asks(3))
        return answers.pop() if sure else compare(operator.index(self), operator.index(other))

    def __repr__(self) -> str:
        if not callable(self.of[0]):
            return f"{self.of[0].name or 'n'}.{self.of[1]}"
        sides = [f"({n})" if isinstance(n, Dim) and callable(n.of[0]) else f"{n}" for n in self.of[1:]]
        return f" {_SIGNS.get(self.of[0], '?')} ".join(sides)


def _learner_asks(depth: int = 2) -> bool:
    """Whether code outside the engine called what calls this."""
    return not sys._getframe(depth).f_code.co_filename.startswith(_PACKAGE)


for _sign in _SIGNS:
    setattr(Dim, f"__{_sign.__name__}__", lambda self, other, sign=_sign: self._with(other, sign))
    setattr(Dim, f"__r{_sign.__name__}__", lambda self, other, sign=_sign: self._with(other, sign, True))
for _compare in (operator.lt, operator.le, operator.gt, operator.ge):
    setattr(Dim, f"__{_compare.__name__}__", lambda self, other, compare=_compare: self._ordered(other, compare))
setattr(Dim, "__neg__", lambda self: self._with(-1, operator.mul))      # noqa: B010

class _Told(threading.local):
    """Who is asked for a size in a thread: a trace may know it."""

    answer: Callable[[Dim], int | None] = staticmethod(lambda _: None)


_told = _Told()


def when_size_is_asked(answer: Callable[[Dim], int | None]) -> Callable[[Dim], int | None]:
    """Let `answer` be asked for a size that Python needs in this thread; returns who was asked before."""
    before, _told.answer = _told.answer, answer
    return before


def dim(hints: tuple[Any, ...], of: tuple[Any, ...]) -> Any:
    """The number itself where both hints agree, else a `Dim`."""
    return hints[0] if hints[0] == hints[1] else Dim(hints, of)


def size_of(n: Dim, shape_of: Callable[[Any], Any]) -> int:
    """An unknown size as a number, by what tells the shapes of the symbols that it comes from."""
    first, *rest = n.of
    if isinstance(first, Symbol):
        return shape_of(first)[rest[0]]
    return first(*[size_of(x, shape_of) if isinstance(x, Dim) else x for x in rest])


def hint(size: Any, k: int) -> Any:
    """A size as the number it is tried out with."""
    return size.hints[k] if isinstance(size, Dim) else size


class Symbol:
    """A value of a graph: what an operation will compute.

    Attributes:
        shape: sizes, as ints or `Dim`s.
        dtype: a NumPy dtype.
        operation: what computes it.
        index: which of the operation's results it is.
    """

    __slots__ = ("shape", "dtype", "operation", "index", "__weakref__")
    __array_priority__ = 1000

    def __init__(self, shape: tuple[Any, ...], dtype: np.dtype[Any], operation: Operation, index: int = 0):
        self.shape, self.dtype, self.operation, self.index = shape, dtype, operation, index

    @property
    def name(self) -> str:
        """The name of the operation, with the result's number where it has several."""
        return self.operation.name + (f":{self.index}" if self.index else "")

    @property
    def ndim(self) -> int:
        """How many dims there are."""
        return len(self.shape)

    @property
    def size(self) -> Any:
        """How many elements there are: a number, or a `Dim`."""
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        """The size of one element in bytes."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """The size of the elements in bytes; for unknown sizes, tried out with the smaller hint."""
        return int(hint(self.size, 0)) * self.dtype.itemsize

    @property
    def base(self) -> None:
        """No memory, so nobody else's."""
        return None

    @property
    def line(self) -> Line | None:
        """The learner's line that defined it."""
        return Line.at(self.operation.where) if self.operation.where is not None else None

    def __len__(self) -> int:
        return operator.index(self.shape[0])

    # ---- what code that computes with arrays meets: an operation of the engine is written down instead
    def _no_array(self, *_: Any, **__: Any) -> Any:
        raise NoValueError(f"array code cannot compute with a value that does not exist yet ({self.name}, {self.dtype} "
                           f"{shape_text(self.shape)}, defined at {self.line}): use the engine's own operations on tensors.")

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _ASKED[function](args[0]) if function in _ASKED else self._no_array()    # about the shape, which is known

    def __array__(self, *_: Any, **__: Any) -> Any:
        return self._value("turned into a NumPy array", np.asarray)

    def _value(self, what: str, convert: Callable[[Any], Any] = lambda v: v) -> Any:
        """The numbers, which only a trace that can stop and run what it has got so far may know."""
        told = self.operation.graph.asked_for_value(self, what)
        return convert(told)

    def item(self, *_: Any) -> Any:
        """Asks the graph for the number."""
        return self._value("asked for its number by item()", lambda v: np.asarray(v).item())

    def tolist(self) -> Any:
        """Asks the graph for the numbers."""
        return self._value("turned into a list", lambda v: np.asarray(v).tolist())

    def __bool__(self) -> bool:
        return self._value("used as a truth value, as by `if`, `while`, `and` or `not`", bool)

    def __int__(self) -> int:
        return self._value("turned into an int", int)

    def __float__(self) -> float:
        return self._value("turned into a float", float)

    __index__ = __int__

    def __repr__(self) -> str:
        return f"<{self.name}: {self.dtype} {shape_text(self.shape)}>"


_ASKED: dict[Any, Callable[[Symbol], Any]] = {
    np.shape: lambda x: x.shape, np.ndim: lambda x: x.ndim, np.size: lambda x: x.size}


for _name in ("array_ufunc", "getitem", "setitem", "iter", "eq", "ne", "lt", "le", "gt", "ge", "neg", "abs", "invert",
              *(swapped + name for swapped in ("", "r") for name in (
                  "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "matmul"))):
    setattr(Symbol, f"__{_name}__", Symbol._no_array)
for _name in ("all", "any", "argmax", "argmin", "argsort", "astype", "clip", "copy", "cumsum", "max", "mean", "min",
              "nonzero", "prod", "ravel", "repeat", "reshape", "round", "squeeze", "std", "sum", "swapaxes", "take",
              "transpose", "var", "view"):
    setattr(Symbol, _name, Symbol._no_array)


def leaves(value: Any) -> list[Any]:
    """What is in nested tuples, lists, dicts and slices, in order."""
    found, stack = [], [value]
    while stack:
        v = stack.pop()
        if isinstance(v, (tuple, list)):
            stack += v[::-1]
        elif isinstance(v, dict):
            stack += [*v.values()][::-1]
        elif isinstance(v, slice):
            stack += v.step, v.stop, v.start
        else:
            found.append(v)
    return found


def mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """The same nested tuples, lists, dicts and slices with `change(v)` in the place of everything in them."""
    if isinstance(value, (tuple, list)):
        made = [mapped(v, change) for v in value]
        return type(value)(*made) if hasattr(value, "_fields") else type(value)(made)
    if isinstance(value, dict):
        return {k: mapped(v, change) for k, v in value.items()}
    if isinstance(value, slice):
        return slice(*[mapped(v, change) for v in (value.start, value.stop, value.step)])
    return change(value)


def known(array: Any) -> bool:
    """Whether an array has numbers that can be looked at and complained about."""
    return type(array) is not Symbol


def first_symbol(values: Any) -> Symbol | None:
    """A symbol among nested values, or None."""
    return next((v for v in leaves(values) if type(v) is Symbol), None)


def shape_text(shape: tuple[Any, ...]) -> str:
    """A shape as a listing prints it: `[?, 3]`."""
    return "[" + ", ".join("?" if isinstance(n, Dim) else str(n) for n in shape) + "]"
