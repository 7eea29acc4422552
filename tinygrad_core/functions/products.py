"""Functions that multiply and add up: products of vectors, matrices and tensors."""
from __future__ import annotations

from collections.abc import Iterator
from math import prod as count_of
from typing import Any

from .. import hot
from ..errors import ShapeError
from ..tensor import Tensor, describe
from .arguments import listed, operand
from .reductions import sum as total
from .shape import diagonal, permute, reshape, unsqueeze


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product over the last two dims; a vector counts as a row (left) or a column (right).

    Factors of different dtypes are brought to their common one first, in this and every other product; PyTorch
    refuses them.
    """
    return hot.matmul(operand(input, "matmul"), operand(other, "matmul"))


def _of_dims(name: str, *wanted: tuple[Tensor, int]) -> Iterator[Tensor]:
    """The tensors, each of which must have so many dims."""
    for x, n in wanted:
        if operand(x, name).ndim != n:
            raise ShapeError(f"{name} got {' and '.join(describe(y) for y, _ in wanted)}: they must have "
                             f"{' and '.join(str(k) for _, k in wanted)} dims.")
        yield x


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices."""
    return matmul(*_of_dims("mm", (input, 2), (mat2, 2)))


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of two batches of matrices, (B, n, m) and (B, m, p)."""
    return matmul(*_of_dims("bmm", (input, 3), (mat2, 3)))


def mv(input: Tensor, vec: Tensor) -> Tensor:
    """The product of a matrix and a vector."""
    return matmul(*_of_dims("mv", (input, 2), (vec, 1)))


def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """The sum of the products of two vectors' elements."""
    return matmul(*_of_dims("dot", (input, 1), (tensor, 1)))


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """The matrix of all products of two vectors' elements."""
    column, row = _of_dims("outer", (input, 1), (vec2, 1))
    return unsqueeze(column, 1) * row


def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2); with a beta of 0 nothing of `input` counts, not even what is no number."""
    product = mm(mat1, mat2)
    product = product if alpha == 1 else product * alpha
    return product if beta == 0 else (input if beta == 1 else input * beta) + product


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """The products of a and b summed over pairs of dims: the last of a with the first of b, or as listed."""
    if isinstance(dims, int):
        left, right = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    else:
        left, right = ([d % x.ndim for d in listed(given)] for given, x in zip(dims, (a, b), strict=True))
    if [a.shape[d] for d in left] != [b.shape[d] for d in right]:
        raise ShapeError(f"tensordot: the dims {left} of {a.shape} and {right} of {b.shape} have different sizes.")
    rows = [d for d in range(a.ndim) if d not in left]
    columns = [d for d in range(b.ndim) if d not in right]
    first, inner, last = [a.shape[d] for d in rows], [a.shape[d] for d in left], [b.shape[d] for d in columns]
    x = reshape(permute(a, rows + left), (count_of(first), count_of(inner)))
    y = reshape(permute(b, right + columns), (count_of(inner), count_of(last)))
    return reshape(matmul(x, y), first + last)


def einsum(equation: Any, *operands: Any) -> Tensor:
    """Products summed as an equation says: "ij,jk->ik" is the matrix product; repeated letters are summed over.

    Operands are contracted from left to right, each pair as one batched matrix product. "..." stands for dims
    that are broadcast. In place of letters the dims may be numbered, in a list behind each operand, and one for the
    result at the end: einsum(x, [0, 1], y, [1, 2], [0, 2]).
    """
    if isinstance(equation, Tensor):
        equation, operands = _lettered((equation, *operands))
    tensors = list(operands[0]) if len(operands) == 1 and not isinstance(operands[0], Tensor) else list(operands)
    terms, out = _letters(equation.replace(" ", ""), tensors)
    sizes: dict[str, int] = {}
    for term, x in zip(terms, tensors, strict=True):
        for letter, n in zip(term, x.shape, strict=True):
            if sizes.setdefault(letter, n) not in (n, 1) and n != 1:
                raise ShapeError(f"einsum {equation!r}: {letter!r} is {sizes[letter]} in one operand and {n} in another.")
            sizes[letter] = max(sizes[letter], n)
    pairs = [_single(x, term) for x, term in zip(tensors, terms, strict=True)]
    x, term = pairs[0]
    for k, (y, other) in enumerate(pairs[1:], 1):
        later = set(out).union(*(t for _, t in pairs[k + 1:]))
        x, term = _contract(x, term, y, other, later, sizes)
    x, term = _without(x, term, set(out))
    return permute(x, [term.index(c) for c in out])


def _lettered(given: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """Operands with lists of numbers behind them as an equation and the operands."""
    terms = ["".join("..." if d is ... else chr(ord("a") + d) for d in numbers) for numbers in given[1::2]]
    out = "->" + "".join("..." if d is ... else chr(ord("a") + d) for d in given[-1]) if len(given) % 2 else ""
    return ",".join(terms) + out, given[:len(given) // 2 * 2:2]


def _letters(equation: str, tensors: list[Tensor]) -> tuple[list[str], str]:
    """Each operand's letters and the result's, with capital letters from Z down for the dims of "..."."""
    left, arrow, out = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(tensors):
        raise ShapeError(f"einsum {equation!r} names {len(terms)} operands and got {len(tensors)}.")
    longest, spelled = "", []
    for term, x in zip(terms, tensors, strict=True):
        more = x.ndim - len(term.replace("...", ""))
        if more < 0 or (more and "..." not in term):
            raise ShapeError(f"einsum {equation!r}: {term!r} does not fit a tensor of shape {x.shape}.")
        dots = "ZYXWVUTS"[:more][::-1]
        longest = max(longest, dots, key=len)
        spelled.append(term.replace("...", dots))
    if not arrow:
        joined = "".join(spelled)
        out = longest + "".join(sorted(c for c in set(joined) if joined.count(c) == 1 and c not in longest))
    return spelled, out.replace("...", longest)


def _single(x: Tensor, term: str) -> tuple[Tensor, str]:
    """An operand with every letter once: a repeated one stands for its diagonal."""
    for letter in term:
        while term.count(letter) > 1:
            first = term.index(letter)
            second = term.index(letter, first + 1)
            x = diagonal(x, 0, first, second)
            term = "".join(c for k, c in enumerate(term) if k not in (first, second)) + letter
    return x, term


def _without(x: Tensor, term: str, kept: set[str]) -> tuple[Tensor, str]:
    """An operand summed over all letters but those to be kept."""
    gone = [k for k, letter in enumerate(term) if letter not in kept]
    return (total(x, gone), "".join(c for c in term if c in kept)) if gone else (x, term)


def _contract(x: Tensor, left: str, y: Tensor, right: str, later: set[str], sizes: dict[str, int]) -> tuple[Tensor, str]:
    """Two operands as one batched product: letters of both that are needed later are the batch, others are summed."""
    x, left = _without(x, left, later.union(right))
    y, right = _without(y, right, later.union(left))
    both = [c for c in left if c in right]
    batch, inner = [c for c in both if c in later], [c for c in both if c not in later]
    rows, columns = [c for c in left if c not in right], [c for c in right if c not in left]
    a = _arranged(x, left, batch, rows, inner, sizes)
    b = _arranged(y, right, batch, inner, columns, sizes)
    result = matmul(a, b)
    return reshape(result, [sizes[c] for c in batch + rows + columns]), "".join(batch + rows + columns)


def _arranged(x: Tensor, term: str, batch: list[str], first: list[str], second: list[str],
              sizes: dict[str, int]) -> Tensor:
    """`x` with its letters in order, as a batch of matrices; dims of size 1 are stretched."""
    letters = batch + first + second
    x = permute(x, [term.index(c) for c in letters])
    full = tuple(sizes[c] for c in letters)
    x = x if x.shape == full else x.expand(full)
    return reshape(x, [*(sizes[c] for c in batch), *(count_of(sizes[c] for c in part) for part in (first, second))])
