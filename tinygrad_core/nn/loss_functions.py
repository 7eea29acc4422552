"""Functions that say how far an output is from what was wanted. Part of nn.functional."""
from __future__ import annotations

import math
import warnings
from typing import Any

from .. import functions, hot
from ..dispatch import apply
from ..errors import DTypeError, ShapeError, at_line, learner_frame, learner_line
from ..formulas import classes_of, numbers
from ..ops import OPS
from ..ops.fused import highest
from ..symbol import known
from ..tensor import Tensor, describe

__all__ = ["binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "huber_loss", "kl_div",
           "l1_loss", "logsigmoid", "mse_loss", "nll_loss", "smooth_l1_loss"]


def _reduced(losses: Tensor, reduction: str) -> Tensor:
    """The losses of the elements as they are, their mean, or their sum."""
    if reduction == "mean":
        return functions.mean(losses)
    if reduction == "sum":
        return functions.sum(losses)
    if reduction != "none":
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
    return losses


def _difference(name: str, input: Tensor, target: Tensor) -> Tensor:
    """input - target, with a warning where they only fit by broadcasting."""
    if not isinstance(target, Tensor):
        raise DTypeError(f"{name} needs a tensor as target, got {describe(target)}.")
    if input.shape != target.shape:
        frame = learner_frame()
        if frame is not None:
            warnings.warn_explicit(
                f"{name} got an input of shape {input.shape} and a target of shape {target.shape}: broadcasting compares "
                "every element of one with several of the other, which is hardly ever meant. Give both the same shape, "
                "for example with target.unsqueeze(1) or output.squeeze(1).", UserWarning, frame.f_code.co_filename,
                frame.f_lineno, registry=frame.f_globals.setdefault("__warningregistry__", {}))
    return input - target


def _by_weight(name: str, losses: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    """The losses reduced, each times its weight; their mean is then a weighted one."""
    if weight is None:
        return _reduced(losses, reduction)
    if weight.shape != losses.shape:
        raise ShapeError(f"{name} needs a weight for each element: {losses.shape}, got {weight.shape}.")
    weighted = losses * weight
    return functions.sum(weighted) / functions.sum(weight) if reduction == "mean" else _reduced(weighted, reduction)


def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """The squared differences: (input - target)²; `weight`, in their shape, makes the mean a weighted one."""
    difference = _difference("mse_loss", input, target)
    return _by_weight("mse_loss", difference * difference, weight, reduction)


def l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """The magnitudes of the differences: |input - target|; `weight`, in their shape, makes the mean a weighted one."""
    return _by_weight("l1_loss", functions.abs(_difference("l1_loss", input, target)), weight, reduction)


def smooth_l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """d² / (2 beta) for differences smaller than `beta`, |d| - beta/2 for larger ones."""
    if beta < 0:
        raise ValueError(f"smooth_l1_loss: beta must not be negative, got {beta}")
    difference = _difference("smooth_l1_loss", input, target)
    losses = apply(OPS["huber"], difference, delta=beta) if beta else functions.abs(difference)
    return _reduced(losses if beta in (0, 1) else losses * (1 / beta), reduction)


def huber_loss(input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0,
               weight: Tensor | None = None) -> Tensor:
    """d²/2 for differences up to `delta`, delta (|d| - delta/2) for larger ones (Huber 1964), times `weight`."""
    if delta <= 0:
        raise ValueError(f"huber_loss: delta must be positive, got {delta}")
    losses = apply(OPS["huber"], _difference("huber_loss", input, target), delta=delta)
    return _reduced(losses if weight is None else losses * weight, reduction)


def kl_div(input: Tensor, target: Tensor, *, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """Kullback and Leibler's divergence: target (log target - input), element by element.

    Args:
        input: logarithms of probabilities.
        target: probabilities, or their logarithms if `log_target`.
        reduction: "batchmean" divides the sum by the batch size, which is the divergence's definition;
            "mean" divides by the number of elements.
    """
    if log_target:
        losses = functions.exp(target) * (target - input)
    else:
        some = target != 0          # 0 log 0 counts as 0, its limit
        losses = functions.where(some, target * functions.log(functions.where(some, target, 1.0)), 0.0) - target * input
    if reduction == "batchmean":
        return functions.sum(losses) * (1.0 if not input.ndim else 1.0 / input.shape[0] if input.shape[0] else math.nan)
    return _reduced(losses, reduction)


def binary_cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, *,
                         reduction: str = "mean") -> Tensor:
    """-(target log input + (1 - target) log(1 - input)) for probabilities; logarithms stop at -100.

    Computed from logits, `binary_cross_entropy_with_logits` is more exact.
    """
    if target.shape != input.shape:
        raise ShapeError(f"binary_cross_entropy needs a target of the input's shape {input.shape}, got {target.shape}.")
    if known(input.array) and input.array.size and not (input.array.min() >= 0 and input.array.max() <= 1):
        raise ValueError("binary_cross_entropy needs probabilities between 0 and 1; for other numbers use "
                         f"binary_cross_entropy_with_logits.{at_line(learner_line())}")
    losses = apply(OPS["binary_cross_entropy"], input, target)
    return _reduced(losses if weight is None else losses * weight, reduction)


def logsigmoid(input: Tensor) -> Tensor:
    """log sigmoid(x) = -log(1 + exp(-x)), without overflow."""
    return -apply(OPS["softplus"], -input)


def binary_cross_entropy_with_logits(input: Tensor, target: Tensor, weight: Tensor | None = None, *,
                                     reduction: str = "mean", pos_weight: Tensor | None = None) -> Tensor:
    """Binary cross-entropy of sigmoid(input), in a form that does not overflow.

    Args:
        input: logits.
        target: probabilities of the same shape.
        weight: factors for the elements.
        pos_weight: factors for the positive part, one for each class.
    """
    if target.shape != input.shape:
        raise ShapeError("binary_cross_entropy_with_logits needs a target of the input's shape "
                         f"{input.shape}, got {target.shape}.")
    likely = logsigmoid(input)
    if pos_weight is not None:
        likely = likely * (1 + (pos_weight - 1) * target)
    losses = (1 - target) * input - likely
    return _reduced(losses if weight is None else losses * weight, reduction)


# ---- classes
def nll_loss(input: Tensor, target: Tensor, weight: Tensor | None = None, *, ignore_index: int = -100,
             reduction: str = "mean") -> Tensor:
    """-input[target]: the negative log-likelihood of the right classes.

    Args:
        input: logarithms of probabilities, (C), (N, C) or (N, C, d1, ...).
        target: class indices, (), (N) or (N, d1, ...).
        weight: a factor for each class; the mean is then a weighted one.
        ignore_index: a label that counts for nothing.
    """
    _check_classes("nll_loss", input, target, ignore_index)
    _check_weight("nll_loss", input, weight)
    rows, labels, shape = _as_rows(input, target)
    losses, weights = _picked(rows, labels, weight, ignore_index)
    return _weighted(losses, weights, shape, reduction)


def cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, *, ignore_index: int = -100,
                  reduction: str = "mean", label_smoothing: float = 0.0) -> Tensor:
    """-log softmax(input)[target], averaged.

    Args:
        input: logits, not probabilities: (C), (N, C) or (N, C, d1, ...) in a floating-point dtype.
        target: the right classes as integers from 0 to C - 1, (), (N) or (N, d1, ...); or probabilities in
            the input's shape.
        weight: a factor for each class; the mean over class indices is then a weighted one.
        ignore_index: a label that counts for nothing.
        label_smoothing: the share of the target that is spread evenly over all classes.
    """
    if type(target) is Tensor and weight is None and reduction == "mean" and not label_smoothing and ignore_index < 0:
        loss = hot.cross_entropy(input, target)
        if loss is not None:
            return loss
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing is a share between 0 and 1, got {label_smoothing}")
    _check_weight("cross_entropy", input, weight)
    if isinstance(target, Tensor) and target.shape == input.shape and target.dtype.kind == "f":
        if ignore_index >= 0:
            raise ValueError("cross_entropy: ignore_index is for labels; probabilities have no label to ignore")
        return _against_probabilities(input, target, weight, reduction, label_smoothing)
    fit = _check_classes("cross_entropy", input, target, ignore_index)
    if weight is None and not label_smoothing and reduction == "mean" and target.ndim and target.array.size:
        every = fit and known(target.array) and ignore_index < 0        # in a graph a label to ignore may come at any run
        return apply(OPS["cross_entropy"], input, target, ignore=None if every else ignore_index)
    rows, labels, shape = _as_rows(input, target)
    logs = apply(OPS["log_softmax"], rows, dim=1)
    losses, weights = _picked(logs, labels, weight, ignore_index)
    if label_smoothing:
        counted = (labels != ignore_index).to(rows.dtype)
        spread = functions.sum(logs if weight is None else logs * weight, 1) * counted
        losses = losses * (1 - label_smoothing) - spread * (label_smoothing / rows.shape[1])
    return _weighted(losses, weights, shape, reduction)


def _against_probabilities(input: Tensor, target: Tensor, weight: Tensor | None, reduction: str,
                           label_smoothing: float) -> Tensor:
    dim = 0 if input.ndim == 1 else 1
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / input.shape[dim]
    losses = apply(OPS["log_softmax"], input, dim=dim) * target
    if weight is not None:
        losses = losses * functions.reshape(weight, (-1, *(1 for _ in input.shape[dim + 1:])))
    losses = -functions.sum(losses, dim)
    return _reduced(losses, reduction)


def _check_classes(name: str, input: Tensor, target: Any, ignore_index: int) -> bool:
    """Complain about labels that are neither a class nor to be ignored; whether all are classes."""
    if not isinstance(target, Tensor) or target.dtype.kind not in "iu":
        also = " (or probabilities in the input's shape)" if name == "cross_entropy" else ""
        raise DTypeError(f"{name} needs integer class labels{also}, got {describe(target)}: write target.long().")
    if not isinstance(input, Tensor) or input.dtype.kind != "f":
        raise DTypeError(f"{name} needs floating-point scores, got {describe(input)}.")
    shape = input.shape
    if not shape or target.shape != ((*shape[:1], *shape[2:]) if len(shape) > 1 else ()):
        raise ShapeError(f"{name} needs an input of shape (N, C) and labels of shape (N,), or (N, C, d1, ...) and "
                         f"(N, d1, ...), got {shape} and {target.shape}.")
    labels, classes = target.array, shape[min(1, len(shape) - 1)]
    if not known(labels) or not labels.size or highest(labels) < classes:
        return True
    counted = labels[labels != ignore_index]
    wrong = counted[(counted < 0) | (counted >= classes)]
    if wrong.size:
        raise ShapeError(f"{name} got the label {int(wrong.ravel()[0])}, but with {classes} classes labels run "
                         f"from 0 to {classes - 1}.")
    return False


def _check_weight(name: str, input: Tensor, weight: Tensor | None) -> None:
    if weight is not None and weight.shape != input.shape[min(1, input.ndim - 1):][:1]:
        raise ShapeError(f"{name} needs a weight for each class, got {weight.shape} for an input of shape {input.shape}.")


def _as_rows(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor, tuple[int, ...]]:
    """The classes of every sample and place as a row, the labels flat, and the losses' shape."""
    if input.ndim == 1:
        input = functions.unsqueeze(input, 0)
    elif input.ndim > 2:
        order = (0, *range(2, input.ndim), 1)
        input = functions.reshape(functions.permute(input, order), (target.array.size, input.shape[1]))
    return input, functions.reshape(target, -1), target.shape


def _picked(logs: Tensor, labels: Tensor, weight: Tensor | None, ignore_index: int) -> tuple[Tensor, Tensor]:
    """-log p of each row's label, times its class's weight; and those weights, 0 for ignored rows."""
    if weight is None and known(labels.array) and (labels.array != ignore_index).all():
        counted = labels != ignore_index
        return -apply(OPS["getitem"], logs, index=(numbers(labels.array), labels.array)), counted.to(logs.dtype)
    counted, classes = classes_of(labels, ignore_index)
    weights = counted.to(logs.dtype) if weight is None else functions.where(counted, weight.detach()[classes], 0.0)
    picked = apply(OPS["getitem"], logs, index=(numbers(labels.array), classes.array))
    return functions.where(counted, -picked, 0.0) * weights, weights


def _weighted(losses: Tensor, weights: Tensor, shape: tuple[int, ...], reduction: str) -> Tensor:
    """The losses reduced; their mean is a weighted one."""
    if reduction == "mean":
        total, count = functions.sum(losses), functions.sum(weights)
        if known(count.array) and count.array:
            return total / count
        nothing = count == 0                # the mean of nothing is not a number, and nothing has any influence on it
        return functions.where(nothing, math.nan, total / functions.where(nothing, 1.0, count))
    return _reduced(functions.reshape(losses, shape), reduction)
