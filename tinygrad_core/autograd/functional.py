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


def _filled(grads: Sequence[Tensor | None], inputs: Sequence[Tensor]) -> list[Tensor]:
    """Zeros in place of the gradients of inputs on which nothing depends."""
    return [zeros_like(x) if g is None else g for g, x in zip(grads, inputs, strict=True)]


def _back(values: Sequence[Tensor], single: bool) -> Any:
    return values[0] if single else tuple(values)


def vjp(func: Callable[..., Tensor], inputs: Inputs, v: Tensor | None = None,
        create_graph: bool = False) -> tuple[Tensor, Any]:
    """(func(*inputs), vᵀ J): the product of a vector in the output's shape with the Jacobian; reverse mode."""
    xs, single = _fresh(inputs, create_graph)
    with enable_grad():
        out = func(*xs)
    if not out.requires_grad:
        return out, _back([zeros_like(x) for x in xs], single)
    grads = grad(out, xs, v, create_graph=create_graph, allow_unused=True)
    return (out if create_graph else out.detach()), _back(_filled(grads, xs), single)


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
        if not out.requires_grad:
            return out, zeros_like(out)
        u = zeros_like(out, requires_grad=True)
        pulled = _filled(grad(out, xs, u, create_graph=True, allow_unused=True), xs)
        along = [(p * t).sum() for p, t in zip(pulled, vs, strict=True)]
        total = along[0]
        for term in along[1:]:
            total = total + term
        if not total.requires_grad:
            return out.detach(), zeros_like(out)
        moved, = grad(total, u, create_graph=create_graph, allow_unused=True)
    return (out if create_graph else out.detach()), zeros_like(out) if moved is None else moved


def jacobian(func: Callable[..., Any], inputs: Inputs, create_graph: bool = False) -> Any:
    """The Jacobian of func's output for each input: of shape (*output, *input), one backward pass a row.

    Where `func` returns several tensors, a tuple of what each of them alone would give.
    """
    xs, single = _fresh(inputs, create_graph)
    with enable_grad():
        out = func(*xs)
        if isinstance(out, tuple):
            return tuple(_back(_rows(o, xs, create_graph), single) for o in out)
        return _back(_rows(out, xs, create_graph), single)


def _rows(out: Tensor, xs: list[Tensor], create_graph: bool) -> list[Tensor]:
    """The Jacobian of one output for each input."""
    flat = out.reshape(-1)
    if not flat.shape[0] or not flat.requires_grad:
        return [zeros((*out.shape, *x.shape), dtype=x.dtype, device=x.device) for x in xs]
    rows = [_filled(grad(flat[k], xs, retain_graph=True, create_graph=create_graph, allow_unused=True), xs)
            for k in range(flat.shape[0])]
    return [stack(column).reshape(*out.shape, *x.shape) for column, x in zip(zip(*rows), xs, strict=True)]


def hessian(func: Callable[..., Tensor], inputs: Inputs, create_graph: bool = False) -> Any:
    """The matrix of second derivatives of a scalar function; for several inputs a tuple of rows of blocks."""
    xs, single = _fresh(inputs, create_graph)

    def gradient_of(k: int) -> Callable[..., Tensor]:
        def gradient(*ys: Tensor) -> Tensor:
            out = func(*ys)
            return _filled(grad(out, ys, create_graph=True, allow_unused=True), ys)[k]
        return gradient

    blocks = [jacobian(gradient_of(k), tuple(xs), create_graph) for k in range(len(xs))]
    return blocks[0][0] if single else tuple(blocks)


def hvp(func: Callable[..., Tensor], inputs: Inputs, v: Inputs | None = None,
        create_graph: bool = False) -> tuple[Tensor, Any]:
    """(func(*inputs), H v): the product of the Hessian with a vector, at the price of two backward passes."""
    xs, single = _fresh(inputs, create_graph)
    vs = [zeros_like(x) + 1 for x in xs] if v is None else [v] if isinstance(v, Tensor) else list(v)
    with enable_grad():
        out = func(*xs)
        first = _filled(grad(out, xs, create_graph=True, allow_unused=True), xs)
        total = sum(((g * t).sum() for g, t in zip(first, vs, strict=True)), zeros_like(out))
    value = out if create_graph else out.detach()
    if not total.requires_grad:
        return value, _back([zeros_like(x) for x in xs], single)
    return value, _back(_filled(grad(total, xs, create_graph=create_graph, allow_unused=True), xs), single)


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
