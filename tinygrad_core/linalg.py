"""Norms of vectors and matrices, under PyTorch's names."""
from __future__ import annotations

from typing import Any

from .functions.arguments import Dim
from .functions.reductions import norm as _norm
from .tensor import Tensor


def vector_norm(x: Tensor, ord: float = 2, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """(Σ |x|**ord)**(1/ord) over the given dims, or over all."""
    return _norm(x, ord, dim, keepdim)


def norm(A: Tensor, ord: Any = None, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """The norm of all elements, or of the vectors along `dim`; of matrices, the Frobenius norm."""
    if ord == "fro" or ord is None:
        return _norm(A, 2, dim, keepdim)
    if isinstance(ord, str) or (A.ndim > 1 and dim is None) or (not isinstance(dim, int) and dim is not None
                                                               and len(dim) > 1):
        raise NotImplementedError("linalg.norm has the Frobenius norm of matrices and every norm of vectors; for the "
                                  "latter pass one dim, or call vector_norm")
    return _norm(A, ord, dim, keepdim)
