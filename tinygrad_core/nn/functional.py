"""nn.functional: the functions that networks are made of, each a formula over primitives or a fused operation."""
from __future__ import annotations

from typing import Any

from ..errors import DTypeError, ShapeError, at_line, learner_line
from ..functions import dims, relu, tanh
from ..ops import OPS
from ..tensor import Tensor, apply, describe
from .sliding import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    avg_pool1d,
    avg_pool2d,
    conv1d,
    conv2d,
    conv_transpose1d,
    conv_transpose2d,
    max_pool1d,
    max_pool2d,
    pad,
    unfold,
)

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "avg_pool1d", "avg_pool2d", "conv1d", "conv2d",
    "conv_transpose1d", "conv_transpose2d", "cross_entropy", "linear", "log_softmax", "max_pool1d",
    "max_pool2d", "mse_loss", "pad", "relu", "softmax", "tanh", "unfold",
]


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x Wᵀ + b: input (*, in), weight (out, in), bias (out); the result is (*, out)."""
    if input.ndim < 1 or weight.ndim != 2 or input.shape[-1] != weight.shape[1]:
        raise ShapeError(f"linear got {describe(input)} and a weight of shape {weight.shape}: the input's last dim "
                         f"must be {weight.shape[-1]}, the layer's in_features. To make rows of an image batch, "
                         f"flatten it first: torch.flatten(x, 1).{at_line(learner_line())}")
    return apply(OPS["linear"], input, weight, bias)


def softmax(input: Tensor, dim: int | None = None) -> Tensor:
    """exp(x) / Σ exp(x) along `dim`: positive numbers that sum to 1."""
    return apply(OPS["softmax"], input, dim=_one_dim(input, dim, "softmax"))


def log_softmax(input: Tensor, dim: int | None = None) -> Tensor:
    """The logarithm of softmax along `dim`, computed without overflow."""
    return apply(OPS["log_softmax"], input, dim=_one_dim(input, dim, "log_softmax"))


def _one_dim(input: Tensor, dim: int | None, name: str) -> int:
    if dim is None:
        raise ShapeError(f"{name} needs to know along which dim the numbers shall sum to 1: pass dim=-1 for the "
                         f"last, the classes of a batch of rows.{at_line(learner_line())}")
    return dims(dim, input.ndim, name)[0]


def cross_entropy(input: Tensor, target: Tensor) -> Tensor:
    """The mean of -log softmax(input)[target].

    Args:
        input: logits, not probabilities, of shape (N, C) in a floating-point dtype.
        target: the right class of each row, integers of shape (N,) from 0 to C - 1.
    """
    _check_classes(input, target)
    return apply(OPS["cross_entropy"], input, target)


def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """The squared differences, averaged, summed, or each by itself ("none")."""
    difference = input - target
    squares = difference * difference
    return squares if reduction == "none" else squares.sum() if reduction == "sum" else squares.mean()


def _check_classes(input: Tensor, target: Any) -> None:
    if not isinstance(target, Tensor) or target.dtype.kind not in "iu":
        raise DTypeError(f"cross_entropy needs integer class labels, got {describe(target)}: write target.long()."
                         f"{at_line(learner_line())}")
    if input.ndim != 2 or target.shape != input.shape[:1]:
        raise ShapeError(f"cross_entropy needs logits of shape (N, C) and labels of shape (N,), got {input.shape} and "
                         f"{target.shape}.{at_line(learner_line())}")
    low, high = int(target.array.min()), int(target.array.max())
    if low < 0 or high >= input.shape[1]:
        raise ShapeError(f"cross_entropy got the label {low if low < 0 else high}, but with {input.shape[1]} classes "
                         f"labels run from 0 to {input.shape[1] - 1}.{at_line(learner_line())}")


