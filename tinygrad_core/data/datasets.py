"""Sets of samples: anything with a length and an index."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..device import Generator, default_generator
from ..errors import EngineError, ShapeError
from ..functions import as_tensor
from ..tensor import Tensor


class Dataset:
    """Base of data sets: a subclass has `__getitem__(index)`, one sample, and `__len__`.

    Where `whole` is true, an array of indices gives a batch in one go.
    """

    whole = False

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} needs a method __getitem__(index) that returns one sample")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} needs a method __len__() that counts its samples")

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))


class IterableDataset(Dataset):
    """Base of data sets that are read from front to back: a subclass has `__iter__`, which yields samples."""

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} needs a method __iter__() that yields samples")


class TensorDataset(Dataset):
    """Samples that lie along the first dim of tensors or arrays; sample i is the tuple of their rows i."""

    whole = True

    def __init__(self, *tensors: Any):
        self.tensors = tuple(as_tensor(t) for t in tensors)
        sizes = {len(t) for t in self.tensors if t.ndim}
        if not self.tensors or len(sizes) != 1 or any(not t.ndim for t in self.tensors):
            raise ShapeError("a TensorDataset needs tensors of one length along their first dim, got the shapes "
                             f"{[t.shape for t in self.tensors]}.")

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])


class Subset(Dataset):
    """The samples of a set at the given indices, in that order."""

    def __init__(self, dataset: Any, indices: Sequence[int]):
        self.dataset, self.indices = dataset, list(indices)
        self.whole = getattr(dataset, "whole", False)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, np.ndarray):
            return self.dataset[np.asarray(self.indices, np.int64)[index]]
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)


def random_split(dataset: Any, lengths: Sequence[float], generator: Generator | None = None) -> list[Subset]:
    """The samples dealt out at random into parts of the given lengths, or of the given fractions of the whole."""
    total = len(dataset)
    if all(isinstance(n, float) for n in lengths) and abs(sum(lengths) - 1) < 1e-6:
        counts = [int(total * share) for share in lengths]
        for k in range(total - sum(counts)):
            counts[k % len(counts)] += 1
    else:
        counts = [int(n) for n in lengths]
    if sum(counts) != total:
        raise EngineError(f"random_split: the lengths {list(lengths)} add up to {sum(counts)}, and there are {total} "
                          f"samples; fractions must add up to 1.")
    order = (generator or default_generator).stream.permutation(total).tolist()
    ends = np.cumsum(counts).tolist()
    return [Subset(dataset, order[end - n:end]) for n, end in zip(counts, ends, strict=True)]
