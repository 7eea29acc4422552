"""Operations that multiply and add up: matrix products and what is built from them."""
from __future__ import annotations

from typing import Any

from ..products import matmul
from .core import primitive


def _swap(F: Any, x: Any) -> Any:
    """The transpose of the last two dims."""
    n = x.ndim
    return F.permute(x, dims=(1, 0) if n == 2 else (*range(n - 2), n - 1, n - 2))


def _matmul_x(F: Any, g: Any, x_shape: Any, y: Any) -> Any:
    """Y = X W gives the gradient G Wᵀ of X; a vector counts as a matrix of one row (left) or column (right)."""
    if y.ndim == 1:
        return F.sum_to(F.reshape(g, shape=(*g.shape, 1)) * y, shape=x_shape)
    if len(x_shape) == 1:
        rows = F.matmul(F.reshape(g, shape=(*g.shape[:-1], 1, g.shape[-1])), _swap(F, y))
        return F.sum_to(F.reshape(rows, shape=(*rows.shape[:-2], rows.shape[-1])), shape=x_shape)
    return F.sum_to(F.matmul(g, _swap(F, y)), shape=x_shape)


def _matmul_y(F: Any, g: Any, x: Any, y_shape: Any) -> Any:
    """Y = X W gives the gradient Xᵀ G of W."""
    if x.ndim == 1:
        if len(y_shape) == 1:
            return g * x
        rows = F.reshape(g, shape=(*g.shape[:-1], 1, g.shape[-1]))
        return F.sum_to(F.reshape(x, shape=(-1, 1)) * rows, shape=y_shape)
    if len(y_shape) == 1:
        return F.sum_to(F.reshape(g, shape=(*g.shape, 1)) * x, shape=y_shape)
    return F.sum_to(F.matmul(_swap(F, x), g), shape=y_shape)


primitive("matmul", lambda xp, x, y: matmul(xp, x, y), label="@", x=_matmul_x, y=_matmul_y,
          notation={"out": "{x} {y}", "x": "{g} {y}ᵀ", "y": "{x}ᵀ {g}"})
