"""Helpers for training: gradients kept small, parameters as one vector, sequences of different lengths (`rnn`)."""
from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ... import functions
from ...device import array_module
from ...errors import EngineError, ShapeError
from ...tensor import Tensor, unboxed, wrap
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
    norm = array_module(gradients[0].array).linalg.norm
    lengths = [norm(g.array.ravel(), norm_type) for g in gradients]
    total = norm(array_module(gradients[0].array).stack(lengths), norm_type)
    if error_if_nonfinite and not math.isfinite(total):
        raise EngineError(f"the length of the gradients is {float(total)}: some gradient is infinite or not a number")
    factor = max_norm / (total + 1e-6)
    if not factor >= 1:
        for g in gradients:
            fill(g, g.array * factor.astype(g.dtype))
    return wrap(unboxed(total.astype(gradients[0].dtype)))


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Hold every element of the gradients between -clip_value and clip_value, in place."""
    for g in _gradients(parameters):
        fill(g, array_module(g.array).clip(g.array, -clip_value, clip_value))


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
        fill(p, vec.array[start:start + size].reshape(p.shape))
        start += size
