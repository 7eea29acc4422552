"""Checkpointing: forget what a part of the graph saved, and compute it again when the backward pass needs it."""
from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from .. import device, versions
from ..node import Absent, Node, ancestors
from ..tensor import Tensor, wrap
from .switches import enable_grad, is_grad_enabled


class _Segment:
    """Stands in every node of a checkpointed part for what it had saved; `restore` brings all of it back."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], random: Any):
        self.function, self.args, self.kwargs, self.random = function, args, kwargs, random
        self.nodes: list[Node] = []

    def __iter__(self) -> Any:
        raise Absent

    def restore(self) -> None:
        """Run the function again, from the same random numbers, and give the nodes what they had saved."""
        after = device.default_generator._streams
        device.default_generator._streams = copy.deepcopy(self.random)
        try:
            with enable_grad():
                _, fresh = _nodes(self.function, self.args, self.kwargs)
        finally:
            device.default_generator._streams = after
        if [n.op for n in fresh] != [n.op for n in self.nodes]:
            raise RuntimeError("the checkpointed function did other operations the second time: it must do the same "
                               "whenever it gets the same inputs")
        for old, new in zip(self.nodes, fresh, strict=True):
            if old.saved is self:
                old.saved = new.saved


def checkpoint(function: Callable[..., Any], *args: Any, use_reentrant: bool = False,
               preserve_rng_state: bool = True, **kwargs: Any) -> Any:
    """`function(*args, **kwargs)` whose graph keeps its inputs alone; the backward pass computes the rest again.

    Memory is paid for with time: the function runs twice. Random numbers are the same both times.

    Args:
        function: a function of tensors that does the same whenever it is called with the same inputs.
        use_reentrant, preserve_rng_state: taken for PyTorch's sake; this is always the way that is not reentrant
            and keeps random numbers.
    """
    if not is_grad_enabled():
        return function(*args, **kwargs)
    random = copy.deepcopy(device.default_generator._streams)
    segment = _Segment(function, tuple(_alike(a) for a in args), kwargs, random)
    out, segment.nodes = _nodes(function, args, kwargs)
    for node in segment.nodes:
        if node.op.holds:
            node.saved = segment
    return out


def _alike(x: Any) -> Any:
    """A tensor of the same values that requires gradients where `x` does, outside x's graph."""
    return wrap(x.array).requires_grad_(x.requires_grad) if isinstance(x, Tensor) else x


def _nodes(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, list[Node]]:
    """The function's result, and the operations that it left in the graph, youngest first."""
    start = versions.tick()
    out = function(*args, **kwargs)
    roots = [t.node for t in (out if isinstance(out, (tuple, list)) else (out,))
             if isinstance(t, Tensor) and t.node is not None]
    inputs = frozenset(a.node for a in args if isinstance(a, Tensor) and a.node is not None)
    return out, [n for n in ancestors(roots, inputs) if n.seq > start and n.op is not None and n not in inputs]
