"""The switches that say whether operations leave a graph behind."""
from __future__ import annotations

from contextlib import ContextDecorator
from typing import Any

from ..tensor import mode


class _GradMode(ContextDecorator):
    """A context manager and decorator that sets whether operations are recorded in this thread, and sets it back."""

    wanted = False

    def __init__(self) -> None:
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(mode.grad)
        mode.grad = self.wanted

    def __exit__(self, *_: Any) -> None:
        mode.grad = self._before.pop()

    def _recreate_cm(self) -> Any:
        """What a decorated function runs in: one of its own at each call, as threads may call it at once."""
        return type(self)()


class no_grad(_GradMode):
    """Record nothing inside, in this thread: `with no_grad():`, or `@no_grad()` on a function."""


class inference_mode(no_grad):
    """PyTorch's name for a stricter `no_grad`; here the two do the same."""


class enable_grad(_GradMode):
    """Record inside, even within `no_grad`."""

    wanted = True


class set_grad_enabled(_GradMode):
    """Record, or not, as the argument says: from the call on, or inside a `with` block."""

    def __init__(self, mode_wanted: bool):
        super().__init__()
        self.wanted = mode_wanted
        self._before.append(mode.grad)
        mode.grad = mode_wanted

    def __enter__(self) -> None:
        mode.grad = self.wanted

    def __call__(self, function: Any) -> Any:
        mode.grad = self._before.pop()          # a decorator says nothing about the code around the function
        return super().__call__(function)

    def _recreate_cm(self) -> Any:
        return type(self)(self.wanted)


def is_grad_enabled() -> bool:
    """Whether operations on tensors that require gradients are recorded at the moment."""
    return mode.grad
