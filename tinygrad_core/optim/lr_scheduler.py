"""Schedules: how the learning rate of an optimiser changes from epoch to epoch."""
from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import Any

from ..functions.arguments import one_of
from .optimizer import Optimizer, OptimizerError


class LRScheduler:
    """Base of the schedules: `step()` after each epoch sets every group's learning rate.

    A subclass says in `get_lr()` what the rates are after `last_epoch` steps. Most of them move the rates from where
    they are, so schedules can be chained: two on one optimiser multiply, and a rate changed by hand stays changed.

    Args:
        optimizer: what to drive.
        last_epoch: how many steps lie behind, less one, where a training is taken up again; -1 for a new one.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        if not isinstance(optimizer, Optimizer):
            raise OptimizerError(f"a schedule drives an optimiser, got {type(optimizer).__name__}")
        self.optimizer = optimizer
        if last_epoch >= 0 and any("initial_lr" not in group for group in optimizer.param_groups):
            raise OptimizerError(f"last_epoch={last_epoch} takes a training up again: load the optimiser's state first, "
                                 "whose groups know their initial_lr")
        self.base_lrs = [group.setdefault("initial_lr", group["lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._taken_up = last_epoch >= 0
        self.step()
        self._taken_up = False

    def get_lr(self) -> list[float]:
        """The rate of each group after `last_epoch` steps."""
        raise NotImplementedError(f"{type(self).__name__} defines no get_lr()")

    def step(self) -> None:
        """Go on by one epoch."""
        self.last_epoch += 1
        for group, lr in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            group["lr"] = lr
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def get_last_lr(self) -> list[float]:
        """The rate of each group now."""
        return self._last_lr

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule stands; functions and the optimiser are left out."""
        return {k: v for k, v in vars(self).items() if k not in ("optimizer", "lr_lambdas")}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from where another one stood."""
        vars(self).update(state_dict)


class LambdaLR(LRScheduler):
    """The first rate times what a function of the epoch gives; one function, or one for each group."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
                 last_epoch: int = -1):
        groups = len(optimizer.param_groups)
        self.lr_lambdas = [lr_lambda] * groups if callable(lr_lambda) else list(lr_lambda)
        if len(self.lr_lambdas) != groups:
            raise OptimizerError(f"LambdaLR got {len(self.lr_lambdas)} functions for {groups} groups")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """`base * lr_lambda(epoch)`."""
        return [base * of(self.last_epoch) for base, of in zip(self.base_lrs, self.lr_lambdas, strict=True)]


class _Moved(LRScheduler):
    """A schedule that moves each rate from where it is: by the quotient of `factor(epoch)` and the one before."""

    least: float = 0.0              # the rate that a factor of 0 stands for
    steady = True                   # whether the rates stay as they are when a training is taken up again

    def factor(self, epoch: int) -> float:
        """How far above `least` the rate is, as a part of where it began."""
        raise NotImplementedError

    def get_lr(self) -> list[float]:
        """Each rate's distance from `least`, times how `factor` changed; where that comes back from 0, anew."""
        now = self.factor(self.last_epoch)
        before = self.factor(self.last_epoch - 1) if self.last_epoch else 1.0
        if now == before or (self._taken_up and self.steady):
            return [group["lr"] for group in self.optimizer.param_groups]
        if not before:
            return [group["lr"] + (base - self.least) * now
                    for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True)]
        return [self.least + (group["lr"] - self.least) * (now / before) for group in self.optimizer.param_groups]


class StepLR(_Moved):
    """The rate times `gamma` every `step_size` epochs."""

    steady = False

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1):
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def factor(self, epoch: int) -> float:
        """`gamma ** (epoch // step_size)`."""
        return self.gamma ** (epoch // self.step_size)


class MultiStepLR(_Moved):
    """The rate times `gamma` at each of the `milestones`, epochs."""

    steady = False

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1, last_epoch: int = -1):
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def factor(self, epoch: int) -> float:
        """`gamma ** (milestones passed)`."""
        return self.gamma ** bisect_right(self.milestones, epoch)


class ExponentialLR(_Moved):
    """The rate times `gamma` every epoch."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1):
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def factor(self, epoch: int) -> float:
        """`gamma ** epoch`."""
        return self.gamma ** epoch


class LinearLR(_Moved):
    """Warm-up: from `start_factor` to `end_factor` times the rate in equal parts over `total_iters` steps."""

    def __init__(self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0,
                 total_iters: int = 5, last_epoch: int = -1):
        if not 0 < start_factor <= 1 or not 0 <= end_factor <= 1:
            raise OptimizerError(f"LinearLR's factors must lie between 0 and 1, got {start_factor!r}, {end_factor!r}")
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def factor(self, epoch: int) -> float:
        """A point on the line from start to end."""
        part = min(epoch, self.total_iters) / self.total_iters
        return self.start_factor + (self.end_factor - self.start_factor) * part


class CosineAnnealingLR(_Moved):
    """Half a cosine from the rate down to `eta_min` over `T_max` epochs (Loshchilov and Hutter, 2017)."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1):
        self.T_max, self.eta_min = T_max, eta_min
        self.least = eta_min
        super().__init__(optimizer, last_epoch)

    def factor(self, epoch: int) -> float:
        """`(1 + cos(pi * epoch / T_max)) / 2`, which is 0 at its end and not merely about that."""
        return 0.0 if epoch % (2 * self.T_max) == self.T_max else (1 + math.cos(math.pi * epoch / self.T_max)) / 2


class OneCycleLR(LRScheduler):
    """One rise to `max_lr` and a long fall to almost nothing, momentum the other way (Smith and Topin, 2018).

    Step it after every batch.

    Args:
        optimizer: what to drive.
        max_lr: the peak; one number, or one for each group.
        total_steps: how many batches the whole cycle takes; or give `epochs` and `steps_per_epoch`.
        pct_start: which part of it rises.
        anneal_strategy: "cos" or "linear".
        cycle_momentum: move the momentum (SGD) or the first beta (Adam) too.
        base_momentum, max_momentum: its lowest and highest value.
        div_factor: the first rate is `max_lr / div_factor`.
        final_div_factor: the last is the first divided by this.
        three_phase: fall as long as it rose, then to the last rate.
    """

    def __init__(self, optimizer: Optimizer, max_lr: float | Sequence[float], total_steps: int | None = None,
                 epochs: int | None = None, steps_per_epoch: int | None = None, pct_start: float = 0.3,
                 anneal_strategy: str = "cos", cycle_momentum: bool = True, base_momentum: float = 0.85,
                 max_momentum: float = 0.95, div_factor: float = 25.0, final_div_factor: float = 1e4,
                 three_phase: bool = False, last_epoch: int = -1):
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise OptimizerError("OneCycleLR needs total_steps, or epochs and steps_per_epoch")
            total_steps = epochs * steps_per_epoch
        one_of("OneCycleLR's anneal_strategy", anneal_strategy, "cos", "linear", kind=OptimizerError)
        groups = optimizer.param_groups
        peaks = [max_lr] * len(groups) if isinstance(max_lr, (int, float)) else list(max_lr)
        self.total_steps, self.anneal_strategy, self.cycle_momentum = total_steps, anneal_strategy, cycle_momentum
        rise = pct_start * total_steps - 1
        self.ends = [rise, 2 * rise, total_steps - 1] if three_phase else [rise, total_steps - 1]
        firsts = [peak / div_factor for peak in peaks]
        self.rates = [[first, peak, *([first] if three_phase else []), first / final_div_factor]
                      for first, peak in zip(firsts, peaks, strict=True)]
        self.momenta = [max_momentum, base_momentum, max_momentum, max_momentum]
        if last_epoch < 0:
            for group, first in zip(groups, firsts, strict=True):
                group["initial_lr"] = first
        super().__init__(optimizer, last_epoch)

    def step(self) -> None:
        """Go on by one batch."""
        if self.last_epoch + 1 >= self.total_steps:
            raise OptimizerError(f"OneCycleLR was made for {self.total_steps} steps, and this is one more: give it "
                                 "total_steps = epochs * batches")
        super().step()
        momentum = self._at(self.momenta)
        for group in self.optimizer.param_groups if self.cycle_momentum else ():
            if "betas" in group:
                group["betas"] = (momentum, *group["betas"][1:])
            elif "momentum" in group:
                group["momentum"] = momentum

    def get_lr(self) -> list[float]:
        """The rate on each group's curve, which is no one else's: this schedule is not for chains."""
        return [self._at(rates) for rates in self.rates]

    def _at(self, values: list[float]) -> float:
        """Where a curve through the values, one at the end of each phase, stands now."""
        k = bisect_left(self.ends[:-1], self.last_epoch)
        start = self.ends[k - 1] if k else 0.0
        part = (self.last_epoch - start) / (self.ends[k] - start)
        if self.anneal_strategy == "cos":
            part = (1 - math.cos(math.pi * part)) / 2
        return values[k] + (values[k + 1] - values[k]) * part


class ReduceLROnPlateau(LRScheduler):
    """The rate times `factor` when a measure, given to `step(metrics)`, has not got better for long.

    Args:
        optimizer: what to drive.
        mode: whether smaller ("min") or larger ("max") is better.
        factor: what the rate is multiplied with.
        patience: how many epochs without a better measure are let pass.
        threshold: by how much it must get better to count.
        threshold_mode: whether that is a part of the best measure ("rel") or a difference ("abs").
        cooldown: epochs after a reduction that are not counted.
        min_lr: never go below; one number, or one for each group.
        eps: leave the rate where it would change less.
    """

    def __init__(self, optimizer: Optimizer, mode: str = "min", factor: float = 0.1, patience: int = 10,
                 threshold: float = 1e-4, threshold_mode: str = "rel", cooldown: int = 0,
                 min_lr: float | Sequence[float] = 0.0, eps: float = 1e-8):
        if factor >= 1:
            raise OptimizerError(f"ReduceLROnPlateau's factor must be below 1, got {factor!r}")
        one_of("ReduceLROnPlateau's mode", mode, "min", "max", kind=OptimizerError)
        one_of("ReduceLROnPlateau's threshold_mode", threshold_mode, "rel", "abs", kind=OptimizerError)
        self.optimizer, self.mode, self.factor, self.patience, self.eps = optimizer, mode, factor, patience, eps
        self.threshold, self.threshold_mode, self.cooldown = threshold, threshold_mode, cooldown
        groups = optimizer.param_groups
        self.min_lrs = [min_lr] * len(groups) if isinstance(min_lr, (int, float)) else list(min_lr)
        self.best = math.inf if mode == "min" else -math.inf
        self.last_epoch = self.num_bad_epochs = self.cooldown_counter = 0
        self._last_lr = [group["lr"] for group in groups]

    def step(self, metrics: Any) -> None:                   # type: ignore[override]
        """Look at the measure of another epoch."""
        value = float(metrics)
        self.last_epoch += 1
        self.num_bad_epochs += 1
        if self._better(value):
            self.best, self.num_bad_epochs = value, 0
        if self.cooldown_counter > 0:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown_counter - 1, 0
        if self.num_bad_epochs > self.patience:
            for group, least in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
                lr = max(group["lr"] * self.factor, least)
                if group["lr"] - lr > self.eps:
                    group["lr"] = lr
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def _better(self, value: float) -> bool:
        sign = -1 if self.mode == "min" else 1
        if self.threshold_mode == "abs":
            return sign * (value - self.best) > self.threshold
        # An infinite best, the first one, times a factor stays infinite and of the same sign.
        return sign * value > sign * self.best * (1 + sign * self.threshold)


__all__ = ["CosineAnnealingLR", "ExponentialLR", "LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR", "OneCycleLR",
           "ReduceLROnPlateau", "StepLR"]
