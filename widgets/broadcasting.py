"""Broadcasting: how two shapes become one, and how a gradient finds its way back to each."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import traitlets

from .frame import Frame, as_text

_SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "−": operator.sub, "×": operator.mul, "÷": operator.truediv,
}
_MOST = 600  # entries of the result; of larger ones only the shapes are shown
_MOST_DIMS = 8


class Broadcasting(Frame):
    """Lay two shapes under each other, stretch what has size 1, and sum the gradients of the copies on the way back.

    Args:
        a: a shape, such as `(3, 1)`, or an array or tensor with real entries.
        b: the same.
        sign: the operation that joins them: `+`, `−`, `×` or `÷`.
        names: what the two are called in the picture.
        predict: ask for the result's shape, and for what is summed, before showing it.
        step: the step to start at.

    Given shapes alone, `a` counts 1, 2, 3 … and `b` 10, 20, 30 …, so that every copy can be recognised. Shapes that
    cannot be joined are shown up to the dim where they clash. `predictions` lists what the learner answered.
    Raises `TypeError` for what is neither a shape nor an array, `ValueError` for a negative size, for more than
    eight dims, and for another sign.
    """

    _bundle = "broadcasting"
    _saved = ("data", "predict", "predictions")

    data = traitlets.Unicode(help="the two shapes and their entries, as JSON").tag(sync=True)
    predict = traitlets.Bool(True, help="ask before showing").tag(sync=True)
    predictions = traitlets.List(traitlets.Dict(), help="what was asked and answered").tag(sync=True)

    def __init__(
        self, a: Any, b: Any, sign: str = "+", *, names: tuple[str, str] = ("a", "b"), predict: bool = True, step: int = 0
    ) -> None:
        sign = {"-": "−", "*": "×", "/": "÷"}.get(sign, sign)
        if sign not in _SIGNS:
            raise ValueError(f"Broadcasting joins with one of {', '.join(_SIGNS)}, not {sign!r}")
        first, second = _operand(a, 1), _operand(b, 10)
        try:
            joined = np.broadcast_shapes(first.shape, second.shape)
        except ValueError:
            joined = None
        small = joined is not None and max(1, *joined, int(np.prod(joined))) <= _MOST
        with np.errstate(all="ignore"):
            result = _SIGNS[sign](first, second).ravel().tolist() if small else []
        sides = [
            {"name": name, "shape": list(x.shape), "values": x.ravel().tolist() if small else []}
            for name, x in zip(names, (first, second), strict=True)
        ]
        self._title = f"{names[0]} {sign} {names[1]}: {first.shape} and {second.shape}"
        data = {"format": "broadcasting", "version": 1, "a": sides[0], "b": sides[1], "sign": sign, "values": result}
        super().__init__(data=as_text(data), predict=predict, step=step)

    def __repr__(self) -> str:
        return f"<Broadcasting of {self._title}: run this cell to see it>"


def _operand(x: Any, unit: int) -> np.ndarray:
    """The array that stands for one side: its own entries, or multiples of `unit` in a shape."""
    if hasattr(x, "shape"):
        array = np.asarray(x.detach().numpy() if hasattr(x, "detach") else x)
    else:
        try:
            shape = tuple(operator.index(n) for n in x)
        except TypeError:
            raise TypeError(f"Broadcasting takes two shapes such as (3, 1), or two arrays, not {x!r}") from None
        if min(shape, default=0) < 0:
            raise ValueError(f"a shape has no negative sizes, got {shape}")
        # A stand-in without entries where there would be too many to draw.
        large = int(np.prod(shape, dtype=object)) > _MOST
        array = np.broadcast_to(np.int64(0), shape) if large else unit * (1 + np.arange(int(np.prod(shape)))).reshape(shape)
    if array.ndim > _MOST_DIMS:
        raise ValueError(f"Broadcasting shows at most {_MOST_DIMS} dims, got shape {array.shape}")
    return array
