"""Optimisers' updates as nodes of a graph: what `step` does while a training step is traced, and `minimize` in a session."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd import no_grad
from ..dispatch import apply, recorded
from ..errors import at_line, learner_line
from ..ops import OPS
from ..ops.core import primitive
from ..optim.adam import Adam
from ..optim.optimizer import Blockwise, Optimizer
from ..optim.sgd import SGD
from ..symbol import StaticError
from ..tensor import Tensor, mode, wrap
from .environment import Asked, Guard

# An update as a formula: (parameter, gradient, state, numbers of this step, options) -> (new parameter, new state).
Formula = Callable[[Tensor, Tensor, list[Tensor], tuple[Any, ...], dict[str, Any]], tuple[Tensor, list[Tensor]]]


def sgd(p: Tensor, g: Tensor, state: list[Tensor], numbers: tuple[Any, ...], group: dict[str, Any]) -> Any:
    """`p - lr * g`, or along the velocity."""
    lr, _, fresh, _ = numbers
    if not group["momentum"]:
        return p - g * lr, state
    v = state[0] * group["momentum"] + (g * fresh if group["dampening"] else g)
    return p - (v * group["momentum"] + g if group["nesterov"] else v) * lr, [v]


def adam(p: Tensor, g: Tensor, state: list[Tensor], numbers: tuple[Any, ...], group: dict[str, Any]) -> Any:
    """`p - lr * m / (sqrt(v) + eps)`, the corrections moved into `lr` and `eps`."""
    size, eps = numbers[:2]
    kept, kept_square = group["betas"]
    m = state[0] + (g - state[0]) * (1 - kept)
    v = state[1] * kept_square + g * g * (1 - kept_square)
    most = recorded.maximum(state[2], v) if len(state) > 2 else v
    return p - m / (recorded.sqrt(most) + eps) * size, [m, v, most][:len(state)]


def _update(xp: Any, p: Any, g: Any, *state: Any, optimizer: Any, group: Any, numbers: tuple[Any, ...]) -> Any:
    """A step of an optimiser whose formula is only known as array code, on copies."""
    state = tuple([xp.array(s).reshape(-1) for s in state])
    flat = xp.array(p).reshape(-1)
    numbers = tuple([float(n) if isinstance(n, np.generic) else n for n in numbers])
    optimizer._run(xp, flat, xp.asarray(g).reshape(-1), list(state), optimizer.param_groups[group], numbers)
    return (flat.reshape(np.shape(p)), *[s.reshape(np.shape(p)) for s in state])


primitive("optimizer_step", _update, several=True, label="update")


class Step:
    """One call of an optimiser's `step`, written down."""

    def __init__(self, optimizer: Optimizer):
        if not isinstance(optimizer, Blockwise):
            raise StaticError(f"{type(optimizer).__name__} cannot be part of a graph, because its step depends on numbers "
                              "that it computes on the way: compile the loss and its gradients, and call step() outside."
                              f"{at_line(learner_line())}")
        self.optimizer, self.graph = optimizer, mode.graph
        self.earlier = sum(o is optimizer for o in self.graph.stepped)
        self.graph.stepped.append(optimizer)
        self.formula = next((f for kind, f in FORMULAS.items() if isinstance(optimizer, kind)), None)

    def run(self) -> list[Tensor]:
        """Write down the update of every parameter that has a gradient; returns the new values."""
        news = []
        with no_grad():
            for group in self.optimizer.param_groups:
                learning = [p for p in group["params"] if p.node is not None and p.node.grad is not None]
                for p in learning:
                    if p not in self.optimizer.state:
                        self.optimizer.state[p] = self.optimizer.begin(p, group)
                shared: dict[int, tuple[Any, ...]] = {}
                for p in learning:
                    count = self.optimizer.state[p]["step"]
                    if count not in shared:
                        dtype = p.dtype if self.formula is not None else np.dtype("float64")
                        shared[count] = self.numbers(group, self.optimizer.state[p], dtype)
                    news.append(self.updated(p, group, shared[count]))
                self.graph.after.append(self._counted(group, [self.optimizer.state[p] for p in learning]))
        return news

    def _counted(self, group: dict[str, Any], states: list[dict[str, Any]]) -> Callable[[], None]:
        """What Python does after a run: counts the step, in the state of every parameter."""
        numbers, carried = self.optimizer.numbers, []
        for state in states:
            tried = {**state, "step": state["step"] + 1}
            numbers(group, tried)
            if len(tried) > 1 + len(self.optimizer.buffers(group)):     # some number is carried from step to step
                carried.append(state)

        def count() -> None:
            for state in states:
                state["step"] += 1
            for state in carried:
                numbers(group, state)
        return count

    def numbers(self, group: dict[str, Any], state: dict[str, Any], dtype: Any) -> tuple[Any, ...]:
        """What the rule needs to know about this step: numbers that a run computes anew, from the count and the options."""
        optimizer, ahead = self.optimizer, self.earlier + 1

        def now() -> tuple[Any, ...]:
            return optimizer.numbers(group, {**state, "step": state["step"] + ahead})

        def slot(k: int, value: Any) -> Any:
            if not isinstance(value, float):
                return value
            return wrap(self.graph.slot(lambda: dtype.type(now()[k]), None, f"{type(optimizer).__name__}.number_{k}"))

        values = now() or ()
        fixed = tuple([v if not isinstance(v, float) else None for v in values])
        if any([v is not None and v not in group.values() for v in fixed]):
            self.graph.environment.guards.append(Guard(
                f"the phase of {type(optimizer).__name__}",
                Asked(lambda: tuple([v if not isinstance(v, float) else None for v in now() or ()])), None, fixed))
        return tuple([slot(k, v) for k, v in enumerate(values)])

    def updated(self, p: Tensor, group: dict[str, Any], numbers: tuple[Any, ...]) -> Tensor:
        """Write down one parameter's update."""
        graph, state = self.graph, self.optimizer.state[p]
        names = self.optimizer.buffers(group)
        old = [wrap(graph.slot(_reader(state, n), _writer(state, n), n)) for n in names]
        value, g = wrap(graph.symbol_of(p.array, p)), wrap(graph.tensor_of(p.node.grad).array)
        if self.formula is not None:
            value, g = _decayed(value, g, numbers, group)
            new, states = self.formula(value, g, old, numbers, group)
        else:
            new, *states = apply(OPS["optimizer_step"], value, g, *old, optimizer=self.optimizer, numbers=numbers,
                                 group=next(k for k, one in enumerate(self.optimizer.param_groups) if one is group))
        graph.write(p, new)
        for n, s in zip(names, states, strict=True):
            graph.become(graph.slots[id(state[n])], s.array)
        graph.used_grads.add(id(p.node))
        return new


def _decayed(p: Tensor, g: Tensor, numbers: tuple[Any, ...], group: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """The parameter and its gradient after weight decay, as `Blockwise` has it."""
    g = -g if group["maximize"] else g
    decay = group.get("weight_decay")
    if not decay:
        return p, g
    if group.get("decoupled_weight_decay"):
        lr = mode.graph.slot(lambda: p.dtype.type(1 - group["lr"] * decay), None, "decay")
        return p * wrap(lr), g
    return p, g + p * decay


FORMULAS: dict[type, Formula] = {SGD: sgd, Adam: adam}


def _reader(state: dict[str, Any], name: str) -> Callable[[], Any]:
    return lambda: state[name]


def _writer(state: dict[str, Any], name: str) -> Callable[[Any], None]:
    return lambda value: state.__setitem__(name, value)


def step(optimizer: Optimizer) -> list[Tensor]:
    """What `optimizer.step()` does while a graph is being built."""
    return Step(optimizer).run()


__all__ = ["step"]
