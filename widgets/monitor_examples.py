"""What a model that is being trained answers to a few examples, asked again and again: right and wrong, and where."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from .monitor_layers import array, digits

_GRID = 32  # places across the plane at which a model of two numbers is asked
_SHOWN = 200  # examples of which each answer is kept
_PIXELS = 30_000  # of all pictures together
_SIDE = 8  # a row of numbers is a picture if it has at least so many lines
_MATRIX = 20  # more classes than that are not crossed with each other
_FIELDS = 6  # nor drawn over the plane


class Examples:
    """Inputs with the classes they belong to.

    Args:
        pair: inputs and whole-numbered classes, `(x, y)` or a dataset that has both in `tensors`.
        classes: what the classes are called; by default their numbers.
        threshold: for a model with one output, from where on it means class 1: 0 for raw scores, 0.5 after a sigmoid.
    """

    def __init__(self, pair: Any, classes: Any = None, threshold: float = 0.0):
        pair = getattr(pair, "tensors", pair)
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(f"examples are inputs and their classes, (x, y), not {type(pair).__name__}")
        self.x, y = pair[0], array(pair[1])
        self.inputs = array(self.x)
        if y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
        if y.ndim != 1 or len(y) != len(self.inputs) or not len(y):
            raise ValueError(f"examples need one class each, not {y.shape} for inputs of shape {self.inputs.shape}")
        if not np.isfinite(y.astype(float)).all() or (y != np.floor(y)).any() or y.min() < 0 or y.max() > 63:
            raise ValueError("classes are whole numbers from 0 to 63: leave examples out where a model predicts a number")
        self.y, self.threshold = y.astype(int), threshold
        self.classes = None if classes is None else [str(name) for name in classes]
        if self.classes is not None and len(self.classes) <= self.y.max():
            raise ValueError(f"there is a class {self.y.max()} among the examples, and names for {len(self.classes)}")
        self.count = len(self.classes or ()) or max(2, int(self.y.max()) + 1)
        self._field: Any = None

    def look(self, model: Any) -> dict[str, Any]:
        """What the model answers now, in use (`eval`), without a trace in its mode or its graph."""
        modes = [(m, m.training) for m in model.modules()] if hasattr(model, "modules") else []
        library = _library([*model.parameters(), self.x])
        try:
            if modes:
                model.eval()
            with library.no_grad():
                scores = array(model(self._asked(library)))
                field = array(model(self._grid(library))) if self._plane else None
        finally:
            for module, training in modes:
                module.training = training
        return self._answers(scores.astype(float), field)

    def about(self) -> dict[str, Any]:
        """What does not change from look to look."""
        shown = min(len(self.y), _SHOWN)
        known: dict[str, Any] = {
            "count": len(self.y), "classes": self.classes or [str(k) for k in range(self.count)],
            "truth": digits(self.y[:shown]),
        }
        if self._plane:
            (left, bottom), (right, top) = self._corners()
            points = self.inputs[:shown].round(4).tolist()
            known["plane"] = {"across": _GRID, "box": [left, right, bottom, top], "points": points}
        elif (images := self._images()) is not None:
            known["images"] = {"shape": list(images.shape[1:]), "grey": [digits(i.ravel()) for i in images[:shown]]}
        return known

    @property
    def _plane(self) -> bool:
        return bool(self.inputs.ndim == 2 and self.inputs.shape[1] == 2)

    def _answers(self, scores: Any, field: Any) -> dict[str, Any]:
        if scores.ndim == 1:
            scores = scores[:, None]
        if scores.ndim != 2 or len(scores) != len(self.y):
            raise ValueError(f"{len(self.y)} examples need a row of scores each; the model gave the shape {scores.shape}")
        self.count = max(self.count, scores.shape[1])
        said = scores.argmax(axis=1) if scores.shape[1] > 1 else (scores[:, 0] > self.threshold).astype(int)
        look: dict[str, Any] = {"right": int((said == self.y).sum()), "said": digits(said[:_SHOWN] % 64)}
        if self.count <= _MATRIX:
            look["matrix"] = np.bincount(self.y * self.count + said, minlength=self.count**2).tolist()
        if field is not None and scores.shape[1] <= _FIELDS:
            look["field"] = self._margins(field.astype(float).reshape(_GRID**2, -1))
        return look

    def _margins(self, scores: Any) -> list[str]:
        """By how much each class leads at each place: one field where there are two, one for each where there are more."""
        if scores.shape[1] == 1:
            leads = [(scores[:, 0] - self.threshold) * (1 if self.threshold == 0 else 8)]
        elif scores.shape[1] == 2:
            leads = [scores[:, 1] - scores[:, 0]]
        else:
            leads = [scores[:, k] - np.delete(scores, k, axis=1).max(axis=1) for k in range(scores.shape[1])]
        return [digits(np.nan_to_num(31.5 + 31.5 * np.tanh(lead / 2), nan=31.5).round()) for lead in leads]

    def _corners(self) -> tuple[list[float], list[float]]:
        low, high = self.inputs.min(axis=0), self.inputs.max(axis=0)
        edge = 0.08 * (high - low) + 1e-9
        return (low - edge).astype(float).tolist(), (high + edge).astype(float).tolist()

    def _grid(self, library: Any) -> Any:
        if self._field is None:
            low, high = self._corners()
            xs, ys = (np.linspace(a, b, _GRID) for a, b in zip(low, high, strict=True))
            places = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
            self._field = _tensor(library, places.astype(self.inputs.dtype), self.x)
        return self._field

    def _asked(self, library: Any) -> Any:
        if not hasattr(self.x, "requires_grad"):
            self.x = _tensor(library, self.inputs, self.x)
        return self.x

    def _images(self) -> Any:
        """Pictures in 16 greys, if the inputs are some."""
        some = self.inputs
        if some.ndim == 2 and (side := math.isqrt(some.shape[1])) ** 2 == some.shape[1] and side >= _SIDE:
            some = some.reshape(-1, side, side)
        if some.ndim == 4:
            some = some.mean(axis=1)
        if some.ndim != 3 or min(some.shape[1:]) < 2:
            return None
        some = some[: max(1, _PIXELS // (some.shape[1] * some.shape[2]))].astype(float)
        low, high = float(some.min()), float(some.max())
        return ((some - low) / (high - low or 1.0) * 15).round()


def _library(things: list[Any]) -> Any:
    """The framework that a model's weights, or its inputs, belong to."""
    return sys.modules[type(things[0]).__module__.partition(".")[0]]


def _tensor(library: Any, values: Any, like: Any) -> Any:
    made = library.tensor(values)
    return made.to(like.device) if hasattr(like, "device") and hasattr(like, "requires_grad") else made
