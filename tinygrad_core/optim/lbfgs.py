"""L-BFGS: Newton's method with a curvature guessed from the last few steps, and its line search."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from math import isfinite, sqrt
from typing import Any, NamedTuple

from ..autograd import enable_grad
from ..device import array_module
from ..errors import here
from ..functions.arguments import one_of
from ..tensor import mode
from ..versions import wrote
from ..writes import store
from .optimizer import Optimizer, OptimizerError

Evaluate = Callable[[float], "Point"]


class Point(NamedTuple):
    """A point on the line of a search: its distance, the loss, the gradient, and the slope along the line."""

    t: float
    loss: float
    grad: Any
    slope: float


class LBFGS(Optimizer):
    """Limited-memory BFGS (Nocedal and Wright, "Numerical Optimization", 2006, algorithm 7.5).

    Every step needs a closure that clears the gradients, computes the loss and its gradients, and returns it;
    it is called several times. Made for whole data sets, not for small noisy batches.

    Args:
        params: tensors; one group only.
        lr: the length of a step along the direction, or where a line search starts.
        max_iter: directions tried in one step.
        max_eval: calls of the closure in one step; 1.25 times `max_iter` by default.
        tolerance_grad: stop where no gradient is larger.
        tolerance_change: stop where weights or loss change less.
        history_size: how many steps the curvature is guessed from.
        line_search_fn: "strong_wolfe", or None to go `lr` along each direction.
    """

    def __init__(self, params: Iterable[Any], lr: float = 1, max_iter: int = 20, max_eval: int | None = None,
                 tolerance_grad: float = 1e-7, tolerance_change: float = 1e-9, history_size: int = 100,
                 line_search_fn: str | None = None):
        super().__init__(params, {"lr": lr, "max_iter": max_iter, "max_eval": max_eval or max_iter * 5 // 4,
                                  "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change,
                                  "history_size": history_size, "line_search_fn": line_search_fn})
        if len(self.param_groups) != 1:
            raise OptimizerError("LBFGS sees all parameters as one vector: give one group only")
        one_of("LBFGS's line_search_fn", line_search_fn, None, "strong_wolfe", kind=OptimizerError)
        self._params = self.param_groups[0]["params"]

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Try up to `max_iter` directions; returns the loss before the first."""
        if closure is None:
            raise OptimizerError("LBFGS needs step(closure): a function that clears the gradients, computes the loss, "
                                 "calls backward and returns the loss.")
        group = self.param_groups[0]
        state = self.state.setdefault(self._params[0], {"n_iter": 0, "func_evals": 0})
        first, loss, grad = self._evaluate(closure)
        evals, tries = 1, 0
        flat = bool(abs(grad).max() <= group["tolerance_grad"])
        while not flat and tries < group["max_iter"]:
            tries += 1
            state["n_iter"] += 1
            direction = self._direction(state, grad, group["history_size"])
            t = group["lr"] * (min(1.0, 1 / float(abs(grad).sum())) if state["n_iter"] == 1 else 1)
            slope = float(grad @ direction)
            state["prev_flat_grad"], last = grad, loss
            if slope > -group["tolerance_change"]:
                break
            start = [p.array.copy() for p in self._params]

            def at(t: float, start: Any = start, direction: Any = direction) -> Point:
                self._move(t, direction, start)
                _, loss, grad = self._evaluate(closure)
                return Point(t, loss, grad, float(grad @ direction))

            used = 0
            if group["line_search_fn"]:
                (t, loss, grad, _), used = strong_wolfe(at, Point(0.0, loss, grad, slope), t, float(abs(direction).max()),
                                                        group["tolerance_change"])
            elif tries < group["max_iter"]:
                (_, loss, grad, _), used = at(t), 1
            if group["line_search_fn"] or not used:
                self._move(t, direction, start)
            evals += used
            state.update(d=direction, t=t, func_evals=state["func_evals"] + used)
            flat = bool(abs(grad).max() <= group["tolerance_grad"])
            if evals >= group["max_eval"] or flat or abs(loss - last) < group["tolerance_change"] or (
                    float(abs(direction * t).max()) <= group["tolerance_change"]):
                break
        return first

    def state_dict(self) -> dict[str, Any]:
        """The options; the curvature is not kept."""
        return {**super().state_dict(), "state": {}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the options; the curvature is guessed anew."""
        super().load_state_dict({**state_dict, "state": {}})
        self.state.clear()

    def _evaluate(self, closure: Callable[[], Any]) -> tuple[Any, float, Any]:
        """The loss, as it came and as a number, and all gradients as one vector."""
        with enable_grad():
            loss = closure()
        xp = array_module(self._params[0].array)
        parts = [xp.zeros(p.array.size, p.dtype) if p.grad is None else p.grad.array.reshape(-1)
                 for p in self._params]
        return loss, float(loss), xp.concatenate(parts)

    def _direction(self, state: dict[str, Any], grad: Any, size: int) -> Any:
        """Where to go: minus the gradient, times the inverse curvature that the history tells of."""
        if state["n_iter"] == 1:
            state["history"], state["H_diag"] = [], 1.0
            return -grad
        history = state["history"]
        y, s = grad - state["prev_flat_grad"], state["d"] * state["t"]
        ys = float(y @ s)
        if ys > 1e-10:
            if len(history) == size:
                history.pop(0)
            history.append((y, s, 1 / ys))
            state["H_diag"] = ys / float(y @ y)
        q, weights = -grad, []
        for y, s, rho in reversed(history):
            weights.append(float(s @ q) * rho)
            q = q - weights[-1] * y
        q = q * state["H_diag"]
        for (y, s, rho), weight in zip(history, reversed(weights), strict=True):
            q = q + s * (weight - float(y @ q) * rho)
        return q

    def _move(self, t: float, direction: Any, start: list[Any]) -> None:
        """Put the parameters `t` along the direction from `start`."""
        line, i = here(), 0
        for p, first in zip(self._params, start, strict=True):
            part = direction[i:i + p.array.size].reshape(p.shape)
            i += p.array.size
            before = p.array.copy() if mode.watched else None
            wrote(p.array, line)
            store(p, first + t * part)
            if mode.watched and p.grad is not None:
                mode.watch.updated(p, before, p.grad.array, type(self).__name__)


def strong_wolfe(at: Evaluate, here: Point, t: float, size: float, tolerance: float, c1: float = 1e-4,
                 c2: float = 0.9, most: int = 25) -> tuple[Point, int]:
    """A point where the loss fell enough and the slope is small (Nocedal and Wright, algorithms 3.5 and 3.6).

    Args:
        at: evaluates a distance along the line.
        here: the start.
        t: the first distance to try.
        size: the largest entry of the direction.
        tolerance: the smallest change of a weight worth a trial.

    Returns:
        The point, and how often the line was evaluated.
    """
    new, last, evals = at(t), here, 1
    while evals <= most:                                    # go on until a good point lies between two others
        risen = new.loss > here.loss + c1 * new.t * here.slope or (evals > 2 and new.loss >= last.loss)
        if not risen and abs(new.slope) <= -c2 * here.slope:
            return new, evals
        if risen or new.slope >= 0:
            break
        t = cubic_minimum(last, new, (new.t + 0.01 * (new.t - last.t), new.t * 10))
        last, new, evals = new, at(t), evals + 1
    else:
        last = here
    low, high = (new, last) if last.loss > new.loss else (last, new)
    stuck = False
    while evals <= most and abs(high.t - low.t) * size >= tolerance:                    # narrow the two down
        left, right = min(low.t, high.t), max(low.t, high.t)
        t = cubic_minimum(low, high, (left, right))
        margin = 0.1 * (right - left)
        close = min(right - t, t - left) < margin
        stuck = close and not (stuck or t >= right or t <= left)
        if close and not stuck:                             # too near to an end for the second time: away from it
            t = right - margin if abs(t - right) < abs(t - left) else left + margin
        new, evals = at(t), evals + 1
        if new.loss > here.loss + c1 * t * here.slope or new.loss >= low.loss:
            low, high = (low, new) if low.loss <= new.loss else (new, low)
        elif abs(new.slope) <= -c2 * here.slope:
            return new, evals
        else:
            low, high = new, low if new.slope * (high.t - low.t) >= 0 else high
    return low, evals


def cubic_minimum(a: Point, b: Point, bounds: tuple[float, float]) -> float:
    """Where the cubic through two points, with their slopes, is smallest within bounds; the middle if nowhere."""
    least, most = bounds
    a, b = (a, b) if a.t <= b.t else (b, a)
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0 or not isfinite(square):
        return (least + most) / 2
    d2 = sqrt(square)
    t = b.t - (b.t - a.t) * (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2)
    return min(max(t, least), most)
