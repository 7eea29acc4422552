"""The switches that say whether operations leave a graph behind."""
from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from contextlib import ContextDecorator
from typing import Any

from ..tensor import mode as state


class _GradMode(ContextDecorator):
    """A context manager and decorator that sets whether operations are recorded in this thread, and sets it back."""

    wanted = False

    def __new__(cls, function: Any = None) -> Any:
        """The manager; or, as a decorator without brackets, the function under it."""
        return cls()(function) if callable(function) else super().__new__(cls)

    def __init__(self) -> None:
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(state.grad)
        state.grad = self.wanted

    def __exit__(self, *_: Any) -> None:
        state.grad = self._before.pop()

    def __call__(self, function: Any) -> Any:
        if not inspect.isgeneratorfunction(function):
            return super().__call__(function)

        @functools.wraps(function)
        def stepped(*args: Any, **kwargs: Any) -> Iterator[Any]:
            steps, sent = function(*args, **kwargs), None
            while True:
                with self._recreate_cm():       # only while the generator runs, not while its caller does
                    try:
                        item = steps.send(sent)
                    except StopIteration as end:
                        return end.value
                sent = yield item

        return stepped

    def _recreate_cm(self) -> Any:
        """What a decorated function runs in: one of its own at each call, as threads may call it at once."""
        return type(self)()


class no_grad(_GradMode):
    """Record nothing inside, in this thread: `with no_grad():`, or `@no_grad()` on a function or a generator."""


class inference_mode(_GradMode):
    """PyTorch's name for a stricter `no_grad`; here the two do the same. `inference_mode(False)` records."""

    def __new__(cls, mode: Any = True) -> Any:
        """The manager; or, as a decorator without brackets, the function under it."""
        return super().__new__(cls, mode)

    def __init__(self, mode: bool = True):
        super().__init__()
        self.wanted = not mode

    def _recreate_cm(self) -> Any:
        return type(self)(not self.wanted)


class enable_grad(_GradMode):
    """Record inside, even within `no_grad`."""

    wanted = True


class set_grad_enabled(_GradMode):
    """Record, or not, as the argument says: from the call on, or inside a `with` block."""

    def __new__(cls, mode: bool) -> Any:
        """The manager, which has set the switch already."""
        return super().__new__(cls)

    def __init__(self, mode: bool):
        super().__init__()
        self.wanted = mode
        self._before.append(state.grad)
        state.grad = mode

    def __enter__(self) -> None:
        state.grad = self.wanted

    def __call__(self, function: Any) -> Any:
        state.grad = self._before.pop()         # a decorator says nothing about the code around the function
        return super().__call__(function)

    def _recreate_cm(self) -> Any:
        return type(self)(self.wanted)


def is_grad_enabled() -> bool:
    """Whether operations on tensors that require gradients are recorded at the moment."""
    return state.grad
