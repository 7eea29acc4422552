"""Samplers: which samples come, in which order; each `for` loop over one draws anew."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Any

import numpy as np

from ..device import Generator, default_generator
from ..errors import EngineError


class Sampler:
    """Base of samplers: a subclass has `__iter__`, which yields indices, and `__len__`."""

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} needs a method __iter__() that yields indices")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} needs a method __len__() that counts its indices")


class SequentialSampler(Sampler):
    """Every sample, first to last."""

    def __init__(self, data_source: Sized):
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler):
    """Every sample once in random order; with `replacement`, each drawn anew from all, `num_samples` of them."""

    def __init__(self, data_source: Sized, replacement: bool = False, num_samples: int | None = None,
                 generator: Generator | None = None):
        self.data_source, self.replacement, self.generator = data_source, replacement, generator
        self.num_samples = len(data_source) if num_samples is None else num_samples

    def __iter__(self) -> Iterator[int]:
        stream, total = (self.generator or default_generator).stream, len(self.data_source)
        if self.replacement:
            return iter(stream.integers(0, total, self.num_samples).tolist())
        rounds = -(-self.num_samples // total) if total else 0
        order = [i for _ in range(rounds) for i in stream.permutation(total).tolist()]
        return iter(order[:self.num_samples])

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler):
    """The given indices in random order."""

    def __init__(self, indices: Sequence[int], generator: Generator | None = None):
        self.indices, self.generator = indices, generator

    def __iter__(self) -> Iterator[int]:
        return (self.indices[i] for i in (self.generator or default_generator).stream.permutation(len(self.indices)))

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler):
    """`num_samples` indices, each drawn as often as its weight says; weights need not add up to one."""

    def __init__(self, weights: Sequence[float], num_samples: int, replacement: bool = True,
                 generator: Generator | None = None):
        self.weights = np.asarray(weights, np.float64)
        if self.weights.ndim != 1 or not (self.weights >= 0).all() or not self.weights.sum() > 0:
            raise EngineError("WeightedRandomSampler needs one weight from 0 up for each sample, and one above 0.")
        self.num_samples, self.replacement, self.generator = num_samples, replacement, generator

    def __iter__(self) -> Iterator[int]:
        stream = (self.generator or default_generator).stream
        return iter(stream.choice(len(self.weights), self.num_samples, self.replacement,
                                  self.weights / self.weights.sum()).tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler):
    """The indices of another sampler in lists of `batch_size`."""

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool):
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        count = len(self.sampler)       # type: ignore[arg-type]
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)
