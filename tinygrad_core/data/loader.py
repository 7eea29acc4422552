"""Batches: which samples come together, in which order, and how they are put into tensors."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ..device import Generator, default_generator
from ..errors import EngineError, at_line, learner_line
from ..functions import stack, tensor
from ..tensor import Tensor
from .datasets import TensorDataset


class DataLoader:
    """The samples of a set in batches, once for each `for` loop over it.

    Args:
        dataset: a data set, a tensor or array, or a tuple of tensors or arrays of one length.
        batch_size: how many samples make a batch; the last batch may have fewer.
        shuffle: draw a new order for every loop.
        drop_last: leave out a last batch that is not full.
        generator: where the orders are drawn from; by default the stream that `manual_seed` seeds.
        collate_fn: makes a batch of a list of samples; by default `default_collate`.
        sampler: gives the indices in their order, in place of `shuffle`.

    A batch of a `TensorDataset` is cut from its tensors in one go, without a loop over samples.
    """

    def __init__(self, dataset: Any, batch_size: int = 1, shuffle: bool = False, *, drop_last: bool = False,
                 generator: Generator | None = None, collate_fn: Callable[[list[Any]], Any] | None = None,
                 sampler: Iterable[int] | None = None):
        if isinstance(dataset, (Tensor, np.ndarray)):
            dataset = TensorDataset(dataset)
        elif isinstance(dataset, tuple) and dataset and all(isinstance(d, (Tensor, np.ndarray)) for d in dataset):
            dataset = TensorDataset(*dataset)
        if not isinstance(batch_size, int) or batch_size < 1:
            raise EngineError(f"batch_size must be a whole number from 1 up, got {batch_size!r}.{at_line(learner_line())}")
        if sampler is not None and shuffle:
            raise EngineError(f"a sampler gives the order already: leave shuffle off.{at_line(learner_line())}")
        self.dataset, self.batch_size, self.shuffle, self.drop_last = dataset, batch_size, shuffle, drop_last
        self.generator, self.collate_fn, self.sampler = generator, collate_fn, sampler

    def _order(self) -> Any:
        if self.sampler is not None:
            return np.fromiter(self.sampler, np.int64)
        if self.shuffle:
            return (self.generator or default_generator).stream.permutation(len(self.dataset))
        return np.arange(len(self.dataset))

    def __iter__(self) -> Iterator[Any]:
        order = self._order()
        whole = isinstance(self.dataset, TensorDataset) and self.collate_fn is None
        collate = self.collate_fn or default_collate
        stop = len(order) - len(order) % self.batch_size if self.drop_last else len(order)
        for start in range(0, stop, self.batch_size):
            indices = order[start:start + self.batch_size]
            yield self.dataset[indices] if whole else collate([self.dataset[int(i)] for i in indices])

    def __len__(self) -> int:
        count = len(self.dataset) if self.sampler is None else len(self.sampler)    # type: ignore[arg-type]
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)


def default_collate(samples: list[Any]) -> Any:
    """Samples as one batch: tensors, arrays and numbers are stacked, tuples and dictionaries entry by entry."""
    first = samples[0]
    if isinstance(first, Tensor):
        return stack(samples)
    if isinstance(first, (np.ndarray, np.generic)):
        return tensor(np.stack(samples))
    if isinstance(first, (int, float)):
        return tensor(samples)
    if isinstance(first, dict):
        return {key: default_collate([s[key] for s in samples]) for key in first}
    if isinstance(first, (tuple, list)):
        if any(len(s) != len(first) for s in samples):
            raise EngineError("samples of different lengths do not make a batch: give a collate_fn that pads them."
                              f"{at_line(learner_line())}")
        return type(first)(default_collate(list(column)) for column in zip(*samples, strict=True))
    return samples
