"""Batches: which samples come together, in which order, and how they are put into tensors."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ..device import Generator, default_generator
from ..errors import EngineError
from ..functions import stack, tensor
from ..tensor import Tensor
from .datasets import IterableDataset, TensorDataset
from .samplers import BatchSampler, RandomSampler, SequentialSampler
from .workers import batches


class DataLoader:
    """The samples of a set in batches, once for each `for` loop over it.

    Args:
        dataset: a data set, a tensor or array, or a tuple of tensors or arrays of one length.
        batch_size: how many samples make a batch; the last batch may have fewer.
        shuffle: draw a new order for every loop.
        sampler: gives the indices in their order, in place of `shuffle`.
        batch_sampler: gives lists of indices, in place of all of these and `drop_last`.
        num_workers: how many processes prepare batches ahead; 0 to prepare them here, when they are asked for.
        collate_fn: makes a batch of a list of samples; by default `default_collate`.
        drop_last: leave out a last batch that is not full.
        worker_init_fn: called in every worker first, with its number.
        generator: where orders and the workers' seeds are drawn from; by default the stream of `manual_seed`.

    A batch of a set that is held in memory is cut from its tensors in one go, without a loop over samples.
    """

    def __init__(self, dataset: Any, batch_size: int = 1, shuffle: bool = False, sampler: Iterable[int] | None = None,
                 batch_sampler: Iterable[Sequence[int]] | None = None, num_workers: int = 0,
                 collate_fn: Callable[[list[Any]], Any] | None = None, *, drop_last: bool = False,
                 worker_init_fn: Callable[[int], None] | None = None, generator: Generator | None = None):
        if isinstance(dataset, (Tensor, np.ndarray)):
            dataset = TensorDataset(dataset)
        elif isinstance(dataset, tuple) and dataset and all(isinstance(d, (Tensor, np.ndarray)) for d in dataset):
            dataset = TensorDataset(*dataset)
        if not isinstance(batch_size, int) or batch_size < 1:
            raise EngineError(f"batch_size must be a whole number from 1 up, got {batch_size!r}.")
        if not isinstance(num_workers, int) or num_workers < 0:
            raise EngineError(f"num_workers must be a whole number from 0 up, got {num_workers!r}.")
        if (sampler is not None or batch_sampler is not None) and shuffle:
            raise EngineError("a sampler gives the order already: leave shuffle off.")
        if isinstance(dataset, IterableDataset) and (shuffle or sampler or batch_sampler or num_workers):
            raise EngineError("an IterableDataset is read from front to back: it takes no shuffle, no sampler and no "
                              "workers.")
        if isinstance(dataset, IterableDataset):
            sampler = dataset                   # there are no indices: batches are made of the samples themselves
        elif sampler is None:
            sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        self.batch_sampler: Any = BatchSampler(sampler, batch_size, drop_last) if batch_sampler is None else batch_sampler
        self.dataset, self.batch_size, self.shuffle, self.drop_last = dataset, batch_size, shuffle, drop_last
        self.generator, self.collate_fn, self.sampler = generator, collate_fn, sampler
        self.num_workers, self.worker_init_fn = num_workers, worker_init_fn

    def _fetch(self, indices: Any) -> Any:
        """The batch of these samples."""
        if getattr(self.dataset, "whole", False) and self.collate_fn is None:
            return self.dataset[indices]
        return self._collate([self.dataset[int(i)] for i in indices])

    def _collate(self, samples: list[Any]) -> Any:
        return (self.collate_fn or default_collate)(samples)

    def __iter__(self) -> Iterator[Any]:
        if isinstance(self.dataset, IterableDataset):
            return map(self._collate, self.batch_sampler)
        indices = map(np.asarray, self.batch_sampler)
        if not self.num_workers:
            return map(self._fetch, indices)
        seed = int((self.generator or default_generator).stream.integers(1 << 31))
        return batches(self._fetch, indices, self.num_workers, seed, self.worker_init_fn)

    def __len__(self) -> int:
        return len(self.batch_sampler)


def default_collate(samples: list[Any]) -> Any:
    """Samples as one batch: tensors, arrays and numbers are stacked, tuples and dictionaries entry by entry.

    Python's floats become the default dtype, float32, where PyTorch makes them float64, which fits no model.
    """
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
            raise EngineError("samples of different lengths do not make a batch: give a collate_fn that pads them.")
        columns = [default_collate(list(column)) for column in zip(*samples, strict=True)]
        return type(first)(*columns) if hasattr(first, "_fields") else type(first)(columns)
    return samples
