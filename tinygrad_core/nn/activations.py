"""Activations as modules: one function each, with its settings."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ..tensor import Tensor
from . import functional as F
from .module import Module


class Activation(Module):
    """A function of one tensor as a module; a subclass names the function and the defaults of its settings."""

    function: Callable[..., Tensor]
    settings: ClassVar[dict[str, Any]] = {}

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__()
        names = list(self.settings)
        given = dict(zip(names, args, strict=False)) | kwargs
        if len(args) > len(names) or not given.keys() <= set(names):
            raise TypeError(f"{type(self).__name__} takes the settings {names}, got {args or ''}{kwargs or ''}")
        for name, default in self.settings.items():
            setattr(self, name, given.get(name, default))

    def forward(self, input: Tensor) -> Tensor:
        """The function of each element, or along a dim."""
        return type(self).function(input, **{name: getattr(self, name) for name in self.settings})

    def extra_repr(self) -> str:
        """Its settings."""
        return ", ".join(f"{name}={getattr(self, name)}" for name in self.settings)


def _activation(name: str, function: Callable[..., Tensor], **settings: Any) -> type[Activation]:
    """The module class of a function."""
    return type(name, (Activation,), {"function": staticmethod(function), "settings": settings,
                                      "__module__": __name__, "__doc__": function.__doc__})


ReLU = _activation("ReLU", F.relu)
Tanh = _activation("Tanh", F.tanh)
