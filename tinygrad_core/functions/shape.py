"""Functions that move elements: shapes, orders of dims, joining and cutting, gathering and scattering."""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..device import array_module
from ..dispatch import apply
from ..errors import DTypeError, ShapeError
from ..ops import OPS
from ..symbol import Symbol, known
from ..tensor import Tensor, remember_view, wrap
from . import elementwise as e
from .arguments import Dim, listed, one_dim, operand, size_of
from .arguments import dims as several_dims


# ---- shapes
def reshape(input: Tensor, *sizes: Any, shape: Any = None) -> Tensor:
    """The same elements in another shape, `reshape(x, 2, 3)` or `reshape(x, (2, 3))`; one size may be -1, to be found
    from the others."""
    wanted = size_of(sizes, shape)
    if any([type(n) is int and n < -1 for n in wanted]):
        raise ShapeError(f"reshape: sizes are at least 0, or one of them -1; got {wanted}.")
    return apply(OPS["reshape"], operand(input, "reshape"), shape=wanted)


def view(input: Tensor, *sizes: Any, size: Any = None) -> Tensor:
    """As `reshape`, but always in the same memory: an error where that cannot be."""
    out = reshape(input, *sizes, shape=size)
    if isinstance(out.array, np.ndarray) and out.array.size and not np.may_share_memory(out.array, input.array):
        raise ShapeError(f"view: a tensor of shape {input.shape} whose memory is not in order cannot be seen as "
                         f"{out.shape} without a copy; use reshape.")
    return out


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dims from `start_dim` to `end_dim` made into one."""
    if not operand(input, "flatten").ndim:
        return reshape(input, 1)
    first, last = one_dim(start_dim, input.ndim, "flatten"), one_dim(end_dim, input.ndim, "flatten")
    if first > last:
        raise ShapeError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}.")
    if first == last:
        return input
    shape = input.shape
    return reshape(input, (*shape[:first], math.prod(shape[first:last + 1]), *shape[last + 1:]))


def ravel(input: Tensor) -> Tensor:
    """All elements along one dim."""
    return reshape(input, -1) if input.array.size else reshape(input, 0)


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One dim cut up into several of the given sizes; one may be -1."""
    at = one_dim(dim, input.ndim, "unflatten")
    given = math.prod(n for n in sizes if n != -1)
    filled = tuple(input.shape[at] // max(given, 1) if n == -1 else n for n in sizes)
    if math.prod(filled) != input.shape[at]:
        raise ShapeError(f"unflatten: {tuple(sizes)} does not make {input.shape[at]}.")
    return reshape(input, input.shape[:at] + filled + input.shape[at + 1:])


def squeeze(input: Tensor, dim: Dim = None) -> Tensor:
    """Dims of size 1 removed: all of them, or those given."""
    axes = range(input.ndim) if dim is None else several_dims(dim, input.ndim, "squeeze") or ()
    return reshape(input, tuple(n for k, n in enumerate(input.shape) if n != 1 or k not in axes))


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """A new dim of size 1 at position `dim`."""
    at = one_dim(dim, input.ndim + 1, "unsqueeze")
    return reshape(input, (*input.shape[:at], 1, *input.shape[at:]))


def expand(input: Tensor, *sizes: Any, size: Any = None) -> Tensor:
    """Dims of size 1 stretched to `size`, without a copy; -1 leaves a dim as it is."""
    wanted = size_of(sizes, size)
    extra = len(wanted) - input.ndim
    shape = tuple(input.shape[k - extra] if n == -1 and k >= extra else n for k, n in enumerate(wanted))
    return apply(OPS["expand"], input, shape=shape)


def broadcast_to(input: Tensor, *sizes: Any, size: Any = None) -> Tensor:
    """`expand` under NumPy's name."""
    return expand(input, *sizes, size=size)


def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """Stretched to another tensor's shape."""
    return expand(input, other.shape)


def repeat(input: Tensor, *times: Any, repeats: Any = None) -> Tensor:
    """The tensor laid beside itself so many times along each dim; new dims come first."""
    times = size_of(times, repeats)
    if len(times) < input.ndim or any([type(n) is int and n < 0 for n in times]):
        raise ShapeError(f"repeat needs a number of at least 0 for each of the {input.ndim} dims, got {times}.")
    shape = (1,) * (len(times) - input.ndim) + input.shape
    apart = reshape(input, tuple(n for size in shape for n in (1, size)))
    stretched = expand(apart, tuple(n for count, size in zip(times, shape, strict=True) for n in (count, size)))
    return reshape(stretched, tuple(count * size for count, size in zip(times, shape, strict=True)))


def tile(input: Tensor, *times: Any, dims: Any = None) -> Tensor:
    """`repeat` with the numbers aligned at the right, missing ones 1."""
    times = size_of(times, dims)
    return repeat(input, (1,) * (input.ndim - len(times)) + times)


def repeat_interleave(input: Tensor, repeats: int, dim: int | None = None) -> Tensor:
    """Each element so many times in a row along `dim`, or in the flattened tensor."""
    x, at = (reshape(input, -1), 0) if dim is None else (input, one_dim(dim, input.ndim, "repeat_interleave"))
    apart = expand(unsqueeze(x, at + 1), (*x.shape[:at + 1], repeats, *x.shape[at + 1:]))
    return reshape(apart, (*x.shape[:at], x.shape[at] * repeats, *x.shape[at + 1:]))


# ---- orders
def permute(input: Tensor, *order: Any, dims: Any = None) -> Tensor:
    """The dims in another order."""
    given = size_of(order, dims)
    positive = tuple(d % max(input.ndim, 1) for d in given)
    if sorted(positive) != list(range(input.ndim)):
        raise ShapeError(f"permute needs each of the {input.ndim} dims once, got {given}.")
    return apply(OPS["permute"], input, dims=positive)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dims exchanged."""
    a, b = one_dim(dim0, input.ndim, "transpose"), one_dim(dim1, input.ndim, "transpose")
    order = list(range(input.ndim))
    if order:
        order[a], order[b] = order[b], order[a]
    return apply(OPS["permute"], input, dims=tuple(order))


swapaxes = swapdims = transpose


def t(input: Tensor) -> Tensor:
    """A matrix transposed; a vector as it is."""
    if input.ndim > 2:
        raise ShapeError(f"t() is for matrices, this tensor has {input.ndim} dims: use mT or transpose.")
    return input if input.ndim < 2 else transpose(input, 0, 1)


def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Dims moved to other positions; the others keep their order."""
    starts, ends = ([one_dim(d, input.ndim, "movedim") for d in listed(given)] for given in (source, destination))
    if any(len(set(moved)) < len(moved) for moved in (starts, ends)):
        raise ShapeError(f"movedim: {source} to {destination} names one dim twice.")
    order = [k for k in range(input.ndim) if k not in starts]
    for end, start in sorted(zip(ends, starts, strict=True)):
        order.insert(end, start)
    return permute(input, order)


moveaxis = movedim


def flip(input: Tensor, *along: Any, dims: Any = None) -> Tensor:
    """The elements in reverse order along the given dims."""
    axes = several_dims(size_of(along, dims), input.ndim, "flip") or ()
    index = tuple(slice(None, None, -1) if k in axes else slice(None) for k in range(input.ndim))
    return e.clone(apply(OPS["getitem"], input, index=index))


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """The elements moved on by `shifts` along the dims, or in the flattened tensor; what falls off comes back."""
    if dims is None:
        return reshape(roll(reshape(input, -1), shifts, 0), input.shape)
    for shift, dim in zip(listed(shifts), listed(dims), strict=True):
        n = input.shape[one_dim(dim, input.ndim, "roll")]
        if n and shift % n:
            cut = n - shift % n
            input = cat([narrow(input, dim, cut, n - cut), narrow(input, dim, 0, cut)], dim)
    return e.clone(input)


# ---- joining and cutting
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors joined along an existing dim."""
    if isinstance(tensors, Tensor):
        raise DTypeError("cat takes several tensors, in a list or a tuple; this is one.")
    given = [operand(t, "cat") for t in tensors]
    if not given:
        raise ShapeError("cat needs at least one tensor.")
    tensors = [t for t in given if t.shape != (0,)] or given    # an empty vector goes with every shape
    if len(tensors) < len(given):
        dtype = dtypes.result_type(tuple([t.array for t in given if t.ndim]))
        tensors = [t.to(dtype) for t in tensors]
    return apply(OPS["cat"], *tensors, dim=one_dim(dim, tensors[0].ndim, "cat"))


concat = concatenate = cat


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape joined along a new dim."""
    tensors = [operand(t, "stack") for t in tensors]
    if len({t.shape for t in tensors}) > 1:
        raise ShapeError(f"stack needs tensors of one shape, got {[t.shape for t in tensors]}.")
    return cat([unsqueeze(t, dim) for t in tensors], dim)


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors joined side by side: along dim 1, vectors along dim 0."""
    tensors = [reshape(t, 1) if not t.ndim else t for t in tensors]
    return cat(tensors, 0 if tensors[0].ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors joined one below the other; vectors become rows."""
    return cat([reshape(t, (1, -1)) if t.ndim < 2 else t for t in tensors], 0)


def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """The tensor cut along `dim` into pieces of one size, or of the sizes given; views, with one node for all."""
    at = one_dim(dim, tensor.ndim, "split")
    n = tensor.shape[at]
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size < (1 if n else 0):
            raise ShapeError(f"split: pieces must have at least 1 element, got {size}.")
        stops = [*range(size, n, max(size, 1)), n]
    else:
        stops = np.cumsum(list(split_size_or_sections)).tolist()
        if not stops or stops[-1] != n or min(split_size_or_sections) < 0:
            raise ShapeError(f"split: the sizes {list(split_size_or_sections)} do not add up to {n}.")
    pieces = apply(OPS["split"], tensor, stops=tuple(stops), dim=at)
    for start, stop, piece in zip([0, *stops], stops, pieces):
        index = (slice(None),) * at + (slice(start, stop),)
        piece._view = (tensor, OPS["getitem"], {"index": index})
        if piece.node is not None or type(piece.array) is Symbol:
            remember_view(tensor, piece)
    return pieces


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """The tensor cut along `dim` into at most so many pieces of one size, the last perhaps smaller."""
    n = input.shape[one_dim(dim, input.ndim, "chunk")]
    return split(input, max(1, -(-n // chunks)), dim)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices along `dim`, without it."""
    at = one_dim(dim, input.ndim, "unbind")
    return tuple(squeeze(piece, at) for piece in split(input, 1, at)) if input.shape[at] else ()


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """The slice at `index` along `dim`, without it; a view."""
    return input[(slice(None),) * one_dim(dim, input.ndim, "select") + (index,)]


def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """`length` slices along `dim` from `start` on; a view."""
    return input[(slice(None),) * one_dim(dim, input.ndim, "narrow") + (slice(start, start + length),)]


# ---- gathering and scattering
def _grid(index: Any, dim: int) -> tuple[Any, ...]:
    """The full index that takes, along `dim`, what `index` says and, along the others, the place itself."""
    xp = array_module(index)
    places = [xp.arange(n).reshape((-1,) + (1,) * (index.ndim - 1 - k)) for k, n in enumerate(index.shape)]
    return (*places[:dim], index, *places[dim + 1:])


def _indices(index: Tensor, name: str, size: Any) -> Any:
    """The indices as an array, each checked to be one of a dim's `size` places; none counts from the end."""
    if operand(index, name).dtype.kind not in "iu":
        raise ShapeError(f"{name} needs integer indices, got {index.dtype}: write index.long().")
    array = index.array
    if known(array) and type(size) is int and array.size:
        low, high = int(array.min()), int(array.max())
        if low < 0 or high >= size:
            raise ShapeError(f"{name} got the index {low if low < 0 else high} for a dim of size {size}: indices run "
                             f"from 0 to {size - 1}.")
    return array


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """out[i][j] = input[index[i][j]][j] for dim 0, and so on: elements picked along `dim`, in index's shape."""
    at = one_dim(dim, input.ndim, "gather")
    array = _indices(index, "gather", input.shape[at] if input.ndim else 1)
    if not input.ndim:
        return expand(input, index.shape)
    if index.ndim != input.ndim:
        raise ShapeError(f"gather: index has {index.ndim} dims, input {input.ndim}.")
    return apply(OPS["getitem"], input, index=_grid(array, at))


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """Elements picked along `dim`, with the other dims broadcast; in the flattened tensor without `dim`."""
    if dim is None:
        return reshape(input, -1)[reshape(indices, -1)]
    at = one_dim(dim, input.ndim, "take_along_dim")
    shape = np.broadcast_shapes(*(tuple(1 if k == at else n for k, n in enumerate(x.shape)) for x in (input, indices)))
    sized = tuple(indices.shape[at] if k == at else n for k, n in enumerate(shape))
    whole = tuple(input.shape[at] if k == at else n for k, n in enumerate(shape))
    index = indices if indices.shape == sized else expand(indices, sized)
    if not input.ndim:
        return expand(input, sized)
    return apply(OPS["getitem"], input if input.shape == whole else expand(input, whole), index=_grid(index.array, at))


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices along `dim` that a vector of indices names."""
    at = one_dim(dim, input.ndim, "index_select")
    array = _indices(index, "index_select", input.shape[at] if input.ndim else 1)
    if not input.ndim:
        return input
    return apply(OPS["getitem"], input, index=(slice(None),) * at + (array if array.ndim else array.reshape(1),))


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where the mask holds, along one dim."""
    if operand(mask, "masked_select").dtype.kind != "b":
        raise DTypeError(f"masked_select needs a mask of booleans, got {mask.dtype}: write mask.bool().")
    shape = np.broadcast_shapes(input.shape, mask.shape)
    return expand(input, shape)[expand(mask, shape)]


def scatter(input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None) -> Tensor:
    """`input` with out[index[i][j]][j] = src[i][j] for dim 0, and so on; `src` a tensor, or a number, or `value`."""
    src = value if src is None else src
    part = src if isinstance(src, Tensor) else Tensor(src, dtype=input.dtype, device=input.device)
    return _scattered("scatter", input, dim, index, part, lambda x, y, at: apply(OPS["setitem"], x, y, index=at))


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """`input` with src[i][j] added at out[index[i][j]][j] for dim 0, and so on; equal places add up."""
    return _scattered("scatter_add", input, dim, index, operand(src, "scatter_add"),
                      lambda x, y, at: x + apply(OPS["scatter_into"], y, shape=x.shape, index=at))


def _scattered(name: str, input: Tensor, dim: int, index: Tensor, src: Tensor, put: Any) -> Tensor:
    """What `put` makes of the input, of the elements of `src` that the index is for, and of their places."""
    if not input.ndim:                          # a number counts as one place
        return reshape(_scattered(name, reshape(input, 1), 0, reshape(index, 1), reshape(src, 1), put), ())
    at = one_dim(dim, input.ndim, name)
    places = _grid(_indices(index, name, input.shape[at]), at)
    return put(input, src[tuple([slice(0, n) for n in index.shape])] if src.ndim else src, places)


# ---- matrices
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonal of the matrices in two dims, as the last dim; above the main one with a positive offset; a view."""
    return apply(OPS["diagonal"], movedim(input, (dim1, dim2), (-2, -1)), offset=offset)


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """A matrix with a vector on its diagonal, or a matrix's diagonal as a vector, in memory of its own."""
    offset = diagonal
    if input.ndim == 2:
        return e.clone(apply(OPS["diagonal"], input, offset=offset))
    if input.ndim != 1:
        raise ShapeError(f"diag takes a vector or a matrix, got {input.ndim} dims.")
    n = input.shape[0] + abs(offset)
    return apply(OPS["on_diagonal"], input, shape=(n, n), offset=offset)


def trace(input: Tensor) -> Tensor:
    """The sum of a matrix's diagonal."""
    return diagonal(input).sum()


def _triangle(input: Tensor, keep: Any) -> Tensor:
    xp = array_module(input.array)
    rows, columns = xp.arange(input.shape[-2])[:, None], xp.arange(input.shape[-1])
    return e.where(wrap(keep(columns - rows)), input, wrap(input.dtype.type(0)))


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The part of matrices on and below a diagonal; zeros above."""
    return _triangle(input, lambda above: above <= diagonal)


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The part of matrices on and above a diagonal; zeros below."""
    return _triangle(input, lambda above: above >= diagonal)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Vectors as the coordinates of a grid; with "xy" the first two dims are exchanged."""
    vectors = list(tensors[0]) if len(tensors) == 1 and not isinstance(tensors[0], Tensor) else list(tensors)
    if indexing not in ("ij", "xy") or any(v.ndim > 1 for v in vectors):
        raise ShapeError(f"meshgrid takes vectors, and indexing='ij' or 'xy'; got {[v.shape for v in vectors]} and "
                         f"{indexing!r}.")
    shape = tuple(v.numel() for v in vectors)
    lone = [reshape(v, tuple(-1 if d == k else 1 for d in range(len(shape)))) for k, v in enumerate(vectors)]
    turned = indexing == "xy" and len(vectors) > 1
    return tuple(transpose(expand(v, shape), 0, 1) if turned else expand(v, shape) for v in lone)
