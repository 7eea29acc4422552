"""Lowering: fused operations, and their gradients, written out as the formulas that they equal, for back ends that fuse."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd import enable_grad
from ..dispatch import recorded as F
from ..node import Leaf
from ..ops import OPS
from ..symbol import Symbol
from ..tensor import Tensor, wrap
from .graph import Operation, fill
from .program import Program, Rewriter


def lower(program: Program) -> Program:
    """The program with every fused operation as operations that are not.

    Formulas may hold fused operations themselves, so this is done until nothing changes. What a gradient's formula
    computes a second time is the same computation on the same inputs: the pass that merges equal operations makes it
    one again.
    """
    for _ in range(4):
        bound = _bound(program)
        if any([o not in bound and _can_be_written_out(o) for o in program.operations]):
            program = _lowered(program, bound)
    return program


def _bound(program: Program) -> set[Operation]:
    """Operations with a by-product that is read by something else than a gradient that will be written out as well."""
    by_products = {x: o for o in program.operations if o.does and o.op.aux
                   for x in o.results[len(o.results) - len(o.op.aux):]}
    bound = {by_products[x] for x in program.results if x in by_products}
    for o in program.operations:
        if not _can_be_written_out(o) or "needs" not in o.attrs:
            bound |= {by_products[x] for x in o.sources if x in by_products}
    return bound


def _lowered(program: Program, bound: set[Operation]) -> Program:
    r = Rewriter(program.graph.name)
    for x in program.inputs:
        r.input(x)
    with r.graph, enable_grad():
        for o in program.graph.operations:
            if o.kind in ("placeholder", "variable"):
                continue
            if o.kind == "constant" or o in bound or not _can_be_written_out(o):
                r.keep(o)
                continue
            for old, new in zip(o.results, _written_out(r, o), strict=False):
                if old is not None and new is not None:
                    r.new[old] = new.array
    return r.program(program)


def _can_be_written_out(o: Operation) -> bool:
    """Whether there is a formula for it."""
    if o.does in PLAIN:
        return not PLAIN[o.does](o)
    return o.does in FORMULAS or o.op.formula is not None


def _is_plain_product(o: Operation) -> bool:
    x, y = o.sources[0], o.sources[-1]
    return x.ndim > 1 and y.ndim > 1 and not (x.ndim > 2 and y.ndim == 2)


def _keeps_dims(o: Operation) -> bool:
    return bool(o.attrs["keepdim"]) and isinstance(o.attrs["dim"], tuple) and min(o.attrs["dim"]) >= 0


# Operations that stay as they are in the form that fuses, and how that is told.
PLAIN: dict[str, Callable[[Operation], bool]] = {"matmul": _is_plain_product, "sum": _keeps_dims, "amax": _keeps_dims}


def _written_out(r: Rewriter, o: Operation) -> tuple[Any, ...]:
    first = len(r.graph.operations)
    # By-products have no symbol any more; only gradients read them, and their formulas do without.
    inputs = tuple([wrap(r.new[x]) if isinstance(x, Symbol) and x in r.new else None if isinstance(x, Symbol) else x
                    for x in o.inputs])
    attrs = fill(o.attrs, tuple([t.array if isinstance(t, Tensor) else t for t in inputs]))
    inputs = inputs[:o.operands]
    if "needs" in attrs:
        for t in inputs:                        # gradients are taken with respect to leaves
            if isinstance(t, Tensor) and t.dtype.kind == "f":
                t.node = Leaf()
    out = (FORMULAS.get(o.does) or o.op.formula)(*inputs, **attrs)
    for made in r.graph.operations[first:]:     # what an operation becomes still comes from the learner's line
        made.where, made.module = o.where, o.module
    return out if isinstance(out, tuple) else (out,)


# What operations of the table that are no fusions are made of, where simpler ones fuse better.
FORMULAS: dict[str, Callable[..., Any]] = {}


def formula(function: Callable[..., Any]) -> Callable[..., Any]:
    """Enter what the operation of this name is made of."""
    FORMULAS[function.__name__.rstrip("_")] = function
    return function


def _total(x: Tensor, dim: tuple[int, ...]) -> Tensor:
    return F.sum(x, dim=dim, keepdim=True)


@formula
def softmax(x: Tensor, *, dim: int) -> Tensor:
    """exp(x - max) over its sum."""
    e = F.exp(x - F.amax(x, dim=(dim,), keepdim=True))
    return e / _total(e, (dim,))


@formula
def log_softmax(x: Tensor, *, dim: int) -> Tensor:
    """x - max, less the logarithm of the sum of its exponentials."""
    d = x - F.amax(x, dim=(dim,), keepdim=True)
    return d - F.log(_total(F.exp(d), (dim,)))


@formula
def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x Wᵀ + b, as one product of matrices."""
    rows = x if x.ndim == 2 else F.reshape(x, shape=(-1, x.shape[-1]))
    out = F.matmul(rows, F.permute(weight, dims=(1, 0)))
    out = out if bias is None else out + bias
    return out if x.ndim == 2 else F.reshape(out, shape=(*x.shape[:-1], weight.shape[0]))


@formula
def matmul(x: Tensor, y: Tensor) -> Tensor:
    """A stack of matrices times one matrix is one product; a vector is a matrix of one row or column."""
    if x.ndim == 1 or y.ndim == 1:
        rows = F.reshape(x, shape=(1, -1)) if x.ndim == 1 else x
        columns = F.reshape(y, shape=(-1, 1)) if y.ndim == 1 else y
        out = matmul(rows, columns)
        shape = (*out.shape[:-2], *out.shape[-2:-1][:x.ndim > 1], *out.shape[-1:][:y.ndim > 1])
        return F.reshape(out, shape=shape)
    if x.ndim > 2 and y.ndim == 2:
        return F.reshape(_product(F.reshape(x, shape=(-1, x.shape[-1])), y), shape=(*x.shape[:-1], y.shape[1]))
    return _product(x, y)


def _product(x: Tensor, y: Tensor) -> Tensor:
    graph = x.array.operation.graph
    return wrap(graph.add(OPS["matmul"], (x.array, y.array), {})[0])


@formula
def sum_(x: Tensor, *, dim: Any, keepdim: bool) -> Tensor:
    """Sums keep their dims; a reshape takes them away."""
    return _reduced("sum", x, dim, keepdim)


@formula
def amax(x: Tensor, *, dim: Any, keepdim: bool) -> Tensor:
    """Maxima keep their dims; a reshape takes them away."""
    return _reduced("amax", x, dim, keepdim)


def _reduced(name: str, x: Tensor, dim: Any, keepdim: bool) -> Tensor:
    axes = tuple(range(x.ndim)) if dim is None else tuple(sorted(d % x.ndim for d in dim)) if x.ndim else ()
    if not axes:
        return x
    graph = x.array.operation.graph
    out = wrap(graph.add(OPS[name], (x.array,), {"dim": axes, "keepdim": True})[0])
    if keepdim:
        return out
    return F.reshape(out, shape=tuple(n for k, n in enumerate(x.shape) if k not in axes))


@formula
def split(x: Tensor, *, stops: tuple[int, ...], dim: int) -> tuple[Tensor, ...]:
    """Each piece is a slice."""
    return tuple([F.getitem(x, index=((slice(None),) * dim + (slice(start, stop),)))
                  for start, stop in zip((0, *stops), stops)])


@formula
def sum_to(x: Tensor, *, shape: tuple[int, ...]) -> Tensor:
    """The sum over the dims that stretching had added or widened."""
    if x.shape == shape:
        return x
    extra = x.ndim - len(shape)
    axes = (*range(extra), *(extra + k for k, n in enumerate(shape) if n == 1 != x.shape[extra + k]))
    return F.reshape(_reduced("sum", x, axes, True), shape=shape)


@formula
def sigmoid(x: Tensor) -> Tensor:
    """(1 + tanh(x/2)) / 2."""
    return F.tanh(x * 0.5) * 0.5 + 0.5


@formula
def leaky_relu(x: Tensor, *, slope: float) -> Tensor:
    """x above 0, x * slope below."""
    return F.where(x > 0, x, x * slope)


@formula
def hardtanh(x: Tensor, *, low: float, high: float) -> Tensor:
    """x between the limits, the limits beyond."""
    return F.where(x >= high, high, F.where(x <= low, low, x))


@formula
def elu(x: Tensor, *, alpha: float, scale: float, rate: float) -> Tensor:
    """scale x above 0, scale alpha (exp(rate x) - 1) below."""
    return F.where(x > 0, x * scale, F.expm1(F.where(x > 0, 0.0, x) * rate) * (alpha * scale))


@formula
def softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x)), without overflow."""
    return F.log1p(F.exp(-F.abs(x))) + F.relu(x)


@formula
def huber(x: Tensor, *, delta: float) -> Tensor:
    """c (|x| - c/2), where c is |x| but at most delta."""
    size = F.abs(x)
    near = F.minimum(size, delta)
    return near * (size - near * 0.5)
