"""What functions check of what they are given: operands, shapes, dims."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError, ShapeError
from ..symbol import Dim as UnknownSize
from ..tensor import Tensor, describe

Dim = int | Sequence[int] | None


def operand(x: Any, name: str) -> Tensor:
    """`x`, which must be a tensor."""
    if isinstance(x, Tensor):
        return x
    raise DTypeError(f"{name} works on tensors, got {describe(x)}. Make one with tensor(...).")


def tensor_or_number(x: Any) -> Any:
    """Arrays, NumPy numbers and booleans as tensors; tensors and Python numbers as they are."""
    return Tensor(x) if isinstance(x, (np.ndarray, np.generic, bool)) else x


def size_of(size: tuple[Any, ...], named: Any = None) -> tuple[Any, ...]:
    """A shape, or dims, given as numbers in a row, as one sequence, or by name."""
    size = size if named is None else (named,)
    if len(size) == 1 and not isinstance(size[0], (int, np.integer, Tensor, UnknownSize)):
        size = tuple(size[0])
    return tuple([n if isinstance(n, UnknownSize) else int(n) for n in size])


def dims(dim: Dim, ndim: int, name: str) -> tuple[int, ...] | None:
    """A `dim` argument as non-negative dims in order, or None for all; checked."""
    if dim is None:
        return None
    if type(dim) is int and 0 <= dim < ndim:
        return (dim,)
    given = (dim,) if isinstance(dim, (int, np.integer)) else tuple(dim)
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
