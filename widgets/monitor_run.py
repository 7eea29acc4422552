"""One training as a monitor takes it down: a row for each step, now and then a sample of its layers, a look at examples."""

from __future__ import annotations

from bisect import bisect_right
from itertools import chain
from time import perf_counter, thread_time
from typing import Any

import numpy as np

from .monitor_examples import Examples
from .monitor_hints import Hint, hints
from .monitor_layers import Layers

_SAMPLES, _LOOKS = 128, 48  # of more, every second one is dropped
_PACE = 3.0  # seconds over which the pace is taken
_DIGITS = 5  # of a number that is saved


class Run:
    """One training.

    `steps` are the numbers of its rows, `metrics` a column for each metric (None where it was not logged), `samples` and
    `looks` what was measured at some of the rows.
    """

    def __init__(self, name: str, model: Any, examples: Examples | None = None, total: int | None = None):
        if total is not None and (isinstance(total, bool) or not isinstance(total, int) or total < 1):
            raise TypeError(f"total is how many steps there will be, not {total!r}: epochs * len(loader)")
        self.name, self.total, self.examples, self.model = name, total, examples, model
        self.layers = Layers(model) if model is not None else None
        self.steps: list[int] = []
        self.metrics: dict[str, list[float | None]] = {}
        self.waiting: list[dict[str, float]] = []  # steps that are not taken down yet
        self.samples: list[dict[str, Any]] = []
        self.looks: list[dict[str, Any]] = []
        self.began = self.last = perf_counter()
        self.computing = thread_time()  # of this thread when it began: what else the machine does is not the training's time
        self.attended = self.look_cost = 0.0  # seconds that it was attended to in all; that the last look took
        self.noisy: int | None = None  # the row at which answers in training mode were first noticed
        self._paces = [(self.began, 0)]
        self._hints: list[Hint] = []
        self._hinted = -1

    @property
    def spent(self) -> float:
        """Seconds that watching it has taken."""
        return self.attended + (self.layers.spent if self.layers is not None else 0.0)

    # ---- while it runs
    def take(self, now: float) -> None:
        """Take down the steps that wait; a metric that is missing in one of them has no value there."""
        if not self.waiting:
            return
        self.last = now
        for metrics in self.waiting:
            self._add(len(self.steps), metrics)
        self.waiting.clear()

    def add_numbered(self, number: int | None, metrics: dict[str, Any]) -> None:
        """One step with a number of its own."""
        if not metrics:
            raise TypeError(f"log takes metrics by name, as in log(loss=loss), and got {number!r} alone")
        if isinstance(number, bool) or not isinstance(number, int):
            raise TypeError(f"a step's number is a whole number, not {number!r}: write log(loss=loss)")
        values = {name: number_of(name, value) for name, value in metrics.items()}
        self.take(perf_counter())
        self.last = perf_counter()
        self._add(number, values)

    def _add(self, step: int, metrics: dict[str, float]) -> None:
        if metrics.keys() != self.metrics.keys():
            for name in metrics:
                if name not in self.metrics:
                    self.metrics[name] = [None] * len(self.steps)
        self.steps.append(step)
        for name, column in self.metrics.items():
            column.append(metrics.get(name))

    def measure(self) -> bool:
        """A sample of the step that was just taken down; whether samples were dropped, which then are all to be sent."""
        assert self.layers is not None
        row = len(self.steps) - 1
        self.samples.append({"row": row, **self.layers.measure()})
        if self.noisy is None and self.layers.noisy_answers:
            self.noisy = row
        return _halved(self.samples, _SAMPLES)

    def look(self) -> bool:
        """Ask the model its examples; whether older answers were dropped."""
        if self.examples is None or self.model is None or not self.steps:
            return False
        row = len(self.steps) - 1
        if self.looks and self.looks[-1]["row"] == row:
            return False
        start = thread_time()
        self.looks.append({"row": row, **self.examples.look(self.model)})
        self.look_cost = thread_time() - start
        return _halved(self.looks, _LOOKS)

    def due(self, measured: list[dict[str, Any]], apart: float) -> float:
        """From how many rows on it is time for a sample or a look that comes in any case: the later, the rarer."""
        return apart * measured[-1]["row"] if measured else 0.0

    def clock(self) -> dict[str, Any]:
        """Seconds since it began, steps there will be, and seconds left at the pace of the last few."""
        rows, now = len(self.steps), self.last
        while len(self._paces) > 1 and now - self._paces[1][0] > _PACE:
            self._paces.pop(0)
        then, before = self._paces[0]
        self._paces.append((now, rows))
        left = (self.total - rows) * (now - then) / (rows - before) if self.total and rows > before else None
        left = None if left is None else round(max(0.0, left), 2)
        return {"seconds": round(now - self.began, 3), "total": self.total, "left": left}

    def hints(self) -> list[Hint]:
        """What could be wrong with it, as far as it is known."""
        if self._hinted != len(self.steps):
            if self.noisy is None and self.layers is not None and self.layers.noisy_answers:
                self.noisy = len(self.steps) - 1
            self._hints, self._hinted = hints(self), len(self.steps)
        return self._hints

    def about(self) -> dict[str, Any]:
        """What does not change from row to row."""
        known: dict[str, Any] = {"name": self.name, "layers": [], "modules": []}
        if self.layers is not None:
            known |= {"layers": self.layers.names, "modules": self.layers.modules}
        return known | ({"examples": self.examples.about()} if self.looks and self.examples else {})

    # ---- afterwards
    def saved(self, rows: int, histograms: int) -> dict[str, Any]:
        """The run as the front end reads it, with about so many rows and histograms at most."""
        each = len(self.samples[0]["hist"]) + len(self.samples[0]["out"]) if self.samples else 1
        samples = _spread(self.samples, max(8, histograms // max(1, each)))
        kept = self._rows(rows, {x["row"] for x in chain(samples, self.looks)})
        place = {row: k for k, row in enumerate(kept)}

        def moved(measured: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return [short(m) | {"row": place[m["row"]]} for m in measured]

        return self.about() | {
            "steps": _steps([self.steps[r] for r in kept]),
            "metrics": {name: short([column[r] for r in kept]) for name, column in self.metrics.items()},
            "samples": moved(samples), "looks": moved(self.looks), "clock": self.clock() | {"left": None},
            "hints": [h.data() | {"row": max(0, bisect_right(kept, h.row) - 1)} for h in self.hints()],
        }

    def _rows(self, most: int, needed: set[int]) -> list[int]:
        """The rows that are saved of a long run: lowest and highest of each stretch, and what is needed besides."""
        n = len(self.steps)
        if n <= most:
            return list(range(n))
        wide = -(-2 * n // most)
        rows = {0, n - 1, *needed}
        for column in self.metrics.values():
            values = np.array(column[: n - n % wide], float).reshape(-1, wide)
            starts = np.arange(len(values)) * wide
            gaps = np.isnan(values)
            for ends in (np.where(gaps, np.inf, values).argmin(1), np.where(gaps, -np.inf, values).argmax(1)):
                rows.update((starts + ends).tolist())
        return sorted(rows)


def number_of(name: str, value: Any) -> float:
    """A metric as a float."""
    try:
        return float(value.item() if hasattr(value, "item") else value)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"a metric is one number, and {name}={value!r} is not: take its mean, or leave it out") from None


def _halved(measured: list[dict[str, Any]], most: int) -> bool:
    """Drops every second of too many, but not the last; whether it did."""
    if len(measured) <= most:
        return False
    measured[:] = [*measured[:-1:2], measured[-1]]
    return True


def _spread(measured: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """About as far apart as they were, but no more than that many."""
    if len(measured) <= most:
        return measured
    return [measured[int(k)] for k in np.linspace(0, len(measured) - 1, most).round()]


def whole(column: list[Any]) -> list[Any]:
    """A column as JSON can hold it, quickly."""
    return [v if v is None or v - v == 0 else short(v) for v in column]


def _steps(steps: list[int]) -> Any:
    """Numbers of steps; where they are counted off evenly, only how."""
    if len(steps) > 2:
        by = steps[1] - steps[0]
        if by > 0 and steps == list(range(steps[0], steps[0] + by * len(steps), by)):
            return {"from": steps[0], "by": by, "count": len(steps)}
    return steps


def short(data: Any) -> Any:
    """The same data with no more digits than are looked at, and as JSON can hold it: what is no number is text."""
    if isinstance(data, float):
        if data != data or abs(data) == float("inf"):
            return "NaN" if data != data else "Infinity" if data > 0 else "-Infinity"
        return float(f"{data:.{_DIGITS}g}")
    if isinstance(data, list | tuple):
        return [short(x) for x in data]
    return {key: short(x) for key, x in data.items()} if isinstance(data, dict) else data
