"""Functions of functions: products with the Jacobian from either side, whole Jacobians and Hessians, vmap."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import ShapeError
from ..functions import stack, zeros_like
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


def jacobian(func: Callable[..., Tensor], inputs: Inputs, create_graph: bool = False) -> Any:
    """The Jacobian of func's output for each input: of shape (*output, *input), one backward pass a row."""
    xs, single = _fresh(inputs, create_graph)
    with enable_grad():
        out = func(*xs)
        flat = out.reshape(-1)
        rows: list[list[Tensor]] = [[] for _ in xs]
        for k in range(flat.shape[0]):
            found: Sequence[Tensor | None] = [None] * len(xs)
            if flat.requires_grad:
                found = grad(flat[k], xs, retain_graph=True, create_graph=create_graph, allow_unused=True)
            for row, g in zip(rows, _filled(found, xs), strict=True):
                row.append(g)
    return _back([stack(row).reshape(*out.shape, *x.shape) for row, x in zip(rows, xs, strict=True)], single)


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


def hvp(func: Callable[..., Tensor], inputs: Inputs, v: Inputs) -> tuple[Tensor, Any]:
    """(func(*inputs), H v): the product of the Hessian with a vector, at the price of two backward passes."""
    xs, single = _fresh(inputs, False)
    vs = [v] if isinstance(v, Tensor) else list(v)
    with enable_grad():
        out = func(*xs)
        first = _filled(grad(out, xs, create_graph=True, allow_unused=True), xs)
        total = sum(((g * t).sum() for g, t in zip(first, vs, strict=True)), zeros_like(out))
    if not total.requires_grad:
        return out.detach(), _back([zeros_like(x) for x in xs], single)
    return out.detach(), _back(_filled(grad(total, xs, allow_unused=True), xs), single)


def vmap(func: Callable[..., Any], in_dims: int | Sequence[int | None] | None = 0,
         out_dims: int = 0) -> Callable[..., Any]:
    """`func` of one sample as a function of a batch: it is called for each sample and the results are stacked.

    The values and gradients are those of PyTorch's `vmap`; the speed is that of the loop. One pass over the whole
    batch would take a batching rule for each primitive beside its gradient rule.
    """
    def batched(*args: Any) -> Any:
        dims = [in_dims] * len(args) if in_dims is None or isinstance(in_dims, int) else list(in_dims)
        sizes = {a.shape[d] for a, d in zip(args, dims, strict=True) if d is not None}
        if len(sizes) != 1:
            raise ShapeError(f"vmap: the batched arguments must have one size along their batch dim, got {sorted(sizes)}")
        results = [func(*(a if d is None else a[(slice(None),) * (d % a.ndim) + (k,)]
                          for a, d in zip(args, dims, strict=True))) for k in range(sizes.pop())]
        if isinstance(results[0], tuple):
            return tuple(stack(column, out_dims) for column in zip(*results, strict=True))
        return stack(results, out_dims)

    return batched
