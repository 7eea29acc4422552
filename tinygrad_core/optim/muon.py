"""Muon: steps along the momentum made orthogonal, for the matrices of hidden layers."""
from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import Any

from ..functions.arguments import one_of
from ..tensor import describe
from .optimizer import Optimizer, OptimizerError

_LIKE_ADAMW = "match_rms_adamw"


class Muon(Optimizer):
    """Momentum, orthogonalised: all singular values of a step are about one (Jordan and others, 2024).

    Args:
        params: matrices, or groups of them; biases, embeddings and the last layer belong to another optimiser.
        lr: the size of a step.
        weight_decay: pulls the weights to zero directly.
        momentum: how much of the velocity stays from step to step.
        nesterov: look ahead along the velocity.
        ns_coefficients: of the polynomial `a*x + b*x**3 + c*x**5` that pushes singular values towards one.
        eps: keeps the first division from blowing up.
        ns_steps: how many times the polynomial is applied.
        adjust_lr_fn: "original" scales steps by `sqrt(max(1, rows / columns))`, "match_rms_adamw" by
            `0.2 * sqrt(max(rows, columns))`, so that AdamW's lr fits.

    PyTorch rounds to bfloat16 inside; here the parameter's own dtype is kept, so steps agree to about a percent.
    """

    elementwise = False

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, weight_decay: float = 0.1, momentum: float = 0.95,
                 nesterov: bool = True, ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
                 eps: float = 1e-7, ns_steps: int = 5, adjust_lr_fn: str | None = None):
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
                                  "ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps,
                                  "adjust_lr_fn": adjust_lr_fn})

    def check(self, group: dict[str, Any]) -> None:
        """Refuse options that make no sense, and anything but matrices."""
        super().check(group)
        for p in group["params"]:
            if p.ndim != 2:
                raise OptimizerError(f"Muon optimises matrices, and got {describe(p)}: give biases and the like to "
                                     "another optimiser, such as AdamW")
        one_of("Muon's adjust_lr_fn", group["adjust_lr_fn"], None, "original", _LIKE_ADAMW, kind=OptimizerError)

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The velocity."""
        return ("momentum_buffer",)

    def decoupled(self, group: dict[str, Any]) -> bool:
        """Always."""
        return True

    def numbers(self, group: dict[str, Any], state: dict[str, Any]) -> Any:
        """The options, as they are."""
        return (group["lr"], group["momentum"], group["eps"], *group["ns_coefficients"], group["ns_steps"],
                group["nesterov"], group["adjust_lr_fn"])

    def rule(self, F: Any, p: Any, g: Any, state: list[Any], numbers: Any) -> None:
        """`v += (1 - momentum) * (g - v)`, then a step along `v` made orthogonal."""
        lr, momentum, eps, a, b, c, steps, nesterov, adjust = numbers
        (v,), (rows, columns) = state, p.shape
        v += (g - v) * (1 - momentum)
        step = orthogonal(F, g + (v - g) * momentum if nesterov else v, (a, b, c), steps, eps)
        scale = 0.2 * sqrt(max(rows, columns)) if adjust == _LIKE_ADAMW else sqrt(max(1, rows / columns))
        p -= step * (lr * scale)


def orthogonal(F: Any, x: Any, coefficients: tuple[Any, Any, Any], steps: int, eps: Any) -> Any:
    """`x` with its singular values pushed towards one by Newton and Schulz's iteration."""
    a, b, c = coefficients
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / F.maximum(F.sqrt((x * x).sum()), eps)
    for _ in range(steps):
        gram = x @ x.T
        x = x * a + (gram * b + gram @ gram * c) @ x
    return x.T if tall else x
