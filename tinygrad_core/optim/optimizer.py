"""What all optimisers share: parameter groups, their state, and steps that run through memory in blocks."""
from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np

from ..autograd import enable_grad
from ..device import array_module
from ..errors import EngineError, at_line, learner_line
from ..symbol import Symbol
from ..tensor import Tensor, describe, mode, unboxed, wrap
from ..versions import wrote
from ..writes import store

BLOCK = 1 << 15     # elements; a block of a parameter, its gradient and its state then stays in the cache

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
        self._scratch: dict[Any, list[Any]] = {}
        if isinstance(params, (Tensor, dict)) or not isinstance(params, Iterable):
            raise OptimizerError(f"an optimiser takes a list of tensors, or of groups, and got {describe(params)}: "
                                 f"write [w] for a single one.{at_line(learner_line())}")
        groups = list(params)
        if not groups:
            raise OptimizerError("an optimiser got an empty list of parameters. Does the module assign its layers to "
                                 "attributes of self (or to a ModuleList, not to a plain list)? And was the generator "
                                 f"from parameters() used up before?{at_line(learner_line())}")
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
                                     f"{type(p).__name__} among its parameters.{at_line(learner_line())}")
            if not p.is_leaf:
                raise OptimizerError(f"an optimiser can only change leaves, and {describe(p)} was computed by "
                                     f"{p.node.op}: its next value would be computed anew, and a step lost. Give "
                                     f"the tensors it was computed from, or make it a leaf with t.detach()"
                                     f".requires_grad_().{at_line(learner_line())}")
            if id(p) in known:
                raise OptimizerError(f"{describe(p)} was given twice: each parameter belongs to one group only."
                                     f"{at_line(learner_line())}")
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
                                     f"{f' and at most {high}' if high < math.inf else ''}.{at_line(learner_line())}")
        for k, beta in enumerate(group.get("betas", ())):
            if not 0 <= beta < 1:
                raise OptimizerError(f"{type(self).__name__} got betas[{k}]={beta!r}: it must be at least 0 and less "
                                     f"than 1.{at_line(learner_line())}")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; with `set_to_none=False`, fill them with zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                leaf = p.node
                if leaf is None or leaf.grad is None:
                    continue
                if set_to_none:
                    leaf.grad = None
                else:
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
        line = learner_line()
        for group in self.param_groups:
            for p in group["params"]:
                leaf = p.node
                if leaf is None or leaf.grad is None:
                    continue
                before = p.array.copy() if mode.watched else None
                wrote(p.array, line)
                self.update(p, leaf.grad.array, group)
                if mode.watched:
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

    def update(self, p: Tensor, g: Any, group: dict[str, Any]) -> None:
        """Change one parameter, in its own memory, given the array of its gradient."""
        raise NotImplementedError(f"{type(self).__name__} defines no update(p, g, group)")

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
                                 f"with the same groups first.{at_line(learner_line())}")
        numbered = {k: p for mine, theirs in zip(self.param_groups, groups, strict=True)
                    for p, k in zip(mine["params"], theirs["params"], strict=True)}
        self.param_groups = [{**mine, **theirs, "params": mine["params"]}
                             for mine, theirs in zip(self.param_groups, groups, strict=True)]
        self.state = {numbered[k]: {name: _own(value, numbered[k], f"{name} of parameter {k}")
                                    for name, value in state.items() if value is not None}
                      for k, state in state_dict["state"].items()}

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


class Blockwise(Optimizer):
    """Base of the optimisers whose rule treats every element alike.

    A rule is a dozen passes over a parameter, its gradient and its state. Run over the whole of a large
    parameter, each pass would fetch them from main memory; run block by block, only the first one does.
    """

    scratches: ClassVar[int] = 1

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The names of the arrays that the rule remembers for each parameter; they start as zeros."""
        return ()

    def numbers(self, group: dict[str, Any], state: dict[str, Any]) -> Any:
        """What the rule needs to know about this step, from the options and the count in `state["step"]`."""
        return None

    def rule(self, xp: Any, p: Any, g: Any, state: list[Any], scratch: list[Any], numbers: Any) -> None:
        """Change the flat arrays `p` and `state` in place; `g` is read only, `scratch` free to use."""
        raise NotImplementedError(f"{type(self).__name__} defines no rule")

    def begin(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        """The state of a parameter before its first step."""
        zeros = array_module(p.array).zeros
        return {"step": 0, **{name: zeros(p.shape, p.dtype) for name in self.buffers(group)}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave, of this engine or of PyTorch; it is copied."""
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            for p in group["params"]:
                if self.state.get(p):       # PyTorch's SGD counts no steps: a velocity says that there were some
                    self.state[p] = {**self.begin(p, group), "step": 1, **self.state[p]}
                else:
                    self.state.pop(p, None)

    def update(self, p: Tensor, g: Any, group: dict[str, Any]) -> None:
        """Run the rule over the parameter, one block after the other."""
        array = p.array
        state = self.state.get(p)
        if state is None:
            state = self.state[p] = self.begin(p, group)
        state["step"] += 1
        numbers = self.numbers(group, state)
        xp = array_module(array)
        own = isinstance(array, np.generic) or not array.flags.c_contiguous
        flat = (xp.ascontiguousarray(array) if own else array).reshape(-1)
        g = g.reshape(-1)
        arrays = [state[name].reshape(-1) for name in self.buffers(group)]
        size = flat.size
        block = BLOCK if xp is np else size
        if size <= block:
            self._run(xp, flat, g, arrays, group, numbers)
        else:
            for i in range(0, size, block):
                j = i + block
                self._run(xp, flat[i:j], g[i:j], [a[i:j] for a in arrays], group, numbers)
        if own:
            store(p, flat.reshape(array.shape))

    def _run(self, xp: Any, p: Any, g: Any, arrays: list[Any], group: dict[str, Any], numbers: Any) -> None:
        scratch = self._scratch_of(xp, p.dtype, p.size)
        decay = group.get("weight_decay")
        if group["maximize"]:
            g = xp.negative(g, out=scratch[-1])
        if decay:
            if group.get("decoupled_weight_decay"):
                p *= 1 - group["lr"] * decay
            elif g is scratch[-1]:
                g += xp.multiply(p, decay, out=scratch[0])
            else:
                decayed = xp.multiply(p, decay, out=scratch[-1])
                decayed += g
                g = decayed
        self.rule(xp, p, g, arrays, scratch, numbers)

    def _scratch_of(self, xp: Any, dtype: Any, size: int) -> list[Any]:
        """Arrays to compute in: the rule's own, and one for a gradient that is not as it was found."""
        found = self._scratch.get((xp, dtype, size))
        if found is None:
            whole = self._scratch.get((xp, dtype, None))
            if whole is None or whole[0].size < size:
                self._scratch.clear()
                whole = [xp.empty(max(size, 1024), dtype) for _ in range(self.scratches + 1)]
                self._scratch[xp, dtype, None] = whole
            found = self._scratch[xp, dtype, size] = [s[:size] for s in whole]
        return found


__all__ = ["Blockwise", "Optimizer", "OptimizerError"]
