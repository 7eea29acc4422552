"""Starting values for parameters: each function fills a tensor in place and returns it."""
from __future__ import annotations

from typing import Any

from .. import versions
from ..device import Generator, default_generator
from ..tensor import Tensor, store


def _fill(tensor: Tensor, values: Any) -> Tensor:
    """Write values into the tensor's memory; no gradient sees it."""
    versions.wrote(tensor.array)
    store(tensor, values)
    return tensor


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Numbers drawn evenly from [a, b)."""
    return _fill(tensor, (generator or default_generator).stream.uniform(a, b, tensor.shape))
