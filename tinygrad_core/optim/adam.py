"""Adam and its family: steps scaled by running means of the gradient and of its square."""
from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import Any

from .optimizer import Optimizer


def track_means(g: Any, m: Any, v: Any, kept: Any, kept_square: Any) -> None:
    """Move the running means: `m` towards `g`, `v` towards `g * g`."""
    change = g - m
    change *= 1 - kept          # in place, here and below: what an optimiser waits for is memory
    m += change
    square = g * g
    square *= 1 - kept_square
    v *= kept_square
    v += square


class Adam(Optimizer):
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

    def rule(self, F: Any, p: Any, g: Any, state: list[Any], numbers: Any) -> None:
        """`p -= lr * m / (sqrt(v) + eps)`, the corrections moved into `lr` and `eps`."""
        size, eps, kept, kept_square = numbers
        m, v, *most = state
        track_means(g, m, v, kept, kept_square)
        if most:
            v, = most
            v[...] = F.maximum(v, state[1])
        divisor = F.sqrt(v)
        divisor += eps
        step = m / divisor
        step *= size
        p -= step


class AdamW(Adam):
    """Adam with weights pulled to zero directly, not through the gradient (Loshchilov and Hutter, 2019).

    The arguments are Adam's; `weight_decay` is 0.01 by default.
    """

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8, weight_decay: float = 1e-2, amsgrad: bool = False, *, maximize: bool = False):
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize,
                         decoupled_weight_decay=True)


class Adamax(Optimizer):
    """Adam with the largest recent gradient in place of the mean square (Kingma and Ba, 2015, algorithm 2)."""

    def __init__(self, params: Iterable[Any], lr: float = 2e-3, betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8, weight_decay: float = 0, *, maximize: bool = False):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
                                  "maximize": maximize})

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The running mean, and the fading maximum."""
        return "exp_avg", "exp_inf"

    def numbers(self, group: dict[str, Any], state: dict[str, Any]) -> Any:
        """The step's size, corrected, eps and the betas."""
        kept, kept_max = group["betas"]
        return group["lr"] / (1 - kept ** state["step"]), group["eps"], kept, kept_max

    def rule(self, F: Any, p: Any, g: Any, state: list[Any], numbers: Any) -> None:
        """`u = max(beta * u, |g| + eps)`, `p -= lr * m / u`."""
        size, eps, kept, kept_max = numbers
        m, u = state
        m += (g - m) * (1 - kept)
        u[...] = F.maximum(u * kept_max, F.abs(g) + eps)
        p -= m / u * size


class NAdam(Optimizer):
    """Adam that looks ahead along its momentum, as Nesterov does (Dozat, 2016).

    `momentum_decay` says how quickly the momentum grows to `betas[0]`; the other arguments are Adam's.
    """

    def __init__(self, params: Iterable[Any], lr: float = 2e-3, betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8, weight_decay: float = 0, momentum_decay: float = 4e-3,
                 decoupled_weight_decay: bool = False, *, maximize: bool = False):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
                                  "momentum_decay": momentum_decay, "maximize": maximize,
                                  "decoupled_weight_decay": decoupled_weight_decay})

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The two running means."""
        return "exp_avg", "exp_avg_sq"

    def numbers(self, group: dict[str, Any], state: dict[str, Any]) -> Any:
        """What the gradient and the mean count for in this step, eps, the square's correction, the betas."""
        kept, kept_square = group["betas"]
        t = state["step"]
        now, ahead = (kept * (1 - 0.5 * 0.96 ** (k * group["momentum_decay"])) for k in (t, t + 1))
        product = state["mu_product"] = state.get("mu_product", 1.0) * now
        return (group["lr"] * (1 - now) / (1 - product), group["lr"] * ahead / (1 - product * ahead), group["eps"],
                1 / sqrt(1 - kept_square ** t), kept, kept_square)

    def rule(self, F: Any, p: Any, g: Any, state: list[Any], numbers: Any) -> None:
        """`p -= (a * g + b * m) / (sqrt(v) + eps)`."""
        of_g, of_m, eps, correction, kept, kept_square = numbers
        m, v = state
        track_means(g, m, v, kept, kept_square)
        p -= (g * of_g + m * of_m) / (F.sqrt(v) * correction + eps)


class RAdam(Optimizer):
    """Adam that waits with the scaling until the mean square can be trusted (Liu and others, 2020).

    The arguments are Adam's.
    """

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8, weight_decay: float = 0, decoupled_weight_decay: bool = False, *,
                 maximize: bool = False):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
                                  "maximize": maximize, "decoupled_weight_decay": decoupled_weight_decay})

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The two running means."""
        return "exp_avg", "exp_avg_sq"

    def numbers(self, group: dict[str, Any], state: dict[str, Any]) -> Any:
        """The step's size, whether to scale, eps and the betas; `r` is how many samples the mean square is worth."""
        kept, kept_square = group["betas"]
        t = state["step"]
        power = kept_square ** t
        size = group["lr"] / (1 - kept ** t)
        most = 2 / (1 - kept_square) - 1
        r = most - 2 * t * power / (1 - power)
        if r > 5:
            size *= sqrt((r - 4) * (r - 2) * most / ((most - 4) * (most - 2) * r)) * sqrt(1 - power)
        return size, r > 5, group["eps"], kept, kept_square

    def rule(self, F: Any, p: Any, g: Any, state: list[Any], numbers: Any) -> None:
        """`p -= lr * m`, divided by `sqrt(v) + eps` once that is steady."""
        size, scaled, eps, kept, kept_square = numbers
        m, v = state
        track_means(g, m, v, kept, kept_square)
        p -= (m / (F.sqrt(v) + eps) if scaled else m) * size
