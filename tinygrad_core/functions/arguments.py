"""What functions check of what they are given: operands, shapes, dims."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import Parameter, signature
from typing import Any, TypeVar

import numpy as np

from ..errors import DTypeError, ShapeError
from ..symbol import Dim as UnknownSize
from ..tensor import Tensor, describe

Dim = int | Sequence[int] | None


F = TypeVar("F", bound=Callable[..., Any])


def named(function: F, name: str, doc: str | None, parameters: Sequence[Parameter] | None = None) -> F:
    """A function that was made, not written, with a name, a documentation and perhaps parameters of its own."""
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    if parameters is not None:
        function.__signature__ = signature(function).replace(parameters=parameters)     # type: ignore[attr-defined]
    return function


def operand(x: Any, name: str) -> Tensor:
    """`x`, which must be a tensor."""
    if isinstance(x, Tensor):
        return x
    raise DTypeError(f"{name} works on tensors, got {describe(x)}. Make one with tensor(...).")


def one_of(what: str, value: Any, *known: Any, kind: type[Exception] = ValueError) -> Any:
    """A setting, which must be one of those that are known."""
    if value in known:
        return value
    raise kind(f"{what} must be {', '.join(map(repr, known[:-1]))} or {known[-1]!r}, got {value!r}")


def tensor_or_number(x: Any) -> Any:
    """Arrays, NumPy numbers and booleans as tensors; tensors and Python numbers as they are."""
    return Tensor(x) if isinstance(x, (np.ndarray, np.generic, bool)) else x


def size_of(size: tuple[Any, ...], named: Any = None) -> tuple[Any, ...]:
    """A shape, or dims, given as numbers in a row, as one sequence, or by name."""
    size = size if named is None else (named,)
    if len(size) == 1 and not isinstance(size[0], (int, np.integer, Tensor, UnknownSize)):
        size = tuple(size[0])
    return tuple([n if isinstance(n, UnknownSize) else int(n) for n in size])


def listed(value: Any) -> list[Any]:
    """One number, or several, as a list."""
    return [value] if isinstance(value, (int, np.integer)) else list(value)


def dims(dim: Dim, ndim: int, name: str) -> tuple[int, ...] | None:
    """A `dim` argument as non-negative dims in order, or None for all; checked."""
    if dim is None:
        return None
    if type(dim) is int and 0 <= dim < ndim:
        return (dim,)
    given = listed(dim)
    if not given:
        return None
    for d in given:
        if not -max(ndim, 1) <= d < max(ndim, 1):
            raise ShapeError(f"{name}: there is no dim {d} in a tensor with {ndim} dims; they run from "
                             f"{-ndim} to {ndim - 1}.")
    positive = tuple(sorted(int(d) % ndim for d in given)) if ndim else ()
    if len(set(positive)) != len(positive):
        raise ShapeError(f"{name}: dim {dim} names one dim twice.")
    return positive


def one_dim(dim: int, ndim: int, name: str) -> int:
    """A single `dim` argument as a non-negative dim; 0 for a tensor without dims."""
    found = dims(int(dim), ndim, name)
    return found[0] if found else 0


def not_empty(input: Tensor, name: str, dim: Dim = None) -> Tensor:
    """`input`, which must have elements; of those over which nothing is asked, dims of size 0 do not matter."""
    if not operand(input, name).array.size and (dim is None or any(
            [input.shape[d] == 0 for d in dims(dim, input.ndim, name) or range(input.ndim)])):
        raise ShapeError(f"{name} of no elements has no answer: the tensor has shape {input.shape}.")
    return input
