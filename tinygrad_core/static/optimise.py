"""Optimisers' updates as nodes of a graph: what `step` does while a training step is traced, and `minimize` in a session."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from ..autograd import no_grad
from ..dispatch import apply, recorded
from ..errors import at_line, learner_line
from ..ops import OPS
from ..ops.core import primitive
from ..optim.adam import Adam
from ..optim.optimizer import Blockwise, Optimizer
from ..optim.sgd import SGD
from ..symbol import StaticError, Symbol
from ..tensor import Tensor, mode, wrap
from .define import Group, assign, gradients
from .define import group as make_group
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


class _Nobody:
    guards: ClassVar[list[Any]] = []            # a session runs what was defined, whatever has changed since


_NOBODY = _Nobody()


class Step:
    """One call of an optimiser's `step`, written down."""

    def __init__(self, optimizer: Optimizer, graph: Any):
        if not isinstance(optimizer, Blockwise):
            raise StaticError(f"{type(optimizer).__name__} cannot be part of a graph, because its step depends on numbers "
                              "that it computes on the way: compile the loss and its gradients, and call step() outside."
                              f"{at_line(learner_line())}")
        self.optimizer, self.graph = optimizer, graph
        stepped = getattr(graph, "stepped", [])
        self.earlier = sum(o is optimizer for o in stepped)     # a function may take several steps
        stepped.append(optimizer)
        self.formula = next((f for kind, f in FORMULAS.items() if isinstance(optimizer, kind)), None)

    def parameters(self, learns: Callable[[Tensor], bool]) -> Iterator[tuple[dict[str, Any], list[tuple[Tensor, Any]]]]:
        """Group by group the parameters that learn, each with the numbers of this step; and their state, begun."""
        for group in self.optimizer.param_groups:
            shared: dict[int, tuple[Any, ...]] = {}
            learning = []
            for p in group["params"]:
                if not learns(p):
                    continue
                if p not in self.optimizer.state:
                    self.optimizer.state[p] = self.optimizer.begin(p, group)
                count = self.optimizer.state[p]["step"]
                if count not in shared:
                    dtype = p.dtype if self.formula is not None else np.dtype("float64")
                    shared[count] = self.numbers(group, self.optimizer.state[p], dtype)
                learning.append((p, shared[count]))
            yield group, learning

    def run(self) -> None:
        """Write down the update of every parameter that has a gradient, as writes in place."""
        graph = self.graph
        with no_grad():
            for group, learning in self.parameters(lambda p: p.node is not None and p.node.grad is not None):
                for p, numbers in learning:
                    old = self.state_of(p, group)
                    value, g = wrap(graph.symbol_of(p.array, p)), wrap(graph.tensor_of(p.node.grad).array)
                    new, states = self.updated(p, value, g, group, numbers, [wrap(x) for x in old])
                    graph.write(p, new)
                    for name, s in zip(self.optimizer.buffers(group), states, strict=True):
                        graph.become(graph.slots[id(self.optimizer.state[p][name])], s.array)
                    graph.used_grads.add(id(p.node))
                graph.after.append(self._counted(group, [self.optimizer.state[p] for p, _ in learning]))

    def minimize(self, loss: Tensor) -> Group:
        """Write down the gradients of the loss and the update of every parameter that it depends on, as assignments."""
        graph = self.graph
        every = [p for group in self.optimizer.param_groups for p in group["params"]]
        found = dict(zip(map(id, every), gradients(loss, [graph.tensor_of(p) for p in every]), strict=True))
        members: list[Tensor] = []
        with no_grad():
            for group, learning in self.parameters(lambda p: found[id(p)] is not None):
                for p, numbers in learning:
                    old = self.state_of(p, group)
                    value = graph.tensor_of(p)
                    g = found[id(p)]
                    assert g is not None
                    new, states = self.updated(p, wrap(value.array), g, group, numbers, [wrap(x) for x in old])
                    members.append(assign(value, new))
                    members += [assign(wrap(x), s) for x, s in zip(old, states, strict=True)]
                members.append(self._count_assigned(group, [self.optimizer.state[p] for p, _ in learning]))
        return make_group(*members, name="minimize")

    def _count_assigned(self, group: dict[str, Any], states: list[dict[str, Any]]) -> Tensor:
        """The counting of steps as an assignment, for graphs, where nothing happens that was not fetched."""
        act = self._counted(group, states)
        steps = np.int64(states[0]["step"] if states else 0)
        count = self.graph.slot(lambda: np.int64(states[0]["step"]) if states else steps, lambda _: act(), "steps")
        return assign(wrap(count), wrap(count) + 1)

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

        def at(count: int) -> tuple[Any, ...]:
            return optimizer.numbers(group, {**state, "step": count}) or ()

        def now() -> tuple[Any, ...]:
            return at(state["step"] + ahead)

        def phase(values: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple([None if isinstance(v, float) else v for v in values])

        def slot(k: int, value: Any) -> Any:
            if not isinstance(value, float):
                return value
            kind, number = type(optimizer).__name__, dtype.type
            if value is group["lr"]:            # the usual case, read at every run, the short way
                return wrap(self.graph.slot(lambda: number(group["lr"]), None, f"{kind}.lr"))
            return wrap(self.graph.slot(lambda: number(now()[k]), None, f"{kind}.number_{k}"))

        values = now()
        if phase(at(1)) != phase(at(10_000)):   # what is no number of the step changes all the same: trace anew then
            getattr(self.graph, "environment", _NOBODY).guards.append(Guard(
                f"the phase of {type(optimizer).__name__}", Asked(lambda: phase(now())), None, phase(values)))
        return tuple([slot(k, v) for k, v in enumerate(values)])

    def updated(self, p: Tensor, value: Tensor, g: Tensor, group: dict[str, Any], numbers: tuple[Any, ...],
                old: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Write down one parameter's update: its new value, and its new state."""
        if self.formula is not None:
            value, g = _decayed(value, g, group)
            return self.formula(value, g, old, numbers, group)
        new, *states = apply(OPS["optimizer_step"], value, g, *old, optimizer=self.optimizer, numbers=numbers,
                             group=next(k for k, one in enumerate(self.optimizer.param_groups) if one is group))
        return new, states

    def state_of(self, p: Tensor, group: dict[str, Any]) -> list[Symbol]:
        """The symbols of what the optimiser remembers for a parameter."""
        state = self.optimizer.state[p]
        return [self.graph.slot(_reader(state, n), _writer(state, n), n) for n in self.optimizer.buffers(group)]


def _decayed(p: Tensor, g: Tensor, group: dict[str, Any]) -> tuple[Tensor, Tensor]:
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


def step(optimizer: Optimizer) -> None:
    """What `optimizer.step()` does while a function is traced."""
    if not hasattr(mode.graph, "stepped"):
        raise StaticError("in a graph, step() does nothing by itself: write train = optimizer.minimize(loss), and run it "
                          f"with session.run(train).{at_line(learner_line())}")
    Step(optimizer, mode.graph).run()


def minimize(optimizer: Optimizer, loss: Tensor) -> Group:
    """What `optimizer.minimize(loss)` does with a symbolic loss."""
    graph = loss.array.operation.graph
    with graph:
        return Step(optimizer, graph).minimize(loss)


__all__ = ["minimize", "step"]
