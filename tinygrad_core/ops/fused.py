"""Formulas that models spend their time in, computed in one go: each has a fast array rule and the formula it equals.

The formula is what graph is made of: for gradients of gradients it is run on tensors and differentiated. It is
looked up by name in `formulas`, where functions of tensors live.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .core import primitive


def _formula(name: str) -> Callable[..., Any]:
    """The function of tensors called `name`, found when it is first needed: it stands above this table."""
    def late(*inputs: Any, **attrs: Any) -> Any:
        from .. import formulas
        return getattr(formulas, name)(*inputs, **attrs)
    return late


# ---- linear: y = x Wᵀ + b
def _linear(xp: Any, x: Any, weight: Any, bias: Any) -> Any:
    flat = x if x.ndim == 2 else x.reshape(-1, x.shape[-1])
    out = xp.dot(flat, weight.T)
    if bias is not None:
        out += bias
    return out if x.ndim == 2 else out.reshape(x.shape[:-1] + weight.shape[:1])


def _linear_backward(xp: Any, g: Any, needs: Any, x: Any, weight: Any) -> Any:
    flat = g if g.ndim == 2 else g.reshape(-1, g.shape[-1])
    rows = x if x.ndim == 2 else x.reshape(-1, x.shape[-1])
    return (xp.dot(flat, weight).reshape(x.shape) if needs[0] else None,
            xp.dot(flat.T, rows) if needs[1] else None,
            xp.add.reduce(flat, 0) if needs[2] else None)


primitive("linear", _linear, backward=_linear_backward, formula=_formula("linear"),
          notation={"out": "{x} {weight}ᵀ + {bias}", "x": "{g} {weight}", "weight": "{g}ᵀ {x}", "bias": "Σ {g}"})


# ---- softmax and its logarithm along one dim
def _softmax(xp: Any, x: Any, *, dim: int) -> Any:
    out = x - x.max(dim, keepdims=True)
    xp.exp(out, out=out)
    out /= out.sum(dim, keepdims=True)
    return out


primitive("softmax", _softmax, x=lambda F, g, out, dim: out * (g - F.sum(g * out, dim=(dim,), keepdim=True)),
          notation={"out": "softmax {x}", "x": "{out} · ({g} − Σ {g} · {out})"})


def _log_softmax(xp: Any, x: Any, *, dim: int) -> Any:
    out = x - x.max(dim, keepdims=True)
    out -= xp.log(xp.exp(out).sum(dim, keepdims=True))
    return out


primitive("log_softmax", _log_softmax, label="log softmax",
          x=lambda F, g, out, dim: g - F.exp(out) * F.sum(g, dim=(dim,), keepdim=True),
          notation={"out": "log softmax {x}", "x": "{g} − exp({out}) · Σ {g}"})


# ---- cross-entropy of logits (rows) against class indices, averaged over the rows
def _cross_entropy(xp: Any, x: Any, target: Any) -> Any:
    rows = xp.arange(len(target))
    p = x - x.max(1, keepdims=True)
    picked = p[rows, target]
    xp.exp(p, out=p)
    total = p.sum(1)
    loss = (xp.log(total).sum() - picked.sum()) / x.dtype.type(len(target))
    p /= total[:, None]
    return loss, p


def _cross_entropy_backward(xp: Any, g: Any, needs: Any, target: Any, p: Any) -> Any:
    """The gradient of the logits is (softmax - one-hot) / N."""
    scale = g / p.dtype.type(len(target))
    d = p * scale
    d[xp.arange(len(target)), target] -= scale
    return d, None


primitive("cross_entropy", _cross_entropy, aux=("p",), label="cross-entropy", backward=_cross_entropy_backward,
          formula=_formula("cross_entropy"),
          notation={"out": "−mean log softmax({x})[{target}]", "x": "{g} · (softmax({x}) − one-hot({target})) / N"})
