"""Optimisers' updates as nodes of a graph: what `step` does while a training step is traced, and `minimize` in a session."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..autograd import no_grad
from ..dispatch import recorded
from ..optim.optimizer import Optimizer
from ..symbol import StaticError, Symbol
from ..tensor import Tensor, mode, wrap
from .define import Group, assign, gradients
from .define import group as make_group
from .guards import Guard


class Item(NamedTuple):
    """Reads an item of a dictionary as it is now: what an optimiser remembers, or a number among its options as `kind`."""

    owner: dict[str, Any]
    key: str
    kind: Callable[[Any], Any] | None = None

    def __call__(self) -> Any:
        found = self.owner[self.key]
        return found if self.kind is None else self.kind(found)


class Step:
    """One call of an optimiser's `step`, written down."""

    def __init__(self, optimizer: Optimizer, graph: Any):
        if type(optimizer).rule is Optimizer.rule:
            raise StaticError(f"{type(optimizer).__name__} cannot be part of a graph, because its step depends on numbers "
                              "that it computes on the way: compile the loss and its gradients, and call step() outside.")
        self.optimizer, self.graph = optimizer, graph
        self._decays: dict[Any, Tensor] = {}
        stepped = getattr(graph, "stepped", [])
        self.earlier = sum(o is optimizer for o in stepped)     # a function may take several steps
        stepped.append(optimizer)

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
                    shared[count] = self.numbers(group, self.optimizer.state[p], p.dtype)
                learning.append((p, shared[count]))
            yield group, learning

    def run(self) -> None:
        """Write down the update of every parameter that has a gradient, as writes in place."""
        graph = self.graph
        with no_grad():
            for group, learning in self.parameters(lambda p: p.node is not None and p.node.grad is not None):
                for p, numbers in learning:
                    value, states = wrap(graph.symbol_of(p.array, p)), [wrap(x) for x in self.state_of(p, group)]
                    self.updated(value, wrap(graph.tensor_of(p.node.grad).array), group, numbers, states)
                    graph.write(p, value)
                    for name, s in zip(self.optimizer.buffers(group), states, strict=True):
                        graph.become(graph.slots[id(self.optimizer.state[p][name])], s.array)
                    graph.used_grads.add(id(p.node))
                    graph.asked_grads.add(id(p.node))
                counted = [self.optimizer.state[p] for p, _ in learning]
                if counted and self.counts(group, counted[0]):
                    graph.after.append(self._counted(group, counted))
        graph.environment.guards.append(self._begun())

    def _begun(self) -> Guard:
        """That the optimiser still has the dictionaries that the graph holds: whoever begins anew may give it others."""
        optimizer, groups = self.optimizer, self.optimizer.param_groups
        p: Any = next(iter(optimizer.state), None)
        state = optimizer.state.get(p)
        return Guard(f"whether {type(optimizer).__name__} goes on from where it was", "result",
                     lambda: optimizer.param_groups is groups and optimizer.state.get(p) is state, None, True)

    def counts(self, group: dict[str, Any], state: dict[str, Any]) -> bool:
        """Whether it matters how many steps there were: plain descent remembers nothing."""
        first, second = [self.optimizer.numbers(group, {**state, "step": n}) for n in (1, 2)]
        return bool(self.optimizer.buffers(group)) or first != second

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
                    variable, g = graph.tensor_of(p), found[id(p)]
                    assert g is not None
                    value, states = wrap(variable.array), [wrap(x) for x in old]
                    self.updated(value, g, group, numbers, states)
                    members.append(assign(variable, value))
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
            tried, values = dict(state), ()
            for _ in range(ahead):              # a rule may carry a number from step to step
                tried["step"] += 1
                values = optimizer.numbers(group, tried) or ()
            return values

        def phase(values: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple([None if isinstance(v, (float, np.floating)) else v for v in values])

        def slot(k: int, value: Any) -> Any:
            if not isinstance(value, (float, np.floating)):
                return value
            kind, number = type(optimizer).__name__, dtype.type
            options = [name for name, option in group.items() if option is value]
            if len(options) == 1:               # the usual case, read at every run, the short way
                return wrap(self.graph.slot(Item(group, options[0], number), None, f"{kind}.{options[0]}"))
            return wrap(self.graph.slot(lambda: number(now()[k]), None, f"{kind}.number_{k}"))

        values = now()
        # What is no number of the step changes all the same: then trace anew; a session runs what was defined.
        if phase(at(1)) != phase(at(10_000)) and hasattr(self.graph, "environment"):
            self.graph.environment.guards.append(Guard(
                f"the phase of {type(optimizer).__name__}", "result", lambda: phase(now()), None, phase(values)))
        return tuple([slot(k, v) for k, v in enumerate(values)])

    def updated(self, value: Tensor, g: Tensor, group: dict[str, Any], numbers: tuple[Any, ...], old: list[Tensor]) -> None:
        """Write down one parameter's update: `value` and `old` then stand for what they became."""
        self.optimizer.apply(recorded, value, g, old, group, self.decay(group, value.dtype), numbers)

    def decay(self, group: dict[str, Any], dtype: Any) -> Tensor | None:
        """What weight decay multiplies with, read anew at every run, for one group's parameters of one dtype."""
        if not group.get("weight_decay"):
            return None
        key = id(group), dtype
        if key not in self._decays:
            self._decays[key] = wrap(self.graph.slot(lambda: dtype.type(self.optimizer.decay(group)), None, "decay"))
        return self._decays[key]

    def state_of(self, p: Tensor, group: dict[str, Any]) -> list[Symbol]:
        """The symbols of what the optimiser remembers for a parameter."""
        state = self.optimizer.state[p]
        self.optimizer._remembered(p, group, self.optimizer.buffers(group))
        return [self.graph.slot(Item(state, n), _writer(state, n), n) for n in self.optimizer.buffers(group)]


def _writer(state: dict[str, Any], name: str) -> Callable[[Any], None]:
    return lambda value: state.__setitem__(name, value)


def step(optimizer: Optimizer) -> None:
    """What `optimizer.step()` does while a function is traced."""
    if not hasattr(mode.graph, "stepped"):
        raise StaticError("in a graph, step() does nothing by itself: write train = optimizer.minimize(loss), and run it "
                          "with session.run(train).")
    Step(optimizer, mode.graph).run()


def minimize(optimizer: Optimizer, loss: Tensor) -> Group:
    """What `optimizer.minimize(loss)` does with a symbolic loss."""
    graph = loss.array.operation.graph
    with graph:
        return Step(optimizer, graph).minimize(loss)
