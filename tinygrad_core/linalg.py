"""Norms of vectors and matrices, under PyTorch's names."""
from __future__ import annotations

import math
from typing import Any

from .errors import ShapeError
from .functions.arguments import Dim
from .functions.reductions import amax, amin
from .functions.reductions import norm as _norm
from .tensor import Tensor


def vector_norm(x: Tensor, ord: float = 2, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """(Σ |x|**ord)**(1/ord) over the given dims, or over all."""
    return _norm(x, ord, dim, keepdim, dtype=dtype)


def norm(A: Tensor, ord: Any = None, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The norm of all elements, of the vectors along one `dim`, or, with an `ord`, of the matrices in two dims."""
    if ord is None:
        return _norm(A, 2, dim, keepdim, dtype=dtype)
    dims = tuple(range(A.ndim)) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    if len(dims) > 2 or (isinstance(ord, str) and len(dims) != 2):
        raise ShapeError(f"linalg.norm with ord={ord!r} needs {'two dims' if isinstance(ord, str) else 'one dim or two'}, "
                         f"got {dims}.")
    return matrix_norm(A, ord, dims, keepdim, dtype=dtype) if len(dims) == 2 else _norm(A, ord, dims, keepdim, dtype=dtype)


def matrix_norm(A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The norm of the matrices in two dims.

    Args:
        ord: "fro" for the root of all squares; inf and -inf for the greatest and the least sum of a row's magnitudes,
            1 and -1 of a column's. 2, -2 and "nuc" are PyTorch's alone: they need singular values, which this engine
            does not compute.
    """
    if ord == "fro":
        return _norm(A, 2, tuple(dim), keepdim, dtype=dtype)
    if ord not in (1, -1, math.inf, -math.inf):
        raise NotImplementedError(f"matrix_norm has ord='fro', 1, -1, inf and -inf, not {ord!r}: that one needs singular "
                                  "values, which this engine does not compute. Of vectors every norm is there: pass one dim.")
    rows, columns = (d % A.ndim for d in dim)
    along, over = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = _norm(A, 1, along, True, dtype=dtype)
    found = (amax if ord > 0 else amin)(sums, over, True)
    return found if keepdim else found.squeeze((rows, columns))
