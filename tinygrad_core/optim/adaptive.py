"""Steps of a size of its own for every weight, learned from the gradients it has seen; without Adam's momentum."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..tensor import Tensor
from .optimizer import Optimizer, OptimizerError


class Adagrad(Optimizer):
    """Divide by the root of the sum of all squares so far (Duchi, Hazan and Singer, 2011).

    Args:
        params: tensors, or groups of them.
        lr: the size of a step.
        lr_decay: step t is `lr / (1 + (t - 1) * lr_decay)` long.
        weight_decay: pulls every weight to zero, through the gradient.
        initial_accumulator_value: what the sums begin with.
        eps: keeps the division from blowing up.
        maximize: climb instead.
    """

    def __init__(self, params: Iterable[Any], lr: float = 1e-2, lr_decay: float = 0, weight_decay: float = 0,
                 initial_accumulator_value: float = 0, eps: float = 1e-10, *, maximize: bool = False):
        super().__init__(params, {"lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
                                  "initial_accumulator_value": initial_accumulator_value, "maximize": maximize})

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The sums of squares."""
        return ("sum",)

    def begin(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        """The sums start at their initial value."""
        state = super().begin(p, group)
        state["sum"] += group["initial_accumulator_value"]
        return state

    def numbers(self, group: dict[str, Any], state: dict[str, Any]) -> Any:
        """The step's size, and eps."""
        return group["lr"] / (1 + (state["step"] - 1) * group["lr_decay"]), group["eps"]

    def rule(self, F: Any, p: Any, g: Any, state: list[Any], numbers: Any) -> None:
        """`p -= lr * g / (sqrt(sum) + eps)`."""
        size, eps = numbers
        squares, = state
        squares += g * g
        p -= g / (F.sqrt(squares) + eps) * size


class Adadelta(Optimizer):
    """Steps in the parameters' own units: gradients scaled by recent steps over recent gradients (Zeiler, 2012).

    `rho` is how much of both running means stays from step to step.
    """

    def __init__(self, params: Iterable[Any], lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6,
                 weight_decay: float = 0, *, maximize: bool = False):
        super().__init__(params, {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay,
                                  "maximize": maximize})

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The running means of squared gradients and of squared steps."""
        return "square_avg", "acc_delta"

    def numbers(self, group: dict[str, Any], state: dict[str, Any]) -> Any:
        """The options."""
        return group["lr"], group["rho"], group["eps"]

    def rule(self, F: Any, p: Any, g: Any, state: list[Any], numbers: Any) -> None:
        """`step = g * sqrt(steps + eps) / sqrt(squares + eps)`, `p -= lr * step`."""
        lr, rho, eps = numbers
        squares, steps = state
        squares *= rho
        squares += g * g * (1 - rho)
        step = F.sqrt((steps + eps) / (squares + eps)) * g
        steps *= rho
        steps += step * step * (1 - rho)
        p -= step * lr


class RMSprop(Optimizer):
    """Divide by the root of a running mean of squares (Hinton, lecture 6e of "Neural networks", 2012).

    Args:
        params: tensors, or groups of them.
        lr: the size of a step.
        alpha: how much of the mean stays from step to step.
        eps: keeps the division from blowing up.
        weight_decay: pulls every weight to zero, through the gradient.
        momentum: how much of the velocity stays from step to step.
        centered: divide by the standard deviation, with the mean taken off.
        maximize: climb instead.
    """

    def __init__(self, params: Iterable[Any], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
                 weight_decay: float = 0, momentum: float = 0, centered: bool = False, *, maximize: bool = False):
        super().__init__(params, {"lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
                                  "weight_decay": weight_decay, "maximize": maximize})

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The mean square; the mean and the velocity where they are used."""
        return ("square_avg", *(("grad_avg",) if group["centered"] else ()),
                *(("momentum_buffer",) if group["momentum"] else ()))

    def numbers(self, group: dict[str, Any], state: dict[str, Any]) -> Any:
        """The options."""
        return group["lr"], group["alpha"], group["eps"], group["momentum"], group["centered"]

    def rule(self, F: Any, p: Any, g: Any, state: list[Any], numbers: Any) -> None:
        """`p -= lr * g / (sqrt(v) + eps)`, or along a velocity of such steps."""
        lr, alpha, eps, momentum, centered = numbers
        v = state[0]
        v *= alpha
        v += g * g * (1 - alpha)
        if centered:
            mean = state[1]
            mean += (g - mean) * (1 - alpha)
            v = v - mean * mean
        step = g / (F.sqrt(v) + eps)
        if len(state) > 1 + centered:
            velocity = state[-1]
            velocity *= momentum
            velocity += step
            step = velocity
        p -= step * lr


class Rprop(Optimizer):
    """Only the gradient's sign counts: steps grow while it stays, shrink when it turns (Riedmiller and Braun, 1993).

    Args:
        params: tensors, or groups of them.
        lr: the size of the first step.
        etas: what a step is multiplied with when the sign turned, and when it stayed.
        step_sizes: the smallest and the largest step.
        maximize: climb instead.
    """

    def __init__(self, params: Iterable[Any], lr: float = 1e-2, etas: tuple[float, float] = (0.5, 1.2),
                 step_sizes: tuple[float, float] = (1e-6, 50), *, maximize: bool = False):
        super().__init__(params, {"lr": lr, "etas": etas, "step_sizes": step_sizes, "maximize": maximize})

    def check(self, group: dict[str, Any]) -> None:
        """Refuse options that make no sense."""
        super().check(group)
        shrink, grow = group["etas"]
        if not 0 < shrink < 1 < grow:
            raise OptimizerError(f"Rprop got etas={group['etas']!r}: the first must lie between 0 and 1, the second "
                                 "above 1")

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The last gradient, and the size of each weight's step."""
        return "prev", "step_size"

    def begin(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        """All steps start equal."""
        state = super().begin(p, group)
        state["step_size"] += group["lr"]
        return state

    def numbers(self, group: dict[str, Any], state: dict[str, Any]) -> Any:
        """The options."""
        return (*group["etas"], *group["step_sizes"])

    def rule(self, F: Any, p: Any, g: Any, state: list[Any], numbers: Any) -> None:
        """`p -= sign(g) * size`; where the sign turned, stand still this once."""
        shrink, grow, least, most = numbers
        last, size = state
        same = g * last
        turned = same < 0
        scaled = F.where(turned, size * shrink, F.where(same > 0, size * grow, size))
        size[...] = F.minimum(F.maximum(scaled, least), most)
        last[...] = F.where(turned, 0.0, g)
        p -= F.sign(last) * size
