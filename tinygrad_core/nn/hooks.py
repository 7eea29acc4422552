"""What a person can hang on a module: functions called before and after its forward, and after its backward."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd import Function
from ..hooks import Handle
from ..tensor import Tensor


class Hooks:
    """The functions that a module calls, in the order in which they were registered."""

    __slots__ = ("after", "backward", "before", "before_backward", "next")

    def __init__(self) -> None:
        self.before: dict[int, tuple[Callable[..., Any], bool]] = {}
        self.after: dict[int, tuple[Callable[..., Any], bool]] = {}
        self.backward: dict[int, Callable[..., Any]] = {}
        self.before_backward: dict[int, Callable[..., Any]] = {}
        self.next = 0

    def add(self, place: dict[int, Any], hook: Any, first: bool = False) -> Handle:
        """Register a hook in one of the dictionaries, behind those that are there or `first` of all."""
        self.next += 1
        others = dict(place) if first else {}
        if first:
            place.clear()
        place.update({self.next: hook, **others})
        return Handle(place, self.next)

    def run(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The module's `forward` with the hooks around it."""
        if not (self.before or self.after or self.backward or self.before_backward):
            module.__dict__["_hooks"] = None  # all were taken off: the short way again
            return module.forward(*args, **kwargs)
        for hook, with_kwargs in list(self.before.values()):
            changed = hook(module, args, kwargs) if with_kwargs else hook(module, args)
            if changed is None:
                continue
            if with_kwargs:
                args, kwargs = changed
            else:
                args = changed if isinstance(changed, tuple) else (changed,)
        watch = None
        if self.backward or self.before_backward:
            watch = _Backward(module, list(self.backward.values()), list(self.before_backward.values()))
        if watch is not None:
            args = watch.inputs(args)
        result = module.forward(*args, **kwargs)
        for hook, with_kwargs in list(self.after.values()):
            changed = hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
            if changed is not None:
                result = changed
        return result if watch is None else watch.outputs(result)


class _Gate(Function):
    """Tensors that pass unchanged; on the way back their gradients pass a function, all at once."""

    @staticmethod
    def forward(ctx: Any, seen: Callable[..., Any], *tensors: Tensor) -> Any:
        """The same tensors."""
        ctx.seen = seen
        return tensors

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        """The gradients, or what takes their place."""
        return (None, *ctx.seen(grads))


def _gated(seen: Callable[..., Any], values: tuple[Any, ...]) -> tuple[tuple[Any, ...], list[int]]:
    """The values, of which the tensors that want gradients have passed one gate; and which these are."""
    which = [k for k, v in enumerate(values) if isinstance(v, Tensor) and v.requires_grad]
    passed = dict(zip(which, _Gate.apply(seen, *(values[k] for k in which)), strict=True)) if which else {}
    return tuple(passed.get(k, v) for k, v in enumerate(values)), which


class _Backward:
    """Watches the backward pass through one call of a module, between a gate before it and a gate after it."""

    def __init__(self, module: Any, hooks: list[Callable[..., Any]], earlier: list[Callable[..., Any]]):
        self.module, self.hooks, self.earlier = module, hooks, earlier
        self.gated: list[int] = []          # which of the inputs want gradients
        self.given: list[int] = []          # which of the outputs have them
        self.count = self.results = 0
        self.grad_output: tuple[Any, ...] = ()

    def inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The positional arguments; tensors that want gradients go through the first gate."""
        self.count = len(args)
        passed, self.gated = _gated(self.came_out, args)
        return passed

    def outputs(self, result: Any) -> Any:
        """The results, one tensor or a tuple, through the second gate."""
        results = result if isinstance(result, tuple) else (result,)
        self.results = len(results)
        passed, self.given = _gated(self.went_in, results)
        return passed if isinstance(result, tuple) else passed[0]

    def went_in(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        """The outputs' gradients are known; where no input wants one, so is everything."""
        full: list[Any] = [None] * self.results
        for k, g in zip(self.given, grads, strict=True):
            full[k] = g
        self.grad_output = tuple(full)
        for hook in self.earlier:
            changed = hook(self.module, self.grad_output)
            if changed is not None:
                self.grad_output = changed if isinstance(changed, tuple) else (changed,)
        if not self.gated:
            self.call((None,) * self.count)
        return tuple(self.grad_output[k] for k in self.given)

    def came_out(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        """The inputs' gradients are known: call the hooks."""
        full: list[Any] = [None] * self.count
        for k, g in zip(self.gated, grads, strict=True):
            full[k] = g
        full = list(self.call(tuple(full)))
        return tuple(full[k] for k in self.gated)

    def call(self, grad_input: tuple[Any, ...]) -> tuple[Any, ...]:
        """The inputs' gradients after every hook has seen them; what a hook returns takes their place."""
        for hook in self.hooks:
            changed = hook(self.module, grad_input, self.grad_output)
            if changed is not None:
                grad_input = changed if isinstance(changed, tuple) else (changed,)
        return grad_input
