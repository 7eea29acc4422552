"""Functions of functions: products with the Jacobian from either side, whole Jacobians and Hessians, vmap."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import ShapeError
from ..functions import stack, zeros, zeros_like
from ..tensor import Tensor
from .engine import grad
from .switches import enable_grad

Inputs = Tensor | Sequence[Tensor]


def _fresh(inputs: Inputs, create_graph: bool) -> tuple[list[Tensor], bool]:
    """The inputs as a list, in a graph of their own unless the results shall stay differentiable."""
    single = isinstance(inputs, Tensor)
    given = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    if create_graph:
        return [x if x.requires_grad else x.detach().requires_grad_() for x in given], single
    return [x.detach().requires_grad_() for x in given], single


def _back(values: Sequence[Tensor], single: bool) -> Any:
    return values[0] if single else tuple(values)


def _gradients(out: Tensor, inputs: Sequence[Tensor], seed: Tensor | None = None, create_graph: bool = False,
               retain_graph: bool | None = None) -> list[Tensor]:
    """The gradients of `out`; zeros for inputs on which it does not depend."""
    found: Sequence[Tensor | None] = [None] * len(inputs)
    if out.requires_grad:
        found = grad(out, inputs, seed, retain_graph, create_graph, allow_unused=True)
    return [zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True)]


def _dot(values: Sequence[Tensor], direction: Inputs) -> Any:
    """The sum of the products of all elements."""
    vs = [direction] if isinstance(direction, Tensor) else direction
    return sum((x * v).sum() for x, v in zip(values, vs, strict=True))


def vjp(func: Callable[..., Tensor], inputs: Inputs, v: Tensor | None = None,
        create_graph: bool = False) -> tuple[Tensor, Any]:
    """(func(*inputs), vᵀ J): the product of a vector in the output's shape with the Jacobian; reverse mode."""
    xs, single = _fresh(inputs, create_graph)
    with enable_grad():
        out = func(*xs)
    pulled = _gradients(out, xs, v, create_graph)
    return (out if create_graph else out.detach()), _back(pulled, single)


def jvp(func: Callable[..., Tensor], inputs: Inputs, v: Inputs | None = None,
        create_graph: bool = False) -> tuple[Tensor, Tensor]:
    """(func(*inputs), J v): how the output moves when the inputs move along v.

    The reverse rules serve forward mode too: uᵀ J is linear in u, and the gradient of (uᵀ J) v with respect to u
    is J v. So one pass gives uᵀ J as graph, and a second one differentiates it.
    """
    xs, _ = _fresh(inputs, create_graph)
    vs = [v] if isinstance(v, Tensor) else list(v) if v is not None else [zeros_like(x) + 1 for x in xs]
    for x, t in zip(xs, vs, strict=True):
        if x.shape != t.shape:
            raise ShapeError(f"jvp: an input has shape {x.shape} and its direction {t.shape}; they must be equal")
    with enable_grad():
        out = func(*xs)
        u = zeros_like(out, requires_grad=True)
        moved, = _gradients(_dot(_gradients(out, xs, u, True), vs), [u], None, create_graph)
    return (out if create_graph else out.detach()), moved


def rows_of(out: Tensor, inputs: Sequence[Tensor], create_graph: bool = False) -> list[list[Tensor]]:
    """The gradients of each element of `out` with respect to each input, one backward pass a row."""
    flat = out.reshape(-1)
    return [_gradients(flat[k], inputs, None, create_graph, True) for k in range(flat.shape[0])]


def jacobian(func: Callable[..., Any], inputs: Inputs, create_graph: bool = False) -> Any:
    """The Jacobian of func's output for each input: of shape (*output, *input), one backward pass a row.

    Where `func` returns several tensors, a tuple of what each of them alone would give.
    """
    xs, single = _fresh(inputs, create_graph)
    with enable_grad():
        out = func(*xs)
        if isinstance(out, tuple):
            return tuple(_back(_blocks(o, xs, create_graph), single) for o in out)
        return _back(_blocks(out, xs, create_graph), single)


def _blocks(out: Tensor, xs: list[Tensor], create_graph: bool) -> list[Tensor]:
    """The Jacobian of one output for each input."""
    rows = rows_of(out, xs, create_graph)
    return [stack([row[k] for row in rows]).reshape(*out.shape, *x.shape) if rows else
            zeros((*out.shape, *x.shape), dtype=x.dtype, device=x.device) for k, x in enumerate(xs)]


def hessian(func: Callable[..., Tensor], inputs: Inputs, create_graph: bool = False) -> Any:
    """The matrix of second derivatives of a scalar function; for several inputs a tuple of rows of blocks."""
    xs, single = _fresh(inputs, create_graph)
    blocks = [jacobian(lambda *ys, k=k: _gradients(func(*ys), ys, None, True)[k], tuple(xs), create_graph)
              for k in range(len(xs))]
    return blocks[0][0] if single else tuple(blocks)


def hvp(func: Callable[..., Tensor], inputs: Inputs, v: Inputs | None = None,
        create_graph: bool = False) -> tuple[Tensor, Any]:
    """(func(*inputs), H v): the product of the Hessian with a vector, at the price of two backward passes."""
    xs, single = _fresh(inputs, create_graph)
    with enable_grad():
        out = func(*xs)
        slope = _dot(_gradients(out, xs, None, True), [zeros_like(x) + 1 for x in xs] if v is None else v)
    return (out if create_graph else out.detach()), _back(_gradients(slope, xs, None, create_graph), single)


def vhp(func: Callable[..., Tensor], inputs: Inputs, v: Inputs | None = None,
        create_graph: bool = False) -> tuple[Tensor, Any]:
    """(func(*inputs), vᵀ H), which is H v: a Hessian is the same from both sides."""
    return hvp(func, inputs, v, create_graph)


def vmap(func: Callable[..., Any], in_dims: int | Sequence[int | None] | None = 0,
         out_dims: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """`func` of one sample as a function of a batch: it is called for each sample and the results are stacked.

    The values and gradients are those of PyTorch's `vmap`; the speed is that of the loop. One pass over the whole
    batch would take a batching rule for each primitive beside its gradient rule.

    Args:
        func: a function of tensors that returns a tensor or a tuple of them.
        in_dims: the batch's dim in each argument, None for one that is the same for all samples.
        out_dims: the batch's dim in the result, or in each of several.
    """
    def batched(*args: Any) -> Any:
        dims = [in_dims] * len(args) if in_dims is None or isinstance(in_dims, int) else list(in_dims)
        if len(dims) != len(args):
            raise ShapeError(f"vmap has in_dims for {len(dims)} arguments and got {len(args)}")
        sizes = {a.shape[d] for a, d in zip(args, dims, strict=True) if d is not None}
        if len(sizes) != 1:
            raise ShapeError(f"vmap: the batched arguments must have one size along their batch dim, got {sorted(sizes)}")
        results = [func(*(a if d is None else a[(slice(None),) * (d % a.ndim) + (k,)]
                          for a, d in zip(args, dims, strict=True))) for k in range(sizes.pop())]
        if not results:
            raise ShapeError("vmap of a batch of no samples: nothing tells the shape of its results.")
        if not isinstance(results[0], tuple):
            return stack(results, out_dims if isinstance(out_dims, int) else out_dims[0])
        columns = list(zip(*results, strict=True))
        places = [out_dims] * len(columns) if isinstance(out_dims, int) else list(out_dims)
        return tuple(stack(column, d) for column, d in zip(columns, places, strict=True))

    return batched
