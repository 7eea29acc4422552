"""Products of matrices: the array library's, or on a CPU our own compiled ones where they are switched on and pay.

Sums of rows and columns stand here too, because a product with ones is the fastest way to them.
"""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

_WORTH = 1 << 20        # multiplications from which a compiled product saves more than calling it costs
_LARGEST = 2 ** 31 - 1  # what sizes are counted in
_compiled: dict[Any, Callable[..., Any]] = {}       # by dtype; empty while switched off


def matmul(xp: Any, x: Any, y: Any, out: Any = None) -> Any:
    """x @ y for matrices, stacks of them, and vectors."""
    if _compiled and xp is np:
        found = _by_compiled(x, y, out)
        if found is not None:
            return found
    # Of two matrices NumPy's `dot` gives the same product with less ceremony.
    return x.dot(y, out) if xp is np and x.ndim == 2 and y.ndim == 2 else xp.matmul(x, y, out=out)


def column_sums(xp: Any, x: Any) -> Any:
    """The sums over the first dim of a matrix: 1.5 to 7 times as fast by BLAS as by `add.reduce`."""
    if xp is np and x.dtype.char in _ONES:
        return ones(x.shape[0], x.dtype).dot(x)
    return xp.add.reduce(x, 0)


def row_sums(xp: Any, x: Any) -> Any:
    """The sums over the last dim, which is kept."""
    if xp is np and x.dtype.char in _ONES:
        n = x.shape[-1]
        rows = x if x.ndim == 2 else x.reshape((math.prod(x.shape[:-1]), n))
        return rows.dot(ones(n, x.dtype)).reshape((*x.shape[:-1], 1))
    return xp.add.reduce(x, -1, keepdims=True)


def total(xp: Any, x: Any) -> Any:
    """The sum of all elements; of many, `add.reduce` adds up pairs of sums, and so loses less to rounding."""
    if xp is np and x.size <= _FEW and x.dtype.char in _ONES:
        return ones(x.size, x.dtype).dot(x.reshape(-1))
    return xp.add.reduce(x, None)


def ones(n: int, dtype: Any) -> Any:
    """So many ones, to be read only."""
    return _ONES[dtype.char][:n] if n <= _KEPT else np.ones(n, dtype)


_FEW, _KEPT = 1 << 10, 1 << 15
_ONES = {kind: np.ones(_KEPT, kind) for kind in "fd"}
for _ones in _ONES.values():
    _ones.flags.writeable = False


def use_compiled_products(on: bool = True) -> bool:
    """Let eager mode multiply large matrices on the CPU with this project's own compiled loop, too; True if it does now.

    Compiled graphs always use it. It is compiled once on a machine, by the system's C compiler, and made for processors
    with vectors of 64 bytes (AVX-512), where it is about twice as fast as a BLAS that does not use them; elsewhere, or
    without a compiler, nothing changes. Results may differ from the library's in the last digits.
    """
    _compiled.clear()
    if on:
        from .static.toolchain import compiler, own_products
        if compiler(quiet=True) is not None:
            _compiled.update({np.dtype(t): f for t, f in own_products().items()})
    return bool(_compiled)


def layout(array: Any) -> tuple[int, int]:
    """How a matrix (or stack of them) lies in memory: the step from row to row, in elements, and whether it is transposed.

    The step is 0 where neither rows nor columns are without gaps, and no product can read it as it lies.
    """
    if not array.flags.aligned or any([s % array.itemsize for s in array.strides]):
        return 0, 0
    rows, columns = (s // array.itemsize for s in array.strides[-2:])
    m, k = array.shape[-2:]
    if max(rows, columns, m, k) > _LARGEST:
        return 0, 0
    if (columns == 1 or k == 1) and (rows >= max(k, 1) or m == 1):
        return (rows if m > 1 else k), 0
    if (rows == 1 or m == 1) and (columns >= max(m, 1) or k == 1):
        return (columns if k > 1 else m), 1
    return 0, 0


def _by_compiled(x: Any, y: Any, out: Any) -> Any:
    """The product by the compiled loop, or None where the library does better or has something to complain of."""
    if x.ndim < 2 or y.ndim < 2 or x.dtype != y.dtype or x.dtype not in _compiled:
        return None
    (*stack, m, k), n = x.shape, y.shape[-1]
    if m * k * n < _WORTH or y.shape != (*stack, k, n):
        return None
    shape = (*stack, m, n)
    (lda, ta), (ldb, tb) = layout(x), layout(y)
    if not lda or not ldb or (out is not None and not _takes(out, shape, x, y)):
        return None
    to = np.empty(shape, x.dtype) if out is None else out
    multiply = _compiled[x.dtype]
    for at in np.ndindex(*stack):
        multiply(ta, tb, m, n, k, _address(x[at]), lda, _address(y[at]), ldb, 0, _address(to[at]), layout(to)[0])
    return to


def _takes(out: Any, shape: tuple[int, ...], x: Any, y: Any) -> bool:
    """Whether a product can be written straight into `out`."""
    if out.shape != shape or out.dtype != x.dtype or not out.flags.writeable:
        return False
    step, transposed = layout(out)
    return bool(step) and not transposed and not np.may_share_memory(out, x) and not np.may_share_memory(out, y)


def _address(array: Any) -> int:
    return array.__array_interface__["data"][0]


__all__ = ["column_sums", "layout", "matmul", "row_sums", "total", "use_compiled_products"]
