"""What a person can hang on a module: functions called before and after its forward, and after its backward."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd import Function
from ..hooks import Handle
from ..tensor import Tensor


class Hooks:
    """The functions that a module calls, in the order in which they were registered."""

    __slots__ = ("after", "backward", "before", "before_backward")

    def __init__(self) -> None:
        self.before: dict[int, tuple[Callable[..., Any], bool]] = {}
        self.after: dict[int, tuple[Callable[..., Any], bool]] = {}
        self.backward: dict[int, Callable[..., Any]] = {}
        self.before_backward: dict[int, Callable[..., Any]] = {}

    def add(self, kind: str, hook: Any, first: bool = False) -> Handle:
        """Register a hook among those of a kind ("before", "after", "backward"), behind them or `first` of all."""
        hooks = getattr(self, kind)
        others = dict(hooks) if first else {}
        if first:
            hooks.clear()
        handle = Handle(hooks, hook)
        hooks.update(others)
        return handle

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
        went_out = None
        if self.backward or self.before_backward:
            args, went_out = _watched(module, list(self.before_backward.values()), list(self.backward.values()), args)
        result = module.forward(*args, **kwargs)
        for hook, with_kwargs in list(self.after.values()):
            changed = hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
            if changed is not None:
                result = changed
        if went_out is None:
            return result
        results = result if isinstance(result, tuple) else (result,)
        passed, given = _gated(lambda grads: went_out(given, len(results), grads), results)
        return passed if isinstance(result, tuple) else passed[0]


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


def _whole(places: list[int], count: int, grads: tuple[Any, ...]) -> tuple[Any, ...]:
    """The gradients at their places among `count` of them, None elsewhere."""
    by_place = dict(zip(places, grads, strict=True))
    return tuple(by_place.get(k) for k in range(count))


def _watched(module: Any, earlier: list[Callable[..., Any]], hooks: list[Callable[..., Any]],
             args: tuple[Any, ...]) -> tuple[tuple[Any, ...], Callable[..., Any]]:
    """The arguments behind a gate that calls the hooks on the way back, and what a gate behind the results must call."""
    grad_output: tuple[Any, ...] = ()

    def call(grads: tuple[Any, ...]) -> tuple[Any, ...]:
        """The inputs' gradients are known; what a hook returns takes their place."""
        grad_input = _whole(which, len(args), grads)
        for hook in hooks:
            changed = hook(module, grad_input, grad_output)
            if changed is not None:
                grad_input = changed if isinstance(changed, tuple) else (changed,)
        return tuple(grad_input[k] for k in which)

    def went_out(places: list[int], count: int, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        """The outputs' gradients are known; where no input wants one, so is everything."""
        nonlocal grad_output
        grad_output = _whole(places, count, grads)
        for hook in earlier:
            changed = hook(module, grad_output)
            if changed is not None:
                grad_output = changed if isinstance(changed, tuple) else (changed,)
        if not which:
            call(())
        return tuple(grad_output[k] for k in places)

    passed, which = _gated(call, args)
    return passed, went_out
