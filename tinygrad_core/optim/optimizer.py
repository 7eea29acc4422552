"""What all optimisers share: parameter groups, their state, and a rule that runs through memory in blocks."""
from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, ClassVar

import numpy as np

from ..autograd import enable_grad
from ..device import array_module
from ..errors import EngineError, here
from ..ops.core import arrays
from ..symbol import Symbol
from ..tensor import Tensor, describe, mode, ndarray, unboxed, wrap
from ..versions import wrote
from ..writes import store

BLOCK = 1 << 16     # elements; a block of a parameter, its gradient and its state then stays in the cache
_HERE = arrays(np)

# What each option may be: lowest and highest value; an infinite bound is itself excluded.
_RANGES = {"lr": (0, math.inf), "eps": (0, math.inf), "weight_decay": (0, math.inf), "momentum": (0, math.inf),
           "alpha": (0, math.inf), "rho": (0, 1), "lr_decay": (0, math.inf), "momentum_decay": (0, math.inf),
           "initial_accumulator_value": (0, math.inf)}


class OptimizerError(EngineError, ValueError):
    """Parameters or options that an optimiser cannot work with."""


class Optimizer:
    """Base of the optimisers.

    Args:
        params: tensors to optimise, or (name, tensor) pairs, or dictionaries, each one a group:
            `{"params": tensors, "lr": 0.1}`; a group's options win over the defaults.
        defaults: the options, by name.

    `param_groups` is the list of groups, dictionaries that may be changed between steps; `state` holds for each
    parameter what the optimiser remembers, as arrays in the parameter's shape.
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]):
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[Tensor, dict[str, Any]] = {}
        if isinstance(params, (Tensor, dict)) or not isinstance(params, Iterable):
            raise OptimizerError(f"an optimiser takes a list of tensors, or of groups, and got {describe(params)}: "
                                 f"write [w] for a single one.")
        groups = list(params)
        if not groups:
            raise OptimizerError("an optimiser got an empty list of parameters. Does the module assign its layers to "
                                 "attributes of self (or to a ModuleList, not to a plain list)? And was the generator "
                                 "from parameters() used up before?")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Optimise further parameters, with options of their own: `{"params": tensors, "lr": 0.1}`."""
        group = {**self.defaults, **param_group}
        params = group["params"]
        params = [params] if isinstance(params, Tensor) else list(params)
        if params and all(isinstance(p, tuple) for p in params):
            group["param_names"] = [name for name, _ in params]
            params = [p for _, p in params]
        known = {id(p) for g in self.param_groups for p in g["params"]}
        for p in params:
            if not isinstance(p, Tensor):
                raise OptimizerError(f"an optimiser changes tensors, and got {describe(p)} of type "
                                     f"{type(p).__name__} among its parameters.")
            if not p.is_leaf:
                raise OptimizerError(f"an optimiser can only change leaves, and {describe(p)} was computed by "
                                     f"{p.node.op}: its next value would be computed anew, and a step lost. Give "
                                     f"the tensors it was computed from, or make it a leaf with t.detach()"
                                     f".requires_grad_().")
            if id(p) in known:
                raise OptimizerError(f"{describe(p)} was given twice: each parameter belongs to one group only.")
            known.add(id(p))
        group["params"] = params
        self.check(group)
        self.param_groups.append(group)

    def check(self, group: dict[str, Any]) -> None:
        """Refuse options that make no sense."""
        for name, (low, high) in _RANGES.items():
            value = group.get(name, low)
            if not low <= value <= high or value == math.inf:
                raise OptimizerError(f"{type(self).__name__} got {name}={value!r}: it must be at least {low}"
                                     f"{f' and at most {high}' if high < math.inf else ''}.")
        for k, beta in enumerate(group.get("betas", ())):
            if not 0 <= beta < 1:
                raise OptimizerError(f"{type(self).__name__} got betas[{k}]={beta!r}: it must be at least 0 and less "
                                     f"than 1.")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; with `set_to_none=False`, give them zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                leaf = p.node
                if leaf is not None and mode.graph is not None:
                    mode.graph.emptied(leaf)
                if set_to_none:
                    if leaf is not None:
                        leaf.grad = None
                elif leaf is not None and leaf.grad is not None:
                    leaf.grad = wrap(unboxed(array_module(p.array).zeros_like(p.array)))

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient; parameters without one stay as they are.

        Args:
            closure: computes the loss anew, with its gradients, and returns it.

        Returns:
            What the closure returned, or None without one.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        if mode.graph is not None:              # a training step is being traced
            from ..static.optimise import step
            step(self)
            return loss
        place, watched = here(), mode.watched
        for group in self.param_groups:
            update = self.updater(group)
            for p in group["params"]:
                leaf = p.node
                if leaf is None or leaf.grad is None:
                    continue
                before = p.array.copy() if watched else None
                wrote(p.array, place)
                update(p, leaf.grad.array)
                if watched:
                    mode.watch.updated(p, before, leaf.grad.array, type(self).__name__)
        return loss

    def minimize(self, loss: Any) -> Any:
        """Gradients and update in one: with numbers at once; of a symbolic loss, as a group of operations to be run."""
        if type(loss.array) is Symbol:
            from ..static.optimise import minimize
            return minimize(self, loss)
        self.zero_grad()
        loss.backward()
        return self.step()

    # ---- what an optimiser is made of: an arithmetic rule, what it remembers, and the numbers of a step
    elementwise: ClassVar[bool] = True      # whether the rule treats every element alike, and so may run block by block

    def rule(self, F: Any, p: Any, g: Any, state: list[Any], numbers: Any) -> None:
        """Change `p` and `state` in place, with operators and the operations of `F`; `g` is read only.

        Like a gradient rule it is written once: with arrays it computes, with symbolic tensors it writes itself down.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no rule(F, p, g, state, numbers)")

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The names of the arrays that the rule remembers for each parameter; they start as zeros."""
        return ()

    def begin(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        """The state of a parameter before its first step."""
        zeros = array_module(p.array).zeros
        return {"step": 0, **{name: zeros(p.shape, p.dtype) for name in self.buffers(group)}}

    def numbers(self, group: dict[str, Any], state: dict[str, Any]) -> Any:
        """What the rule needs to know about this step, from the options and the count in `state["step"]`."""
        return ()

    def decoupled(self, group: dict[str, Any]) -> bool:
        """Whether weight decay pulls at the weights themselves, not through the gradient."""
        return group.get("decoupled_weight_decay", False)

    def decay(self, group: dict[str, Any]) -> float:
        """What weight decay multiplies with: what it leaves of a weight where it is decoupled, how it pulls otherwise."""
        pull = group.get("weight_decay", 0)
        return 1 - group["lr"] * pull if self.decoupled(group) else pull

    def apply(self, F: Any, p: Any, g: Any, state: list[Any], group: dict[str, Any], decay: Any, numbers: Any) -> None:
        """The whole update of one parameter, or of one block of it: sign, weight decay, rule."""
        if group.get("maximize"):
            g = -g
        if group.get("weight_decay"):
            if self.decoupled(group):
                p *= decay
            else:
                g = g + p * decay
        self.rule(F, p, g, state, numbers)

    def updater(self, group: dict[str, Any]) -> Callable[[Tensor, Any], None]:
        """The step of a group as a function of one of its parameters and the array of that one's gradient."""
        return partial(self._update, group, self.buffers(group), self.decay(group))

    def _update(self, group: dict[str, Any], names: tuple[str, ...], decay: float, p: Tensor, g: Any) -> None:
        """Change one parameter, in its own memory, given what its group has in common and the array of its gradient.

        A rule is a dozen passes over a parameter, its gradient and its state. Run over the whole of a large
        parameter, each pass would fetch them from main memory; run block by block, only the first one does.
        """
        state = self.state.get(p)
        if state is None:
            state = self.state[p] = self.begin(p, group)
        state["step"] += 1
        array, numbers = p.array, self.numbers(group, state)
        buffers = self._remembered(p, group, names) if names else []
        if isinstance(array, np.generic):       # a parameter without dims is a number, which nothing can change in place
            array = np.array(array)
            self.apply(_HERE, array, g, buffers, group, decay, numbers)
            store(p, array)
        elif type(array) is not ndarray:
            self.apply(arrays(array_module(array)), array, g, buffers, group, decay, numbers)
        elif array.size <= BLOCK or not self.elementwise or not array.flags.c_contiguous:
            self.apply(_HERE, array, g, buffers, group, decay, numbers)
        else:
            flat, g, *buffers = [a.reshape(-1) for a in (array, g, *buffers)]
            for i in range(0, flat.size, BLOCK):
                j = i + BLOCK
                self.apply(_HERE, flat[i:j], g[i:j], [b[i:j] for b in buffers], group, decay, numbers)

    def _remembered(self, p: Tensor, group: dict[str, Any], names: tuple[str, ...]) -> list[Any]:
        """What the rule remembers of a parameter; an option that needs it may have been switched on since the start."""
        state = self.state[p]
        if not state.keys() >= set(names):
            state.update({**self.begin(p, group), **state})
        return [state[name] for name in names]

    def state_dict(self) -> dict[str, Any]:
        """Everything a run needs to go on from here: state and options, with parameters by number."""
        number = {p: k for k, p in enumerate(p for g in self.param_groups for p in g["params"])}
        return {
            "state": {number[p]: {k: wrap(unboxed(v)) if hasattr(v, "dtype") else v for k, v in state.items()}
                      for p, state in self.state.items()},
            "param_groups": [{**g, "params": [number[p] for p in g["params"]]} for g in self.param_groups],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave, of this engine or of PyTorch; it is copied."""
        groups = state_dict["param_groups"]
        sizes, own = [len(g["params"]) for g in groups], [len(g["params"]) for g in self.param_groups]
        if sizes != own:
            raise OptimizerError(f"the saved optimiser has groups of {sizes} parameters, this one of {own}: make it "
                                 f"with the same groups first.")
        numbered = {k: p for mine, theirs in zip(self.param_groups, groups, strict=True)
                    for p, k in zip(mine["params"], theirs["params"], strict=True)}
        found = {numbered[k]: {name: _own(value, numbered[k], f"{name} of parameter {k}")
                               for name, value in saved.items() if value is not None}
                 for k, saved in state_dict["state"].items()}
        for mine, theirs in zip(self.param_groups, groups, strict=True):        # in place: graphs hold these dictionaries
            mine.update({name: option for name, option in theirs.items() if name != "params"})
            for p in mine["params"]:
                if p in self.state or found.get(p):
                    state = self.state.setdefault(p, {})
                    state.clear()
                    state.update(self.begin(p, mine))
                    if found.get(p):            # PyTorch's SGD counts no steps: a velocity says that there were some
                        state.update({"step": 1, **found[p]})

    def __repr__(self) -> str:
        lines = [type(self).__name__ + " ("]
        for k, group in enumerate(self.param_groups):
            lines += [f"Parameter Group {k}"] + [f"    {n}: {v}" for n, v in sorted(group.items()) if n != "params"]
        return "\n".join([*lines, ")"])


def _own(value: Any, p: Tensor, what: str) -> Any:
    """A saved piece of state as this engine holds it: counts as numbers, the rest as arrays like the parameter's."""
    if not hasattr(value, "dtype"):
        return value
    array = value.array if isinstance(value, Tensor) else np.asarray(value)
    if array.shape != p.shape:
        if array.size == 1:
            return array.item()
        raise OptimizerError(f"the saved {what} has shape {array.shape}, the parameter {p.shape}")
    if what.startswith(("step of", "mu_product of")):
        return array.item()
    return array_module(p.array).array(array, dtype=p.dtype, order="C")


__all__ = ["Optimizer", "OptimizerError"]
