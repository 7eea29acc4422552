"""Operations that work on each element by itself, and the shape-stretching arithmetic between two tensors."""
from __future__ import annotations

from typing import Any

import numpy as np

from ..device import place
from .core import primitive


def _pow_x(F: Any, g: Any, x: Any, y: Any) -> Any:
    """d(x**y)/dx = y x**(y-1), and 0 where y = 0 even at x = 0."""
    if isinstance(y, (int, float)):
        return g * (x ** (y - 1) * y) if y != 0 else g * 0
    return g * F.where(y == 0, 0.0, y * x ** F.where(y == 0, 1.0, y - 1))


def _pow_y(F: Any, g: Any, x: Any, y: Any, out: Any) -> Any:
    """d(x**y)/dy = x**y log x, and 0 where x = 0 and y >= 0, its limit there."""
    flat = (x == 0) & (y >= 0)
    return g * out * F.where(flat, 0.0, F.log(F.where(flat, 1.0, x)))


_MANY = 4096                    # elements from which the bits are worth the while


def _where(xp: Any, condition: Any, x: Any, y: Any) -> Any:
    """x where the condition holds, y elsewhere.

    Large arrays are chosen from bit by bit: NumPy's `where` jumps for each element, and the processor guesses
    wrong at every second one, which takes it ten times as long.
    """
    if type(condition) is not np.ndarray or condition.size < _MANY:
        return xp.where(condition, x, y)
    dtype = x.dtype if hasattr(x, "dtype") else getattr(y, "dtype", None)
    if dtype is None or dtype.kind != "f" or dtype.itemsize < 4 or getattr(y, "dtype", dtype) != dtype:
        return xp.where(condition, x, y)
    bits = np.dtype(f"u{dtype.itemsize}")
    chosen = condition.astype(bits)
    np.negative(chosen, out=chosen)             # all ones where it holds
    a, b = (np.asarray(v, dtype).view(bits) for v in (x, y))
    if not b.ndim and not b:
        return (chosen & a).view(dtype)
    return (chosen & (a ^ b) ^ b).view(dtype)


# ---- arithmetic
primitive("add", lambda xp, x, y: x + y, label="+", broadcasts=True,
          x=lambda F, g: g, y=lambda F, g: g)
primitive("sub", lambda xp, x, y: x - y, label="−", broadcasts=True,
          x=lambda F, g: g, y=lambda F, g: -g)
primitive("mul", lambda xp, x, y: x * y, label="×", broadcasts=True,
          x=lambda F, g, y: g * y, y=lambda F, g, x: g * x)
primitive("div", lambda xp, x, y: x / y, label="÷", broadcasts=True, floating=True,
          x=lambda F, g, y: g / y, y=lambda F, g, x, y: -g * x / (y * y))
primitive("pow", lambda xp, x, y: x ** y, label="^", broadcasts=True, x=_pow_x, y=_pow_y,
          notation={"x": "{g} · {y} · {x}^({y} − 1)", "y": "{g} · {out} · log({x})"})
primitive("neg", lambda xp, x: -x, label="−", x=lambda F, g: -g)

# ---- exponentials and logarithms
primitive("exp", lambda xp, x: xp.exp(x), floating=True, x=lambda F, g, out: g * out)
primitive("log", lambda xp, x: xp.log(x), floating=True, x=lambda F, g, x: g / x)
primitive("sqrt", lambda xp, x: xp.sqrt(x), label="√", floating=True, x=lambda F, g, out: g / (2 * out))

# ---- trigonometry
primitive("sin", lambda xp, x: xp.sin(x), floating=True, x=lambda F, g, x: g * F.cos(x))
primitive("cos", lambda xp, x: xp.cos(x), floating=True, x=lambda F, g, x: -g * F.sin(x))
primitive("tanh", lambda xp, x: xp.tanh(x), floating=True, x=lambda F, g, out: g * (1 - out * out))

# ---- kinks: the gradient at the kink is PyTorch's
primitive("abs", lambda xp, x: abs(x), label="|·|", x=lambda F, g, x: g * F.sign(x))
primitive("sign", lambda xp, x: xp.sign(x), x=lambda F, g: g * 0)
primitive("relu", lambda xp, x: xp.maximum(x, 0), x=lambda F, g, out: g * (out > 0))
primitive("maximum", lambda xp, x, y: xp.maximum(x, y), label="max", broadcasts=True,
          x=lambda F, g, x, y: g * (F.cast(x > y, dtype=g.dtype) + F.cast(x == y, dtype=g.dtype) * 0.5),
          y=lambda F, g, x, y: g * (F.cast(y > x, dtype=g.dtype) + F.cast(x == y, dtype=g.dtype) * 0.5))
primitive("minimum", lambda xp, x, y: xp.minimum(x, y), label="min", broadcasts=True,
          x=lambda F, g, x, y: g * (F.cast(x < y, dtype=g.dtype) + F.cast(x == y, dtype=g.dtype) * 0.5),
          y=lambda F, g, x, y: g * (F.cast(y < x, dtype=g.dtype) + F.cast(x == y, dtype=g.dtype) * 0.5))
primitive("where", _where, broadcasts=True,
          x=lambda F, g, condition: F.where(condition, g, 0.0), y=lambda F, g, condition: F.where(condition, 0.0, g))


# ---- probabilities: logarithms stop at -100, and the slope at 0 and 1 is as large as PyTorch's
def _log_loss(xp: Any, x: Any, y: Any) -> Any:
    return (y - 1) * xp.maximum(xp.log1p(-x), -100) - y * xp.maximum(xp.log(x), -100)


primitive("binary_cross_entropy", _log_loss, label="cross-entropy", broadcasts=True,
          x=lambda F, g, x, y: g * (x - y) / F.maximum(x * (1 - x), 1e-12),
          y=lambda F, g, x: g * (F.maximum(F.log(1 - x), -100.0) - F.maximum(F.log(x), -100.0)),
          notation={"out": "−{y} · log {x} − (1 − {y}) · log(1 − {x})", "x": "{g} · ({x} − {y}) / ({x} · (1 − {x}))",
                    "y": "{g} · log((1 − {x}) / {x})"})

# ---- dtype and identity
primitive("cast", lambda xp, x, *, dtype: x.astype(dtype), x=lambda F, g, x: F.cast(g, dtype=x.dtype))
primitive("clone", lambda xp, x: x.copy(), x=lambda F, g: g)
primitive("alias", lambda xp, x: x, view=True, x=lambda F, g: g)

primitive("move", lambda xp, x, *, device, source: place(x, device),
          x=lambda F, g, device, source: F.move(g, device=source, source=device))

# ---- comparisons and logic: no gradient
for _name, _label, _forward in (
        ("eq", "=", lambda xp, x, y: x == y), ("ne", "≠", lambda xp, x, y: x != y),
        ("lt", "<", lambda xp, x, y: x < y), ("le", "≤", lambda xp, x, y: x <= y),
        ("gt", ">", lambda xp, x, y: x > y), ("ge", "≥", lambda xp, x, y: x >= y)):
    primitive(_name, _forward, label=_label, broadcasts=True)
