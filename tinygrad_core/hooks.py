"""What a person can hang on a node: functions that see, or change, the gradient that passes."""
from __future__ import annotations

from itertools import count
from typing import Any

from .errors import GradError, stand
from .node import Node
from .tensor import Tensor, mode, wrap


class Hooks:
    """The hooks of one node, in the order in which they were registered, and the gradient it was asked to keep."""

    __slots__ = ("functions", "retain", "kept")

    def __init__(self) -> None:
        self.functions: dict[int, Any] = {}
        self.retain = False
        self.kept: Tensor | None = None

    def run(self, g: Any, create: bool) -> Any:
        """The gradient after every hook has seen it; a hook that returns something replaces it."""
        t = g if isinstance(g, Tensor) else wrap(g)
        before, mode.grad, place = mode.grad, create, stand(None)
        try:
            for function in list(self.functions.values()):
                changed = function(t)
                if changed is not None:
                    if changed.shape != t.shape:
                        raise GradError(f"a hook got a gradient of shape {t.shape} and returned one of shape "
                                        f"{changed.shape}: what takes a gradient's place must have its shape.")
                    t = changed
            if self.retain:
                self.kept = t if self.kept is None else self.kept + t
        finally:
            mode.grad = before
            stand(place)
        return t if create else t.array


class Handle:
    """Registers a hook among others, and removes it: `handle.remove()`."""

    __slots__ = ("_hooks", "_key")
    _number = count().__next__

    def __init__(self, hooks: dict[int, Any], hook: Any):
        self._hooks, self._key = hooks, Handle._number()
        hooks[self._key] = hook

    def remove(self) -> None:
        """Take the hook off; a second call does nothing."""
        self._hooks.pop(self._key, None)

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *_: Any) -> None:
        self.remove()


def keep_too(node: Node, g: Any) -> None:
    """Add a gradient to the `.grad` of a tensor that is not a leaf."""
    hooks, t = hooks_of(node), g if isinstance(g, Tensor) else wrap(g)
    hooks.kept = t.clone() if hooks.kept is None else hooks.kept + t


def hooks_of(node: Node) -> Hooks:
    """The hooks of a node, made where there are none yet."""
    if node.hooks is None:
        node.hooks = Hooks()
    return node.hooks


def register_hook(self: Tensor, hook: Any) -> Handle:
    """Call `hook(gradient)` whenever a gradient of this tensor is computed; what it returns takes its place."""
    if self.node is None:
        raise GradError("a hook needs a gradient to see, and this tensor does not require one")
    return Handle(hooks_of(self.node).functions, hook)
