"""Operations that work on each element by itself, and the shape-stretching arithmetic between two tensors."""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..device import place
from .core import primitive, through


def _pow_x(F: Any, g: Any, x: Any, y: Any) -> Any:
    """d(x**y)/dx = y x**(y-1), and 0 where y = 0 even at x = 0."""
    if isinstance(y, (int, float)):
        return g * (x ** (y - 1) * y) if y != 0 else g * 0
    return g * F.where(y == 0, 0.0, y * x ** F.where(y == 0, 1.0, y - 1))


def _pow_y(F: Any, g: Any, x: Any, y: Any, out: Any) -> Any:
    """d(x**y)/dy = x**y log x, and 0 where x = 0 and y >= 0, its limit there."""
    if isinstance(x, (int, float)):
        return g * out * (math.log(x) if x > 0 else 0.0 if x == 0 else math.nan)
    flat = (x == 0) & (y >= 0)
    return g * out * F.where(flat, 0.0, F.log(F.where(flat, 1.0, x)))


def _square_distance(F: Any, x: Any, y: Any) -> Any:
    """x² + y², but 1 at the origin, where `atan2` has no slope and passes none on."""
    square = x * x + y * y
    return F.where(square == 0, 1.0, square)


_LN2, _LN10, _TWO_OVER_ROOT_PI = math.log(2), math.log(10), 2 / math.sqrt(math.pi)
_MANY = 4096                    # elements from which `clip` is faster than a comparison with 0


def _where(xp: Any, condition: Any, x: Any, y: Any) -> Any:
    """x where the condition holds, y elsewhere.

    Arrays of some size are chosen from bit by bit: NumPy's `where` jumps for each element, and the processor guesses
    wrong at every second one, which takes it ten times as long.
    """
    dtype = x.dtype if hasattr(x, "dtype") else getattr(y, "dtype", None)
    bits = None if dtype is None else _BITS.get(dtype)
    if bits is None or type(condition) is not np.ndarray or condition.size < _SOME or getattr(y, "dtype", dtype) != dtype:
        out = xp.where(condition, x, y)
        return out if out.ndim else out[()]
    chosen = condition.astype(bits)             # 1 and 0: what is multiplied with them keeps all its bits, or none
    a = (x if type(x) is np.ndarray else np.asarray(x, dtype)).view(bits)
    if type(y) is float and y == 0 and math.copysign(1, y) > 0:
        return np.multiply(chosen, a, out=chosen if a.shape == chosen.shape else None).view(dtype)
    b = np.asarray(y, dtype).view(bits)
    chosen = chosen * (a ^ b)
    chosen ^= b
    return chosen.view(dtype)


_SOME = 400                     # elements from which the bits are worth the while
_BITS: dict[Any, Any] = {np.dtype(kind): np.dtype(bits) for kind, bits in (("f4", "i4"), ("f8", "i8"))}


def _above(xp: Any, x: Any) -> Any:
    """max(x, 0). NumPy's `clip` is vectorised against a number, its `maximum` is not, but starts sooner."""
    return x.clip(0, math.inf) if x.size > _MANY and x.dtype.kind == "f" else xp.maximum(x, 0)


def _below(xp: Any, x: Any) -> Any:
    """min(x, 0)."""
    return x.clip(-math.inf, 0) if x.size > _MANY and x.dtype.kind == "f" else xp.minimum(x, 0)


# ---- arithmetic
primitive("add", lambda xp, x, y: x + y, label="+", broadcasts=True,
          x=through, y=through)
primitive("sub", lambda xp, x, y: x - y, label="−", broadcasts=True,
          x=through, y=lambda F, g: -g)
primitive("mul", lambda xp, x, y: x * y, label="×", broadcasts=True,
          x=lambda F, g, y: g * y, y=lambda F, g, x: g * x)
primitive("div", lambda xp, x, y: x / y, label="÷", broadcasts=True, floating=True,
          x=lambda F, g, y: g / y, y=lambda F, g, x, y: -g * x / (y * y))
primitive("pow", lambda xp, x, y: x ** y, label="^", broadcasts=True, x=_pow_x, y=_pow_y,
          notation={"x": "{g} · {y} · {x}^({y} − 1)", "y": "{g} · {out} · log({x})"})
primitive("neg", lambda xp, x: -x, label="−", x=lambda F, g: -g)

primitive("floor_divide", lambda xp, x, y: xp.floor_divide(x, y), label="÷", broadcasts=True,
          notation={"out": "⌊{x} / {y}⌋"}, x=lambda F, g: g * 0, y=lambda F, g: g * 0)
primitive("remainder", lambda xp, x, y: xp.remainder(x, y), label="%", broadcasts=True,
          x=through, y=lambda F, g, x, y: -g * F.floor(x / y))

# ---- exponentials and logarithms
primitive("exp", lambda xp, x: xp.exp(x), floating=True, x=lambda F, g, out: g * out)
primitive("exp2", lambda xp, x: xp.exp2(x), floating=True, x=lambda F, g, out: g * out * _LN2)
primitive("expm1", lambda xp, x: xp.expm1(x), floating=True, x=lambda F, g, out: g * (out + 1))
primitive("log", lambda xp, x: xp.log(x), floating=True, x=lambda F, g, x: g / x)
primitive("log1p", lambda xp, x: xp.log1p(x), floating=True, x=lambda F, g, x: g / (1 + x))
primitive("log2", lambda xp, x: xp.log2(x), floating=True, x=lambda F, g, x: g / (x * _LN2))
primitive("log10", lambda xp, x: xp.log10(x), floating=True, x=lambda F, g, x: g / (x * _LN10))
primitive("sqrt", lambda xp, x: xp.sqrt(x), label="√", floating=True, x=lambda F, g, out: g / (2 * out))

# ---- trigonometry
primitive("sin", lambda xp, x: xp.sin(x), floating=True, x=lambda F, g, x: g * F.cos(x))
primitive("cos", lambda xp, x: xp.cos(x), floating=True, x=lambda F, g, x: -g * F.sin(x))
primitive("tan", lambda xp, x: xp.tan(x), floating=True, x=lambda F, g, out: g * (1 + out * out))
primitive("asin", lambda xp, x: xp.arcsin(x), floating=True, x=lambda F, g, x: g / F.sqrt(1 - x * x))
primitive("acos", lambda xp, x: xp.arccos(x), floating=True, x=lambda F, g, x: -g / F.sqrt(1 - x * x))
primitive("atan", lambda xp, x: xp.arctan(x), floating=True, x=lambda F, g, x: g / (1 + x * x))
primitive("atan2", lambda xp, x, y: xp.arctan2(x, y), broadcasts=True, floating=True,
          x=lambda F, g, x, y: g * y / _square_distance(F, x, y), y=lambda F, g, x, y: -g * x / _square_distance(F, x, y),
          notation={"x": "{g} · {y} / ({x}² + {y}²)", "y": "−{g} · {x} / ({x}² + {y}²)"})
primitive("sinh", lambda xp, x: xp.sinh(x), floating=True, x=lambda F, g, x: g * F.cosh(x))
primitive("cosh", lambda xp, x: xp.cosh(x), floating=True, x=lambda F, g, x: g * F.sinh(x))
primitive("tanh", lambda xp, x: xp.tanh(x), floating=True, x=lambda F, g, out: g * (1 - out * out))
primitive("asinh", lambda xp, x: xp.arcsinh(x), floating=True, x=lambda F, g, x: g / F.sqrt(x * x + 1))
primitive("acosh", lambda xp, x: xp.arccosh(x), floating=True, x=lambda F, g, x: g / F.sqrt(x * x - 1))
primitive("atanh", lambda xp, x: xp.arctanh(x), floating=True, x=lambda F, g, x: g / (1 - x * x))


# ---- curves of probability
def _sigmoid(xp: Any, x: Any) -> Any:
    """(1 + tanh(x/2)) / 2: the same function, and no exponential that overflows."""
    return xp.tanh(x * 0.5) * 0.5 + 0.5


def erf(xp: Any, x: Any) -> Any:
    """The error function; in float64 by two quotients of polynomials, one up to 1 and one for the complement above,
    from S. L. Moshier's Cephes library (ndtr.c), within 1e-15 of the true value.

    In float32 it is tanh(x p(x²)), with p fitted for the least greatest relative error, 1e-7: NumPy's tanh is fast.
    """
    if x.dtype == np.float32:
        return xp.tanh(_horner((x * x).clip(0, 16), _ERF_TANH) * x)
    size = xp.minimum(abs(x), 6)
    z = x * x
    near = x * _horner(z, _ERF_P) / _horner(z, _ERF_Q)
    far = xp.copysign(1 - xp.exp(-size * size) * _horner(size, _ERFC_P) / _horner(size, _ERFC_Q), x)
    return xp.where(size < 1, near, far)


def _horner(x: Any, coefficients: tuple[float, ...]) -> Any:
    """A polynomial, the highest power first."""
    p = x * coefficients[0]
    for c in coefficients[1:-1]:
        p += c
        p *= x
    return p + coefficients[-1]


_ERF_TANH = (1.41852492e-7, -5.66848105e-6, 8.7637366e-5, -6.19784778e-4, -1.91830644e-4, 1.02769056e-1, 1.12837927)
_ERF_P = (9.60497373987051638749, 9.00260197203842689217e1, 2.23200534594684319226e3, 7.00332514112805075473e3,
          5.55923013010394962768e4)
_ERF_Q = (1.0, 3.35617141647503099647e1, 5.21357949780152679795e2, 4.59432382970980127987e3,
          2.26290000613890934246e4, 4.92673942608635921086e4)
_ERFC_P = (2.46196981473530512524e-10, 5.64189564831068821977e-1, 7.46321056442269912687, 4.86371970985681366614e1,
           1.96520832956077098242e2, 5.26445194995477358631e2, 9.34528527171957607540e2, 1.02755188689515710272e3,
           5.57535335369399327526e2)
_ERFC_Q = (1.0, 1.32281951154744992508e1, 8.67072140885989742329e1, 3.54937778887819891062e2,
           9.75708501743205487753e2, 1.82390916687909736289e3, 2.24633760818710981792e3, 1.65666309194161350182e3,
           5.57535340817727675546e2)

primitive("sigmoid", _sigmoid, floating=True, x=lambda F, g, out: g * out * (1 - out), notation={"out": "σ({x})"})
primitive("erf", erf, floating=True, x=lambda F, g, x: g * F.exp(-x * x) * _TWO_OVER_ROOT_PI,
          notation={"out": "erf({x})", "x": "{g} · 2/√π · exp(−{x}²)"})

# ---- kinks: the gradient at the kink is PyTorch's. Where one side gets nothing, it is chosen, not multiplied by 0: at
# sqrt(relu(x)) an infinite gradient arrives at a zero.
primitive("abs", lambda xp, x: abs(x), label="|·|", x=lambda F, g, x: g * F.sign(x))
primitive("sign", lambda xp, x: x if x.dtype.kind == "b" else (x > 0).astype(x.dtype) - (x < 0).astype(x.dtype),
          x=lambda F, g: g * 0, notation={"out": "sign({x})"})
primitive("relu", _above, x=lambda F, g, out: F.where(out > 0, g, 0.0), notation={"x": "{g} · [{out} > 0]"})


def _greater(F: Any, g: Any, x: Any, y: Any) -> Any:
    """The gradient of the greater of two; equal ones share it."""
    return F.where(x < y, 0.0, F.where(x == y, g * 0.5, g))


primitive("maximum", lambda xp, x, y: xp.maximum(x, y), label="max", broadcasts=True,
          x=lambda F, g, x, y: _greater(F, g, x, y), y=lambda F, g, x, y: _greater(F, g, y, x),
          notation={"x": "{g} · ([{x} > {y}] + [{x} = {y}] · 0.5)", "y": "{g} · ([{y} > {x}] + [{x} = {y}] · 0.5)"})
primitive("minimum", lambda xp, x, y: xp.minimum(x, y), label="min", broadcasts=True,
          x=lambda F, g, x, y: _greater(F, g, y, x), y=lambda F, g, x, y: _greater(F, g, x, y),
          notation={"x": "{g} · ([{x} < {y}] + [{x} = {y}] · 0.5)", "y": "{g} · ([{y} < {x}] + [{x} = {y}] · 0.5)"})
primitive("clamp", lambda xp, x, *, low, high: xp.clip(x, low, high),
          x=lambda F, g, x, low, high: F.where(F.inside(x, low=low, high=high), g, 0.0),
          notation={"out": "clamp({x})", "x": "{g} · [inside the limits]"})
primitive("inside", lambda xp, x, *, low, high: (x >= (-xp.inf if low is None else low))
          & (x <= (xp.inf if high is None else high)))
_forward: Any
for _name, _forward in (("ceil", lambda xp, x: xp.ceil(x)), ("floor", lambda xp, x: xp.floor(x)),
                        ("trunc", lambda xp, x: xp.trunc(x)), ("round", lambda xp, x: xp.round(x))):
    primitive(_name, _forward, x=lambda F, g: g * 0)
primitive("where", _where, broadcasts=True, notation={"out": "{x} if {condition} else {y}"},
          x=lambda F, g, condition: F.where(condition, g, 0.0), y=lambda F, g, condition: F.where(condition, 0.0, g))


# ---- activations that bend, in as few steps as NumPy can take; back ends that fuse have their formulas in `static.lower`
def _elu(xp: Any, x: Any, *, alpha: float, scale: float, rate: float) -> Any:
    """scale x above 0, scale alpha (exp(rate x) - 1) below."""
    return _above(xp, x) * scale + xp.expm1(_below(xp, x) * rate) * (scale * alpha)


def _elu_x(F: Any, g: Any, x: Any, alpha: float, scale: float, rate: float) -> Any:
    below = scale * alpha * rate                # the slope at 0 from below, which exp takes to be everything above 0 too
    slope = F.exp(F.relu(-x) * -rate) * below
    return g * (slope if below == scale else slope + F.cast(x > 0, dtype=g.dtype) * (scale - below))


def _softplus(xp: Any, x: Any) -> Any:
    """log(1 + exp(x)) as log(1 + exp(-|x|)) + max(x, 0), which does not overflow."""
    return xp.log1p(xp.exp(-abs(x))) + _above(xp, x)


def _huber(xp: Any, x: Any, *, delta: float) -> Any:
    """x²/2 up to delta, delta (|x| - delta/2) beyond: c (|x| - c/2), where c is |x| but at most delta."""
    size = abs(x)
    near = size.clip(0, delta)
    return near * (size - near * 0.5)


primitive("leaky_relu", lambda xp, x, *, slope: _above(xp, x) + _below(xp, x) * slope,
          x=lambda F, g, x, slope: g * (F.cast(x > 0, dtype=g.dtype) * (1 - slope) + slope),
          notation={"out": "leaky relu({x})", "x": "{g} · ({x} > 0 ? 1 : slope)"})
primitive("hardtanh", lambda xp, x, *, low, high: xp.clip(x, low, high),
          x=lambda F, g, x, low, high: F.where((x <= low) | (x >= high), 0.0, g),
          notation={"out": "hardtanh({x})", "x": "{g} · [between the limits]"})
primitive("elu", _elu, x=_elu_x, notation={"out": "elu({x})", "x": "{g} · ({x} > 0 ? 1 : exp({x}))"})
primitive("softplus", _softplus, x=lambda F, g, out: -g * F.expm1(-out),
          notation={"out": "log(1 + exp {x})", "x": "{g} · σ({x})"})
primitive("huber", _huber, x=lambda F, g, x, delta: g * F.hardtanh(x, low=-delta, high=delta),
          notation={"out": "huber({x})", "x": "{g} · clamp({x})"})


# ---- probabilities: logarithms stop at -100, and the slope at 0 and 1 is as large as PyTorch's
primitive("binary_cross_entropy",
          lambda xp, x, y: (y - 1) * xp.maximum(xp.log1p(-x), -100) - y * xp.maximum(xp.log(x), -100),
          label="cross-entropy", broadcasts=True,
          x=lambda F, g, x, y: g * (x - y) / F.maximum(x * (1 - x), 1e-12),
          y=lambda F, g, x: g * (F.maximum(F.log(1 - x), -100.0) - F.maximum(F.log(x), -100.0)),
          notation={"out": "−{y} · log {x} − (1 − {y}) · log(1 − {x})", "x": "{g} · ({x} − {y}) / ({x} · (1 − {x}))",
                    "y": "{g} · log((1 − {x}) / {x})"})

# ---- dtype and identity
primitive("cast", lambda xp, x, *, dtype: x.astype(dtype), x=lambda F, g, x: F.cast(g, dtype=x.dtype))
primitive("clone", lambda xp, x: x.copy(), x=through)
primitive("alias", lambda xp, x: x, view=True, x=through)
# The same numbers, of which some are learned otherwise.
primitive("freeze_row", lambda xp, x, *, row: x, view=True, x=lambda F, g, row: F.setitem(g, 0.0, index=row),
          notation={"out": "{x}", "x": "{g} with a row of 0"})
primitive("scale_gradient", lambda xp, x, *, factor: x, view=True, x=lambda F, g, factor: g * factor,
          notation={"out": "{x}", "x": "{g} · factor"})

primitive("move", lambda xp, x, *, device, source: place(x, device),
          x=lambda F, g, device, source: F.move(g, device=source, source=device))

# ---- comparisons and logic: no gradient
for _name, _label, _forward in (
        ("eq", "=", lambda xp, x, y: x == y), ("ne", "≠", lambda xp, x, y: x != y),
        ("lt", "<", lambda xp, x, y: x < y), ("le", "≤", lambda xp, x, y: x <= y),
        ("gt", ">", lambda xp, x, y: x > y), ("ge", "≥", lambda xp, x, y: x >= y)):
    primitive(_name, _forward, label=_label, broadcasts=True)
for _name, _forward in (("logical_and", lambda xp, x, y: xp.logical_and(x, y)),
                        ("logical_or", lambda xp, x, y: xp.logical_or(x, y)),
                        ("logical_xor", lambda xp, x, y: xp.logical_xor(x, y)),
                        ("bitwise_and", lambda xp, x, y: x & y), ("bitwise_or", lambda xp, x, y: x | y),
                        ("bitwise_xor", lambda xp, x, y: x ^ y)):
    primitive(_name, _forward, broadcasts=True)
primitive("bitwise_not", lambda xp, x: ~x)
for _name, _forward in (("logical_not", lambda xp, x: xp.logical_not(x)), ("isnan", lambda xp, x: xp.isnan(x)),
                        ("isinf", lambda xp, x: xp.isinf(x)), ("isfinite", lambda xp, x: xp.isfinite(x))):
    primitive(_name, _forward)
