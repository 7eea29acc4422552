"""Functions that work on each element by itself, or on pairs of elements."""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes, hot
from ..dispatch import apply
from ..errors import DTypeError, ShapeError, ZeroDivision
from ..ops import OPS
from ..symbol import known
from ..tensor import Tensor, wrap
from .arguments import named, one_of, operand, tensor_or_number


def _unary(name: str, doc: str) -> Callable[[Tensor], Tensor]:
    op = OPS[name]

    def function(input: Tensor) -> Tensor:
        return apply(op, operand(input, name))

    return named(function, name, doc)


def _binary(name: str, doc: str) -> Callable[[Any, Any], Tensor]:
    op = OPS[name]

    def function(input: Any, other: Any) -> Tensor:
        if not isinstance(input, Tensor) and not isinstance(other, Tensor):
            operand(input, name)
        return apply(op, tensor_or_number(input), tensor_or_number(other))

    return named(function, name, doc)


# ---- arithmetic
_add, _sub = _binary("add", ""), _binary("sub", "")
mul = multiply = _binary("mul", "The product, element by element.")
neg = negative = _unary("neg", "Each element with its sign changed.")
maximum = _binary("maximum", "The greater of two, element by element; equal ones share the gradient.")
minimum = _binary("minimum", "The lesser of two, element by element; equal ones share the gradient.")
_true_div = _binary("div", "The quotient.")
_remainder = _binary("remainder", "")
_floor_divide = _binary("floor_divide", "")
atan2 = arctan2 = _binary("atan2", "The angle of the point (other, input), from -π to π.")


def add(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """input + alpha * other, element by element."""
    return _add(input, other if alpha == 1 else other * alpha)


def sub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """input - alpha * other, element by element."""
    return _sub(input, other if alpha == 1 else other * alpha)


subtract = sub


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """The quotient as a floating-point number, or rounded: "trunc" towards zero, "floor" downwards."""
    one_of("rounding_mode", rounding_mode, None, "trunc", "floor")
    if rounding_mode is None:
        return _true_div(input, other)
    whole = _whole_division("div", input, other)
    if rounding_mode == "floor":
        return _floor_divide(input, other)
    if not whole:
        return trunc(_true_div(input, other))
    below = _floor_divide(input, other)                     # integers: no detour over floats, which are not exact
    return where(logical_and(below < 0, below * other != input), below + 1, below)


def _whole_division(name: str, input: Any, other: Any) -> bool:
    """Whether two operands are both whole numbers; no such number can be divided by 0."""
    values = tuple(x.array if isinstance(x, Tensor) else x for x in (input, other))
    whole = dtypes.result_type(values).kind != "f"
    if whole and known(values[1]) and not np.all(values[1]):
        raise ZeroDivision(f"{name}: whole numbers cannot be divided by 0; floats can, which gives inf or nan.")
    return whole


divide = true_divide = div


def floor_divide(input: Any, other: Any) -> Tensor:
    """The quotient rounded down."""
    return div(input, other, rounding_mode="floor")


def remainder(input: Any, other: Any) -> Tensor:
    """What is left of a division, with the sign of the divisor, as Python's %."""
    _whole_division("remainder", input, other)
    return _remainder(input, other)


def pow(input: Any, exponent: Any) -> Tensor:
    """input to the power of exponent, element by element.

    Integers to negative integer powers are refused; PyTorch refuses them for a number as exponent, and gives 0 for
    a tensor's.
    """
    if not isinstance(input, Tensor) or input.array.dtype.kind != "f":
        values = tuple(x.array if isinstance(x, Tensor) else x for x in (input, exponent))
        if known(values[1]) and dtypes.result_type(values).kind != "f" and np.any(np.less(values[1], 0)):
            raise DTypeError("integers to negative integer powers are not integers: use a float tensor.")
    return apply(OPS["pow"], tensor_or_number(input), tensor_or_number(exponent))


def square(input: Tensor) -> Tensor:
    """Each element times itself; booleans count as integers."""
    return operand(input, "square") * (input.long() if input.dtype.kind == "b" else input)


def reciprocal(input: Tensor) -> Tensor:
    """One divided by each element."""
    return 1.0 / operand(input, "reciprocal")


def rsqrt(input: Tensor) -> Tensor:
    """One divided by the square root of each element."""
    return reciprocal(sqrt(input))


def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """The point between two: input + weight (end - input)."""
    return input + weight * (end - input)


# ---- exponentials, logarithms, trigonometry
exp = _unary("exp", "e to the power of each element.")
exp2 = _unary("exp2", "2 to the power of each element.")
expm1 = _unary("expm1", "e to the power of each element, minus 1, exact near 0.")
log = _unary("log", "The natural logarithm of each element.")
log2 = _unary("log2", "The logarithm of each element to base 2.")
log10 = _unary("log10", "The logarithm of each element to base 10.")
log1p = _unary("log1p", "The natural logarithm of 1 + each element, exact near 0.")
sqrt = _unary("sqrt", "The square root of each element.")
sin = _unary("sin", "The sine of each element, in radians.")
cos = _unary("cos", "The cosine of each element, in radians.")
tan = _unary("tan", "The tangent of each element, in radians.")
asin = arcsin = _unary("asin", "The angle whose sine is each element, in radians.")
acos = arccos = _unary("acos", "The angle whose cosine is each element, in radians.")
atan = arctan = _unary("atan", "The angle whose tangent is each element, in radians.")
sinh = _unary("sinh", "The hyperbolic sine of each element.")
cosh = _unary("cosh", "The hyperbolic cosine of each element.")
asinh = arcsinh = _unary("asinh", "The inverse hyperbolic sine of each element.")
acosh = arccosh = _unary("acosh", "The inverse hyperbolic cosine of each element, which is at least 1.")
atanh = arctanh = _unary("atanh", "The inverse hyperbolic tangent of each element, between -1 and 1.")
erf = _unary("erf", "The error function of each element: 2/√π times the integral of exp(-t²) from 0 to it.")
sigmoid = _unary("sigmoid", "1 / (1 + exp(-x)) of each element: any number into (0, 1).")


def relu(input: Tensor) -> Tensor:
    """max(x, 0) of each element; its gradient at 0 is 0."""
    return hot.relu(operand(input, "relu"))


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent of each element."""
    return hot.tanh(operand(input, "tanh"))


def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """log(exp(input) + exp(other)), without overflow."""
    top = maximum(input, other).detach()
    top = where(isinf(top), 0.0, top)
    return log(exp(input - top) + exp(other - top)) + top


# ---- signs, kinks and rounding
sign = _unary("sign", "-1, 0 or 1 for each element.")
abs = absolute = _unary("abs", "The magnitude of each element; its gradient at 0 is 0.")
ceil = _unary("ceil", "Each element rounded up.")
floor = _unary("floor", "Each element rounded down.")
trunc = fix = _unary("trunc", "Each element rounded towards zero.")


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """Each element rounded to the nearest, halves to the even neighbour."""
    if not decimals:
        return apply(OPS["round"], operand(input, "round"))
    return apply(OPS["round"], operand(input, "round") * 10.0 ** decimals) / 10.0 ** decimals


def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Each element, but at least `min` and at most `max`, numbers or tensors; outside there is no gradient.

    Tensors as limits get the gradient of the elements that they replace.
    """
    if min is None and max is None:
        raise ValueError("clamp needs min, max, or both")
    out = operand(input, "clamp")
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        out = out if min is None else where(out < min, min, out)
        return out if max is None else where(out > max, max, out)
    if out.dtype.kind != "f" and (isinstance(min, float) or isinstance(max, float)):
        out = out.to(dtypes.get_default_dtype())
    return apply(OPS["clamp"], out, low=min, high=max)


clip = clamp


# ---- comparisons and logic
eq = _binary("eq", "Where the two are equal.")
ne = not_equal = _binary("ne", "Where the two differ.")
lt = less = _binary("lt", "Where the first is less.")
le = less_equal = _binary("le", "Where the first is less or equal.")
gt = greater = _binary("gt", "Where the first is greater.")
ge = greater_equal = _binary("ge", "Where the first is greater or equal.")
isnan = _unary("isnan", "Where elements are not a number.")
isinf = _unary("isinf", "Where elements are infinite.")
isfinite = _unary("isfinite", "Where elements are neither infinite nor not-a-number.")
logical_not = _unary("logical_not", "Where elements are zero.")
logical_and = _binary("logical_and", "Where both are not zero.")
logical_or = _binary("logical_or", "Where one or both are not zero.")
logical_xor = _binary("logical_xor", "Where exactly one is not zero.")


def isclose(input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Where |input - other| <= atol + rtol * |other|."""
    if rtol < 0 or atol < 0:
        raise ValueError(f"isclose: rtol and atol must not be negative, got {rtol} and {atol}")
    a, b = input.detach(), other.detach()
    near = logical_or(a == b, logical_and(abs(a - b) <= atol + rtol * abs(b), isfinite(b)))
    return logical_or(near, logical_and(isnan(a), isnan(b))) if equal_nan else near


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether all elements are close; see `isclose`."""
    return bool(isclose(input, other, rtol, atol, equal_nan).array.all())


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and elements."""
    return input.shape == other.shape and bool((input.array == other.array).all())


# ---- choosing and copying
def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """`input` where the condition holds, `other` elsewhere; without them the indices where it holds."""
    condition = operand(condition, "where")
    if (input is None) != (other is None):
        raise DTypeError("where takes a condition alone, or a condition, input and other; got one of the two.")
    if input is None:
        return tuple(wrap(i) for i in condition.array.nonzero())
    if condition.dtype.kind != "b":
        raise DTypeError(f"where needs a condition of booleans, got {condition.dtype}: write x != 0, or x.bool().")
    return apply(OPS["where"], condition, tensor_or_number(input), tensor_or_number(other))


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """`value` where the mask holds, the elements of `input` elsewhere, in its dtype."""
    if isinstance(value, Tensor) and value.ndim:
        raise ShapeError(f"masked_fill takes one value, got a tensor of shape {value.shape}.")
    if not isinstance(value, Tensor):
        if input.dtype.kind in "iu":
            least, greatest = dtypes.limits(input.dtype)
            if not least <= value <= greatest:
                raise DTypeError(f"masked_fill: {value} does not fit into {input.dtype}.")
        value = Tensor(value, dtype=input.dtype, device=input.device)
    return where(mask, value, input)


def nan_to_num(input: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """Other numbers for those that are none, and for infinity: by default the greatest and least of the dtype."""
    if operand(input, "nan_to_num").dtype.kind != "f":
        return clone(input)
    for end, usual, wanted in zip((-math.inf, math.inf), dtypes.limits(input.dtype), (neginf, posinf), strict=True):
        input = where(input == end, float(usual) if wanted is None else wanted, input)
    return where(isnan(input), nan, input)


def clone(input: Tensor) -> Tensor:
    """A copy in memory of its own, through which gradients flow back."""
    return apply(OPS["clone"], operand(input, "clone"))
