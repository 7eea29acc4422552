"""What a person can hang on a module: functions called before and after its forward, and after its backward."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd import Function
from ..hooks import Handle
from ..tensor import Tensor


class Hooks:
    """The functions that a module calls, in the order in which they were registered."""

    __slots__ = ("after", "backward", "before")

    def __init__(self) -> None:
        self.before: dict[int, tuple[Callable[..., Any], bool]] = {}
        self.after: dict[int, tuple[Callable[..., Any], bool]] = {}
        self.backward: dict[int, Callable[..., Any]] = {}

    def add(self, kind: str, hook: Any) -> Handle:
        """Register a hook among those of a kind: "before", "after" or "backward"."""
        return Handle(getattr(self, kind), hook)

    def run(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The module's `forward` with the hooks around it."""
        if not (self.before or self.after or self.backward):
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
        if self.backward:
            args, went_out = _watched(module, list(self.backward.values()), args)
        result = module.forward(*args, **kwargs)
        for hook, with_kwargs in list(self.after.values()):
            changed = hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
            if changed is not None:
                result = changed
        if went_out is None:
            return result
        passed, _ = _gated(went_out, result if isinstance(result, tuple) else (result,))
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


def _watched(module: Any, hooks: list[Callable[..., Any]],
             args: tuple[Any, ...]) -> tuple[tuple[Any, ...], Callable[..., Any]]:
    """The arguments behind a gate that calls the hooks on the way back, and what a gate behind the results must call."""
    grad_output: tuple[Any, ...] = ()

    def call(grads: tuple[Any, ...]) -> tuple[Any, ...]:
        """The inputs' gradients are known; what a hook returns takes their place."""
        by_place = dict(zip(which, grads, strict=True))
        grad_input = tuple(by_place.get(k) for k in range(len(args)))
        for hook in hooks:
            changed = hook(module, grad_input, grad_output)
            if changed is not None:
                grad_input = changed if isinstance(changed, tuple) else (changed,)
        return tuple(grad_input[k] for k in which)

    def went_out(grads: tuple[Any, ...]) -> tuple[Any, ...]:
        """The outputs' gradients are known; where no input wants one, so is everything."""
        nonlocal grad_output
        grad_output = grads
        if not which:
            call(())
        return grads

    passed, which = _gated(call, args)
    return passed, went_out
