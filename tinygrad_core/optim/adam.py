"""Adam and its family: steps scaled by running means of the gradient and of its square."""
from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import Any

from .optimizer import Blockwise


def track_means(xp: Any, g: Any, m: Any, v: Any, s: Any, kept: float, kept_square: float) -> None:
    """Move the running means: `m` towards `g`, `v` towards `g * g`."""
    xp.subtract(g, m, out=s)
    s *= 1 - kept
    m += s
    xp.multiply(g, g, out=s)
    s *= 1 - kept_square
    v *= kept_square
    v += s


class Adam(Blockwise):
    """Adam (Kingma and Ba, 2015, arXiv:1412.6980), algorithm 1.

    Running means `m` of the gradient and `v` of its square, both corrected for having started at zero, give the
    step `lr * m / (sqrt(v) + eps)`.

    Args:
        params: tensors, or groups of them.
        lr: the size of a step.
        betas: how much of `m` and of `v` stays from step to step.
        eps: keeps the division from blowing up.
        weight_decay: pulls every weight to zero, through the gradient.
        amsgrad: divide by the largest `v` so far (Reddi and others, 2018).
        maximize: climb instead.
        decoupled_weight_decay: pull the weights directly, as `AdamW` does.
    """

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8, weight_decay: float = 0, amsgrad: bool = False, *, maximize: bool = False,
                 decoupled_weight_decay: bool = False):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
                                  "amsgrad": amsgrad, "maximize": maximize,
                                  "decoupled_weight_decay": decoupled_weight_decay})

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The two running means, and the largest second one."""
        names = ("exp_avg", "exp_avg_sq")
        return (*names, "max_exp_avg_sq") if group["amsgrad"] else names

    def numbers(self, group: dict[str, Any], state: dict[str, Any]) -> Any:
        """The step's size and eps, with both corrections in them, and the betas."""
        kept, kept_square = group["betas"]
        root = sqrt(1 - kept_square ** state["step"])
        return group["lr"] * root / (1 - kept ** state["step"]), group["eps"] * root, kept, kept_square

    def rule(self, xp: Any, p: Any, g: Any, state: list[Any], scratch: list[Any], numbers: Any) -> None:
        """`p -= lr * m / (sqrt(v) + eps)`, the corrections moved into `lr` and `eps`."""
        size, eps, kept, kept_square = numbers
        s = scratch[0]
        m, v = state[0], state[1]
        track_means(xp, g, m, v, s, kept, kept_square)
        if len(state) > 2:
            v = xp.maximum(state[2], v, out=state[2])
        xp.sqrt(v, out=s)
        s += eps
        xp.divide(m, s, out=s)
        s *= size
        p -= s
