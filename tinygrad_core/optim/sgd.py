"""Steps along the gradient: plain, and with momentum."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..dtypes import float32
from ..tensor import Tensor, ndarray
from .optimizer import BLOCK, Optimizer, OptimizerError


class SGD(Optimizer):
    """Stochastic gradient descent: `p -= lr * g`, with momentum if asked for.

    With momentum a velocity collects the gradients, `v = momentum * v + (1 - dampening) * g` (the first time
    `v = g`), and the step is along `v`, or with Nesterov's change along `g + momentum * v`.

    Args:
        params: tensors, or groups of them.
        lr: the size of a step.
        momentum: how much of the velocity stays from step to step.
        dampening: how much of the new gradient is held back.
        weight_decay: pulls every weight to zero, as if `weight_decay / 2 * p**2` were part of the loss.
        nesterov: look ahead along the velocity.
        maximize: climb instead.
    """

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0, dampening: float = 0,
                 weight_decay: float = 0, nesterov: bool = False, *, maximize: bool = False):
        super().__init__(params, {"lr": lr, "momentum": momentum, "dampening": dampening,
                                  "weight_decay": weight_decay, "nesterov": nesterov, "maximize": maximize})

    def check(self, group: dict[str, Any]) -> None:
        """Refuse options that make no sense."""
        super().check(group)
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise OptimizerError("Nesterov's momentum needs momentum > 0 and dampening = 0")

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The velocity, where there is momentum."""
        return ("momentum_buffer",) if group["momentum"] else ()

    def numbers(self, group: dict[str, Any], state: dict[str, Any]) -> Any:
        """The options, and how much of the new gradient counts."""
        return (group["lr"], group["momentum"], 1 if state["step"] == 1 else 1 - group["dampening"],
                group["nesterov"])

    def updater(self, group: dict[str, Any]) -> Callable[[Tensor, Any], None]:
        """Plain descent, which remembers nothing, is done at once: small models would spend more on asking than on it."""
        if group["momentum"] or group["weight_decay"] or group["maximize"]:
            return super().updater(group)
        lr = np.array(group["lr"], float32)     # which NumPy takes in faster than a number

        def descend(p: Tensor, g: Any) -> None:
            array = p.array
            if type(array) is ndarray and array.dtype is float32 and array.size <= BLOCK:
                array -= g * lr
            else:
                self._update(group, (), 0, p, g)
        return descend

    def rule(self, F: Any, p: Any, g: Any, state: list[Any], numbers: Any) -> None:
        """`p -= lr * g`, or along the velocity."""
        lr, momentum, fresh, nesterov = numbers
        if state:
            v, = state
            v *= momentum
            v += g if type(fresh) is int else g * fresh
            g = v * momentum + g if nesterov else v
        p -= g * lr
