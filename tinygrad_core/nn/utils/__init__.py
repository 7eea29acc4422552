"""Helpers for training: gradients kept small, parameters as one vector, sequences of different lengths (`rnn`)."""
from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ... import functions
from ...autograd.switches import no_grad
from ...device import array_module
from ...errors import EngineError, ShapeError
from ...tensor import Tensor, mode, unboxed, wrap
from ...writes import fill
from . import rnn

__all__ = ["clip_grad_norm_", "clip_grad_value_", "parameters_to_vector", "rnn", "vector_to_parameters"]


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    given = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [p.grad for p in given if p.grad is not None and p.grad.array.size]


def clip_grad_norm_(parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0,
                    error_if_nonfinite: bool = False) -> Tensor:
    """Scale all gradients by one factor so that their length, as one vector, is at most `max_norm`.

    Args:
        parameters: whose `.grad` is scaled in place.
        norm_type: the p of the length; math.inf for the greatest magnitude.
        error_if_nonfinite: complain when the length is infinite or not a number.

    Returns:
        The length before.
    """
    gradients = _gradients(parameters)
    if not gradients:
        return functions.tensor(0.0)
    if mode.graph is not None:                  # a step that is compiled writes operations down, and computes no number
        return _clipped_later(gradients, max_norm, norm_type, error_if_nonfinite)
    norm = array_module(gradients[0].array).linalg.norm
    lengths = [norm(g.array.ravel(), norm_type) for g in gradients]
    total = norm(array_module(gradients[0].array).stack(lengths), norm_type)
    _check_finite(total, error_if_nonfinite)
    factor = max_norm / (total + 1e-6)
    if not factor >= 1:
        for g in gradients:
            fill(g, g.array * factor.astype(g.dtype))
    return wrap(unboxed(total.astype(gradients[0].dtype)))


def _check_finite(total: Any, asked: bool) -> None:
    if asked and not math.isfinite(total):
        raise EngineError(f"the length of the gradients is {float(total)}: some gradient is infinite or not a number")


def _clipped_later(gradients: list[Tensor], max_norm: float, norm_type: float, error_if_nonfinite: bool) -> Tensor:
    """The same as operations on tensors, which a graph can hold."""
    with no_grad():
        total = functions.norm(functions.stack([functions.norm(g, norm_type) for g in gradients]), norm_type)
        _check_finite(total, error_if_nonfinite)
        factor = functions.clamp(max_norm / (total + 1e-6), max=1.0)
        for g in gradients:
            g.mul_(factor.to(g.dtype))
    return total.to(gradients[0].dtype)


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Hold every element of the gradients between -clip_value and clip_value, in place."""
    with no_grad():
        for g in _gradients(parameters):
            g.clamp_(-clip_value, clip_value)


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters, flattened, as one vector."""
    return functions.cat([functions.reshape(p, -1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write the pieces of a vector into the parameters, in order."""
    parameters = list(parameters)
    sizes = [p.array.size for p in parameters]
    if vec.shape != (sum(sizes),):
        raise ShapeError(f"the parameters have {sum(sizes)} elements together, the vector has shape {vec.shape}")
    start = 0
    for p, size in zip(parameters, sizes, strict=True):
        with no_grad():
            p.copy_(functions.reshape(vec[start:start + size], p.shape))
        start += size
