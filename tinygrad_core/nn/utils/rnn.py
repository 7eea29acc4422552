"""Sequences of different lengths in one batch: padded, or packed without the padding."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ... import functions
from ...device import array_module, place
from ...dispatch import apply
from ...errors import ShapeError
from ...functions.arguments import one_of
from ...ops import OPS
from ...tensor import Tensor, wrap


class PackedSequence(NamedTuple):
    """A batch of sequences, longest first, without padding: all first elements, then all second ones, and so on.

    Attributes:
        data: the elements, (total length, *).
        batch_sizes: how many sequences are still running at each step, int64.
        sorted_indices: which sequence of the original batch stands in each place, or None for the same order.
        unsorted_indices: in which place each sequence of the original batch stands, or None.
    """

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None


def pad_sequence(sequences: Sequence[Tensor], batch_first: bool = False, padding_value: float = 0.0,
                 padding_side: str = "right") -> Tensor:
    """Sequences (L_i, *) as one tensor (longest, N, *), or (N, longest, *) if `batch_first`, the short ones padded."""
    right = one_of("padding_side", padding_side, "left", "right") == "right"
    longest = max(len(s) for s in sequences)
    padded = []
    for s in sequences:
        ends = (0, longest - len(s)) if right else (longest - len(s), 0)
        padded.append(apply(OPS["pad"], s, widths=(ends, *((0, 0) for _ in s.shape[1:])), value=padding_value))
    return functions.stack(padded, 0 if batch_first else 1)


def _cells(batch_sizes: Any) -> tuple[Any, Any]:
    """For every element of packed data: its step and its place in the batch."""
    steps = np.repeat(np.arange(len(batch_sizes)), batch_sizes)
    starts = np.cumsum(batch_sizes) - batch_sizes
    return steps, np.arange(len(steps)) - np.repeat(starts, batch_sizes)


def pack_padded_sequence(input: Tensor, lengths: Any, batch_first: bool = False,
                         enforce_sorted: bool = True) -> PackedSequence:
    """A padded batch (T, N, *), or (N, T, *) if `batch_first`, without its padding.

    Args:
        lengths: the length of each sequence, a list or tensor of integers above 0.
        enforce_sorted: complain if the sequences do not come longest first; otherwise they are sorted here.
    """
    sizes = np.asarray(place(lengths.array, "cpu") if isinstance(lengths, Tensor) else lengths, np.int64)
    if batch_first:
        input = functions.transpose(input, 0, 1)
    if sizes.shape != input.shape[1:2] or not sizes.size or sizes.min() < 1 or sizes.max() > input.shape[0]:
        raise ShapeError(f"pack_padded_sequence needs a length between 1 and {input.shape[0]} for each of the "
                         f"{input.shape[1]} sequences, got {sizes.tolist()}.")
    order = np.argsort(-sizes, kind="stable")
    if enforce_sorted and (np.diff(sizes) > 0).any():
        raise ShapeError(f"pack_padded_sequence needs the longest sequence first, got lengths {sizes.tolist()}: "
                         f"sort the batch, or pass enforce_sorted=False.")
    sizes = sizes[order]
    batch_sizes = (sizes[None, :] > np.arange(sizes[0])[:, None]).sum(1)
    steps, rows = _cells(batch_sizes)
    xp = array_module(input.array)
    data = apply(OPS["getitem"], input, index=(xp.asarray(steps), xp.asarray(order[rows])))
    if enforce_sorted:
        return PackedSequence(data, wrap(batch_sizes))
    return PackedSequence(data, wrap(batch_sizes), wrap(xp.asarray(order)), wrap(xp.asarray(np.argsort(order))))


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences (L_i, *) packed."""
    return pack_padded_sequence(pad_sequence(sequences), [len(s) for s in sequences], enforce_sorted=enforce_sorted)


def pad_packed_sequence(sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0,
                        total_length: int | None = None) -> tuple[Tensor, Tensor]:
    """The reverse of `pack_padded_sequence`: the padded batch in its original order, and the lengths."""
    data, batch_sizes = sequence.data, sequence.batch_sizes.array
    longest = len(batch_sizes)
    if total_length is not None and total_length < longest:
        raise ShapeError(f"total_length must be at least the longest sequence's {longest}, got {total_length}")
    xp = array_module(data.array)
    steps, rows = _cells(batch_sizes)
    if sequence.sorted_indices is not None:
        rows = place(sequence.sorted_indices.array, "cpu")[rows]
    empty = xp.full((total_length or longest, int(batch_sizes[0]), *data.shape[1:]), padding_value, data.dtype)
    padded = apply(OPS["setitem"], wrap(empty), data, index=(xp.asarray(steps), xp.asarray(rows)))
    lengths = np.bincount(rows, minlength=int(batch_sizes[0]))
    return functions.transpose(padded, 0, 1) if batch_first else padded, wrap(lengths.astype(np.int64))
