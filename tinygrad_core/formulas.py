"""The formulas that fused operations equal, as functions of tensors over primitives."""
from __future__ import annotations

from typing import Any

from .tensor import Tensor, recorded


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x Wᵀ + b."""
    out = recorded.matmul(x, recorded.permute(weight, dims=(1, 0)))
    return out if bias is None else recorded.add(out, bias)


def cross_entropy(x: Tensor, target: Any) -> Tensor:
    """The mean over the rows of -log softmax(x)[row, target]."""
    target = target.array if isinstance(target, Tensor) else target
    logs = recorded.log_softmax(x, dim=1)
    rows = (_arange(target), target)
    picked = recorded.getitem(logs, index=rows)
    return recorded.mul(recorded.sum(picked, dim=None, keepdim=False), -1.0 / len(target))


def _arange(target: Any) -> Any:
    from .device import array_module
    return array_module(target).arange(len(target))
