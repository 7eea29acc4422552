"""StepSize: the error of a difference quotient against its step, in float32 and in float64."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import traitlets

from .frame import Frame, as_text, library_of

_PER_DECADE = 4
_SMALLEST = 18  # decades


class StepSize(Frame):
    """Drag the step h of a difference quotient and see the error fall, turn, and rise again.

    Args:
        f: a function of one number, written with operators, NumPy functions, or the operations of the engine, so
            that it keeps the precision of what it is given.
        at: where the slope is taken, a number; or a tensor of one, where `f` uses methods that only tensors have.
        slope: the true slope there, a number or a function of x; by default, of a function of tensors the gradient
            that backward finds in float64, of any other a difference quotient extrapolated to h = 0 by Ridders'
            method in the longest float type (C. Ridders, 1982).
        name: what the function is called; by default its own name.
        predict: hide the curves and ask for the best h first.

    Each step of the widget makes h smaller by a quarter of a power of ten. `predictions` lists what was guessed.
    Raises `ValueError` where `f` has no finite value or slope at `at`, `TypeError` where it takes neither a number
    nor a tensor.
    """

    _bundle = "stepsize"
    _saved = ("data", "way", "predict", "guess", "predictions")

    data = traitlets.Unicode(help="steps, values, quotients and errors, as JSON").tag(sync=True)
    way = traitlets.Enum(("central", "forward"), "central", help="from x − h to x + h, or from x on").tag(sync=True)
    predict = traitlets.Bool(False, help="ask for the best h first").tag(sync=True)
    guess = traitlets.Float(0.0, help="the h that was guessed; 0 before").tag(sync=True)
    predictions = traitlets.List(traitlets.Dict(), help="what was asked and answered").tag(sync=True)

    def __init__(
        self,
        f: Callable[[Any], Any],
        at: Any,
        slope: float | Callable[[float], float] | None = None,
        *,
        name: str | None = None,
        predict: bool = False,
        step: int = 0,
    ) -> None:
        tensor = at if hasattr(at, "backward") else None
        at = at.item() if tensor is not None and getattr(at, "shape", None) in ((), (1,)) else at
        if not callable(f) or not isinstance(at, (int, float)):
            raise TypeError(f"StepSize takes a function of a number, and a number to look at: "
                            f"StepSize(lambda x: x**3, at=1.3), got {f!r} and {at!r}")
        called = name or str(getattr(f, "__name__", "f"))
        name = "f" if called == "<lambda>" else called
        library = _library(f, at, tensor, name)
        if library is not None:
            f, slope = _on_numbers(f, library), _gradient(f, at, library) if slope is None else slope
        exact = _ridders(f, at) if slope is None else np.longdouble(slope(at) if callable(slope) else slope)
        if not np.isfinite(exact) or not np.isfinite(_value(f, np.float64(at))):
            raise ValueError(f"{name} has no finite value and slope at {at:g}: choose another point")
        steps = [10.0 ** (-k / _PER_DECADE) for k in range(_PER_DECADE * _SMALLEST + 1)]
        self._title = f"The slope of {name} at {at:g}: how small a step?"
        data = {
            "format": "step-size", "version": 1, "name": name, "at": f"{at:g}", "slope": repr(float(exact)), "h": steps,
            "curves": [_curve(f, at, exact, steps, dtype) for dtype in (np.float64, np.float32)],
        }
        super().__init__(data=as_text(data), predict=predict, step=step)

    def __repr__(self) -> str:
        return f"<StepSize, {self._title} Run this cell to see it>"


def _library(f: Callable[[Any], Any], at: float, tensor: Any, name: str) -> Any:
    """The library whose tensors `f` is written for; None where it takes plain numbers."""
    if tensor is not None:
        return library_of(tensor)
    try:
        f(np.float64(at))
    except (TypeError, AttributeError) as error:
        library = library_of(error)
        if library is None:
            raise TypeError(f"{name} does not take a plain number ({error}): write it with operators and NumPy functions, "
                            f"or give the place as a tensor, StepSize({name}, at=tensor({at:g}))") from error
        return library
    return None


def _on_numbers(f: Callable[[Any], Any], library: Any) -> Callable[[Any], Any]:
    """A function of tensors as one of NumPy's numbers, in their precision."""
    return lambda x: f(library.tensor(float(x), dtype=library.float32 if isinstance(x, np.float32) else library.float64))


def _gradient(f: Callable[[Any], Any], at: float, library: Any) -> float:
    x = library.tensor(at, dtype=library.float64, requires_grad=True)
    f(x).backward()
    return x.grad.item()


def _value(f: Callable[[Any], Any], x: Any) -> Any:
    """f(x) as a NumPy scalar of x's own type, whatever f returns."""
    y = f(x)
    y = y.item() if hasattr(y, "backward") else y
    return type(x)(y)


def _curve(f: Callable[[Any], Any], at: float, slope: Any, steps: list[float], dtype: type) -> dict[str, Any]:
    """Values, quotients and errors in one precision; every operation rounds to it."""
    x, two = dtype(at), dtype(2)
    middle = _value(f, x)
    found: dict[str, list[Any]] = {"plus": [], "minus": [], "central": [], "forward": []}
    with np.errstate(all="ignore"):
        for step in map(dtype, steps):
            plus, minus = _value(f, x + step), _value(f, x - step)
            found["plus"].append(_digits(plus))
            found["minus"].append(_digits(minus))
            found["central"].append((plus - minus) / (two * step))
            found["forward"].append((plus - middle) / step)
    ways = ("central", "forward")
    return {
        "dtype": dtype.__name__, "plus": found["plus"], "minus": found["minus"], "middle": _digits(middle),
        "quotient": {way: [_digits(q) for q in found[way]] for way in ways},
        "error": {way: [float(abs(np.longdouble(q) - slope)) for q in found[way]] for way in ways},
    }


def _digits(x: Any) -> str:
    """A number with all digits its type holds, so that two of them can be compared place by place."""
    if not np.isfinite(x):
        return str(x)
    places = np.finfo(type(x)).precision + 1
    text = f"{float(x):.{places - 1}e}"
    mantissa, exponent = text.split("e")
    if not -4 <= int(exponent) < places:
        return f"{mantissa}e{int(exponent)}"
    return re.sub(r"^-?0\.0*$", "0", f"{float(x):.{max(0, places - 1 - int(exponent))}f}")


def _ridders(f: Callable[[Any], Any], at: float) -> Any:
    """The slope by central differences whose error terms are eliminated one after the other."""
    x, shrink = np.longdouble(at), np.longdouble(1.4)
    step = np.longdouble(0.1 * max(1.0, abs(at)))
    best, error = np.longdouble(np.nan), np.longdouble(np.inf)
    row: list[Any] = []
    with np.errstate(all="ignore"):
        for k in range(30):
            new = [(_value(f, x + step) - _value(f, x - step)) / (2 * step)]
            factor = shrink * shrink
            for j in range(k):
                new.append((new[j] * factor - row[j]) / (factor - 1))
                factor *= shrink * shrink
                change = max(abs(new[-1] - new[-2]), abs(new[-1] - row[j]))
                if change <= error:
                    best, error = new[-1], change
            if k and abs(new[-1] - row[-1]) > 10 * error:
                break
            row, step = new, step / shrink
    return best
