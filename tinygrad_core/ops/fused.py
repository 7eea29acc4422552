"""Formulas that models spend their time in, computed in one go: each has a fast array rule and the formula it equals.

The formula is what graph is made of: for gradients of gradients it is run on tensors and differentiated. It stands
in `formulas`, with the functions of tensors.
"""
from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..products import column_sums, matmul, row_sums, total
from .core import arrays, primitive
from .elementwise import erf


# ---- linear: y = x Wᵀ + b
def _linear(xp: Any, x: Any, weight: Any, bias: Any) -> Any:
    if x.ndim != 2:
        return _linear(xp, x.reshape(-1, x.shape[-1]), weight, bias).reshape(x.shape[:-1] + weight.shape[:1])
    out = matmul(xp, x, weight.T)
    if bias is not None:
        out += bias
    return out


def _rows(F: Any, x: Any) -> Any:
    """All leading dims made into one: then a product is one call, whatever the batch's shape."""
    return x if x.ndim == 2 else F.reshape(x, shape=(-1, x.shape[-1]))


def _linear_x(F: Any, g: Any, x: Any, weight: Any) -> Any:
    d = F.matmul(_rows(F, g), weight)
    return d if x.ndim == 2 else F.reshape(d, shape=x.shape)


def _linear_weight(F: Any, g: Any, x: Any) -> Any:
    return F.matmul(F.permute(_rows(F, g), dims=(1, 0)), _rows(F, x))


def _linear_backward(xp: Any, g: Any, needs: Any, x: Any, weight: Any) -> Any:
    if x.ndim != 2:
        dx, *others = _linear_backward(xp, g.reshape(-1, g.shape[-1]), needs, x.reshape(-1, x.shape[-1]), weight)
        return None if dx is None else dx.reshape(x.shape), *others
    return (matmul(xp, g, weight) if needs[0] else None, matmul(xp, g.T, x) if needs[1] else None,
            column_sums(xp, g) if needs[2] else None)


primitive("linear", _linear, backward=_linear_backward, x=_linear_x, weight=_linear_weight,
          bias=lambda F, g, weight: F.sum_to(g, shape=weight.shape[:1]),
          notation={"out": "{x} {weight}ᵀ + {bias}", "x": "{g} {weight}", "weight": "{g}ᵀ {x}", "bias": "Σ {g}"})


# ---- softmax and its logarithm along one dim
def _total(xp: Any, x: Any, dim: int) -> Any:
    """The sum along a dim, which is kept."""
    return row_sums(xp, x) if dim in (-1, x.ndim - 1) else xp.add.reduce(x, dim, keepdims=True)


def _softmax(xp: Any, x: Any, *, dim: int) -> Any:
    out = x - x.max(dim, keepdims=True)
    xp.exp(out, out=out)
    out /= _total(xp, out, dim)
    return out


def _softmax_backward(xp: Any, g: Any, needs: Any, out: Any, dim: int) -> Any:
    d = g * out
    d -= out * _total(xp, d, dim)
    return (d,)


primitive("softmax", _softmax, backward=_softmax_backward,
          x=lambda F, g, out, dim: out * (g - F.sum(g * out, dim=(dim,), keepdim=True)),
          notation={"out": "softmax {x}", "x": "{out} · ({g} − Σ {g} · {out})"})


def _log_softmax(xp: Any, x: Any, *, dim: int) -> Any:
    out = x - x.max(dim, keepdims=True)
    out -= xp.log(_total(xp, xp.exp(out), dim))
    return out


def _log_softmax_backward(xp: Any, g: Any, needs: Any, out: Any, dim: int) -> Any:
    d = xp.exp(out)
    d *= _total(xp, g, dim)
    return (xp.subtract(g, d, out=d),)


primitive("log_softmax", _log_softmax, label="log softmax", backward=_log_softmax_backward,
          x=lambda F, g, out, dim: g - F.exp(out) * F.sum(g, dim=(dim,), keepdim=True),
          notation={"out": "log softmax {x}", "x": "{g} − exp({out}) · Σ {g}"})


# ---- cross-entropy of logits (N, C, *) against class indices (N, *), averaged over these
def highest(labels: Any) -> int:
    """The highest label, where a negative one counts as very high: read without a sign, it is."""
    labels = labels.view(_UNSIGNED[labels.itemsize]).reshape(-1)
    return int(labels[labels.argmax()])         # which NumPy finds faster than `max`


_UNSIGNED = {1: "u1", 2: "u2", 4: "u4", 8: "u8"}


def _counted(target: Any, classes: int, ignore: int) -> Any:
    """Which labels count, or None where all do; complains about one that is neither a class nor to be ignored."""
    if target.size and highest(target) < classes and not 0 <= ignore < classes:
        return None
    counted = target != ignore
    wrong = counted & ((target < 0) | (target >= classes))
    if wrong.any():
        raise IndexError(f"the label {int(target[wrong][0])} is out of range: with {classes} classes labels run from 0 to "
                         f"{classes - 1}, and {ignore} is ignored")
    return counted.reshape(-1)


def _cross_entropy(xp: Any, x: Any, target: Any, *, ignore: int | None) -> Any:
    """The mean loss, and the slope of the losses' mean times N: softmax - one-hot. Without `ignore` all labels are classes.

    A few classes are laid out one after the other: NumPy computes along long rows, and spends its time between short ones.
    """
    n, c = target.size, x.shape[1]
    counted, labels = None if ignore is None else _counted(target, c, ignore), target.reshape(-1)
    if x.ndim == 2:
        slope = x.copy("C" if c > _MANY else "F")
        p = slope.T
    else:
        slope = x.swapaxes(0, 1).copy().swapaxes(0, 1)
        p = slope.swapaxes(0, 1).reshape(c, n)
    p -= p.max(0)
    right = labels if counted is None else xp.where(counted, labels, 0), xp.arange(n)
    losses = -p[right]
    xp.exp(p, out=p)
    sums = column_sums(xp, p)
    p /= sums
    losses += xp.log(sums)
    p[right] = xp.expm1(-losses)                # e^-loss is the right class's share
    if counted is None:
        return total(xp, losses) / n, slope
    count = counted.sum().astype(x.dtype)
    some = xp.maximum(count, 1)
    p[...] = xp.where(counted, p * (n / some), 0)
    return xp.where(count > 0, total(xp, xp.where(counted, losses, 0)) / some, xp.nan), slope


_MANY = 100


def _cross_entropy_backward(xp: Any, g: Any, needs: Any, target: Any, slope: Any) -> Any:
    return slope * (g / target.size), None


primitive("cross_entropy", _cross_entropy, aux=("slope",), label="cross-entropy", backward=_cross_entropy_backward,
          notation={"out": "−mean log softmax({x})[{target}]", "x": "{g} · (softmax({x}) − one-hot({target})) / N"})


# ---- layer normalisation over the last dim: y = (x - mean) / sqrt(var + eps) * weight + bias
def _dots(xp: Any, x: Any, y: Any) -> Any:
    """The sums over the last dim of x * y, without the product in memory."""
    return xp.einsum("...i,...i->...", x, y)[..., None]


def _layer_norm(xp: Any, x: Any, weight: Any, bias: Any, *, eps: float) -> Any:
    n = x.shape[-1]
    unit = x - _total(xp, x, -1) / n
    scale = (_dots(xp, unit, unit) / n + eps) ** -0.5
    unit *= scale
    out = unit if weight is None else unit * weight
    if bias is not None:
        out = out + bias if weight is None else xp.add(out, bias, out=out)
    return out, unit, scale


def _layer_norm_backward(xp: Any, g: Any, needs: Any, weight: Any, unit: Any, scale: Any) -> Any:
    """With u the normalised x: dx = (d - mean d - u mean(d u)) / std, where d = g * weight. (Ba et al. 2016)"""
    n = g.shape[-1]
    dx = dweight = None
    if needs[0]:
        d = g if weight is None else g * weight
        dx = unit * (_dots(xp, d, unit) / -n)
        dx += d
        dx -= _total(xp, d, -1) / n
        dx *= scale
    rows = g.reshape(-1, n)
    if needs[1]:
        dweight = xp.einsum("ij,ij->j", rows, unit.reshape(-1, n))
    return dx, dweight, column_sums(xp, rows) if needs[2] else None


_NORMALISED = {"out": "normalise({x}) · {weight} + {bias}", "weight": "Σ {g} · normalise({x})", "bias": "Σ {g}",
               "x": "(d − mean d − u · mean(d · u)) / σ, d = {g} · {weight}, u = normalise({x})"}
primitive("layer_norm", _layer_norm, aux=("unit", "scale"), label="layer norm", backward=_layer_norm_backward,
          notation=_NORMALISED)


# ---- normalisation of channels: x (N, C, S) over S and a group of channels, or over S and the batch
def _pooled(rows: Any, groups: int) -> Any:
    """Means of numbers (N, C) over each sample's groups of channels, or with 0 groups over the batch, again as (N, C)."""
    n, c = rows.shape
    if not groups:
        return rows.mean(0, keepdims=True)
    return rows.reshape(n, groups, c // groups).mean(2).repeat(c // groups, 1)


def _channel_norm(xp: Any, x: Any, weight: Any, bias: Any, *, groups: int, eps: float) -> Any:
    """(x - mean) / sqrt(var + eps) * weight + bias, one weight and bias for each channel; and mean and variance."""
    size = x.shape[2]
    mean = _pooled(_total(xp, x, 2)[..., 0] / size, groups)
    centred = x - mean[..., None]
    var = _pooled(_dots(xp, centred, centred)[..., 0] / size, groups)
    scale = (var + eps) ** -0.5
    out = centred * (scale if weight is None else scale * weight)[..., None]
    if bias is not None:
        out += bias[:, None]
    return (out, mean, var), centred, scale


def _channel_norm_backward(xp: Any, g: Any, needs: Any, weight: Any, centred: Any, scale: Any, groups: int) -> Any:
    """As for layer normalisation; but for three passes over g and x it computes with one number for each channel."""
    g, g_mean, g_var = (xp.zeros(centred.shape, centred.dtype) if g[0] is None else g[0]), g[1], g[2]
    n, _, size = centred.shape
    totals, dots = _total(xp, g, 2)[..., 0], _dots(xp, g, centred)[..., 0] * scale
    dx = None
    if needs[0]:
        factor = 1 if weight is None else weight
        along = -_pooled(dots * factor, groups) * scale * scale
        along = along if g_var is None else along + 2 * (_pooled(g_var, groups) if groups else g_var / n)
        level = -_pooled(totals * factor, groups) * scale
        level = level if g_mean is None else level + (_pooled(g_mean, groups) if groups else g_mean / n)
        dx = centred * (along / size)[..., None]
        dx += g * (factor * scale)[..., None]
        dx += (level / size)[..., None]
    return dx, dots.sum(0) if needs[1] else None, totals.sum(0) if needs[2] else None


primitive("channel_norm", _channel_norm, aux=("centred", "scale"), label="norm", several=True,
          backward=_channel_norm_backward, notation=_NORMALISED)


# ---- GELU: x Φ(x), Φ the normal distribution function (Hendrycks and Gimpel 2016)
def _gelu(xp: Any, x: Any) -> Any:
    cdf = erf(xp, x * math.sqrt(0.5))
    cdf += 1
    cdf *= 0.5
    return x * cdf, cdf


def _gelu_backward(xp: Any, g: Any, needs: Any, x: Any, cdf: Any) -> Any:
    """g (Φ + x φ), φ = exp(-x²/2) / √(2π) the normal density."""
    d = x * x
    d *= -0.5
    xp.exp(d, out=d)
    d *= 1 / math.sqrt(2 * math.pi)
    d *= x
    d += cdf
    d *= g
    return (d,)


primitive("gelu", _gelu, aux=("cdf",), backward=_gelu_backward,
          notation={"out": "{x} · Φ({x})", "x": "{g} · (Φ({x}) + {x} · φ({x}))"})


# ---- GELU by tanh: x/2 (1 + t), t = tanh(u), u = √(2/π) (x + 0.044715 x³)
_GELU_SCALE, _GELU_CUBE = 0.7978845608028654, 0.044715
_BLOCK = 1 << 16        # elements; what is computed on the way then stays in the cache, and takes no memory to speak of


def _blocks(xp: Any, *arrays: Any) -> Iterator[Any]:
    """Arrays of one shape, cut into blocks for formulas of many passes; whole where that cannot be, and for GPUs."""
    if xp is not np or arrays[0].size <= _BLOCK or not all([a.flags.c_contiguous for a in arrays]):
        return iter((arrays,))
    flat = [a.reshape(-1) for a in arrays]
    return zip(*[[a[i:i + _BLOCK] for i in range(0, a.size, _BLOCK)] for a in flat])


def _gelu_tanh(xp: Any, x: Any) -> Any:
    out = xp.empty_like(x)
    for t, a in _blocks(xp, out, x):
        xp.multiply(a, a, out=t)
        t *= _GELU_SCALE * _GELU_CUBE
        t += _GELU_SCALE
        t *= a
        xp.tanh(t, out=t)
        t += 1
        t *= a
        t *= 0.5
    return out


def _gelu_tanh_backward(xp: Any, g: Any, needs: Any, x: Any) -> Any:
    """g/2 (1 + t + x (1 - t) (1 + t) u'), where t is computed again rather than kept: it would be as large as x."""
    out = xp.empty_like(x)
    for d, a, h in _blocks(xp, out, x, g):
        t = a * a
        xp.multiply(t, 3 * _GELU_CUBE * _GELU_SCALE, out=d)
        d += _GELU_SCALE
        t *= _GELU_SCALE * _GELU_CUBE
        t += _GELU_SCALE
        t *= a
        xp.tanh(t, out=t)
        d *= 1 - t
        t += 1
        d *= t
        d *= a
        d += t
        d *= 0.5
        d *= h
    return (out,)


primitive("gelu_tanh", _gelu_tanh, floating=True, label="gelu", backward=_gelu_tanh_backward,
          notation={"out": "gelu({x})", "x": "{g} · gelu′({x})"})


# ---- scaled dot-product attention: softmax(q kᵀ scale + mask) v
def _attention(xp: Any, q: Any, k: Any, v: Any, mask: Any, *, scale: float) -> Any:
    p = matmul(xp, q, k.swapaxes(-1, -2))
    p *= q.dtype.type(scale)
    if mask is not None:
        p += mask
    p -= p.max(-1, keepdims=True)
    xp.exp(p, out=p)
    p /= row_sums(xp, p)
    return matmul(xp, p, v), p


def _attention_backward(xp: Any, g: Any, needs: Any, q: Any, k: Any, v: Any, mask_shape: Any, p: Any,
                        scale: float) -> Any:
    dv = matmul(xp, p.swapaxes(-1, -2), g) if needs[2] else None
    if not (needs[0] or needs[1] or needs[3]):
        return None, None, dv, None
    d = matmul(xp, g, v.swapaxes(-1, -2))
    d -= xp.einsum("...ij,...ij->...i", d, p)[..., None]
    d *= p
    dmask = arrays(xp).sum_to(d, shape=mask_shape).copy() if needs[3] else None
    d *= q.dtype.type(scale)
    return (matmul(xp, d, k) if needs[0] else None, matmul(xp, d.swapaxes(-1, -2), q) if needs[1] else None, dv, dmask)


primitive("attention", _attention, aux=("p",), backward=_attention_backward,
          notation={"out": "softmax({q} {k}ᵀ) {v}", "q": "d {k}", "k": "dᵀ {q}", "v": "softmax({q} {k}ᵀ)ᵀ {g}"})
