"""TrainingMonitor: a training watched while it runs, and every step of it revisited afterwards."""

from __future__ import annotations

import sys
import weakref
from time import perf_counter
from typing import Any

import numpy as np
import traitlets

from .frame import Frame, as_text

_BINS = 32
_PAUSE = 0.05  # seconds between two messages to the browser
_ALLOWANCE = 0.05  # seconds that measuring may take in any case: of a short training, too, something should be seen
_LOADING = 3.0  # seconds in which the page may not be listening yet: all is sent again each time
_ROWS = 20_000  # rows of a run that are saved; of a longer one every so many


class TrainingMonitor(Frame):
    """Draw the metrics of a training as it runs, beside what its layers do.

    Args:
        model: a module whose parameters are to be watched; without one only metrics are drawn.
        title: what stands above.
        name: what the first run is called.
        budget: the share of the training's time that measuring layers may take: they are measured as often as it allows.
        logarithmic: powers of ten on the upright axes.
        smoothing: weight of the past in the curves, from 0 to 0.99.

    Call `monitor.log(loss=loss, …)` after each step of the optimiser, before the gradients are cleared: numbers or
    tensors with one element. `monitor.run(name, model)` begins another run, drawn over the ones before. What is shown
    is written into the notebook when the cell ends.
    """

    _bundle = "monitor"
    _saved = ("data", "smoothing", "logarithmic")

    data = traitlets.Unicode(help="all runs, as JSON").tag(sync=True)
    smoothing = traitlets.Float(0.0, min=0.0, max=0.99, help="weight of the past").tag(sync=True)
    logarithmic = traitlets.Bool(False, help="powers of ten upwards").tag(sync=True)

    def __init__(
        self,
        model: Any = None,
        *,
        title: str = "Training",
        name: str = "run 1",
        budget: float = 0.015,
        logarithmic: bool = False,
        smoothing: float = 0.0,
    ) -> None:
        self._title, self._budget = title, budget
        self._runs: list[Run] = [Run(name, model)]
        super().__init__(data=self._text(), logarithmic=logarithmic, smoothing=smoothing, step=-1)
        self._unsaved = False
        self._spent = 0.0
        self._began = self._sent = perf_counter()
        _at_the_end_of_a_cell(self)

    def run(self, name: str, model: Any = None) -> None:
        """Begin another run."""
        self._flush()
        if len(self._runs) == 1 and not self._runs[0].steps:
            self._runs = []
        self._runs.append(Run(name, model))
        self._unsaved = True

    def log(self, number: int | None = None, /, **metrics: Any) -> None:
        """Take down the metrics of one training step; `number` where steps are not counted 0, 1, 2 …"""
        start = perf_counter()
        run = self._runs[-1]
        run.add(number, metrics)
        self._unsaved = True
        if run.parameters:
            if run.before is not None:
                run.measure()
            elif self._spent <= self._budget * (start - self._began) or (run.early() and self._spent < _ALLOWANCE):
                run.remember()
        if start - self._sent > (_PAUSE if start - self._began > _LOADING else 4 * _PAUSE):
            self._flush()
        self._spent += perf_counter() - start

    def settle(self) -> None:
        """Put all that is known into the widget's saved state."""
        self._flush()
        if self._unsaved:
            self.data = self._text()
            self._unsaved = False

    def to_html(self, path: Any) -> Any:
        """Write the monitor as one HTML page that works anywhere, without Jupyter and without a network."""
        self.settle()
        return super().to_html(path)

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> Any:
        """The state a page gets that is opened while a training runs."""
        state = super().get_state(key, drop_defaults)
        if "data" in state:
            state["data"] = self._text()
        return state

    def _flush(self) -> None:
        run = self._runs[-1]
        self._sent = perf_counter()
        if run.sent == len(run.steps):
            return
        if self._sent - self._began < _LOADING:
            run.sent = run.sampled = 0
        self.send({
            "run": len(self._runs) - 1, "name": run.name, "from": [run.sent, run.sampled],
            "steps": run.steps[run.sent:], "layers": run.layers,
            "metrics": {name: _whole(values[run.sent:]) for name, values in run.metrics.items()},
            "samples": [{k: v if k == "row" else _whole(v) for k, v in s.items()} for s in run.samples[run.sampled:]],
        })
        run.sent, run.sampled = len(run.steps), len(run.samples)

    def _text(self) -> str:
        return as_text({"format": "training", "version": 1, "title": self._title, "runs": [r.saved() for r in self._runs]})

    def __repr__(self) -> str:
        steps = sum(len(r.steps) for r in self._runs)
        return f"<TrainingMonitor of {steps} steps in {len(self._runs)} runs: run this cell to see it>"


class Run:
    """One training: a row for each step, and now and then a sample of every layer."""

    def __init__(self, name: str, model: Any):
        self.name = name
        if model is not None and not hasattr(model, "named_parameters"):
            raise TypeError(f"a training is watched by its model, a module with parameters, not by {type(model).__name__}")
        named = list(model.named_parameters()) if model is not None else []
        self.layers = [layer for layer, _ in named]
        self.parameters = [p for _, p in named]
        self.steps: list[int] = []
        self.metrics: dict[str, list[float]] = {}
        self.samples: list[dict[str, Any]] = []
        self.before: list[Any] | None = None
        self.sent = self.sampled = 0

    def add(self, number: int | None, metrics: dict[str, Any]) -> None:
        """One row; a metric that is missing in it is not a number."""
        if not metrics:
            raise TypeError(f"log takes metrics by name, as in log(loss=loss), and got {number!r} alone")
        if number is not None and (isinstance(number, bool) or not isinstance(number, int)):
            raise TypeError(f"a step's number is a whole number, not {number!r}: write log(loss=loss)")
        values = {name: _number(name, value) for name, value in metrics.items()}    # all of them, or nothing is taken down
        rows = len(self.steps)
        self.steps.append(rows if number is None else number)
        for name, value in values.items():
            column = self.metrics.get(name)
            if column is None:
                column = self.metrics[name] = [float("nan")] * rows
            column.append(value)
        if len(metrics) < len(self.metrics):
            for column in self.metrics.values():
                if len(column) == rows:
                    column.append(float("nan"))

    def early(self) -> bool:
        """Whether it is time for a sample that is due in any case: the later, the rarer."""
        last = self.samples[-1]["row"] if self.samples else -1
        return len(self.steps) > 1.1 * last

    def remember(self) -> None:
        """Copies of the weights, to see at the next step how far they moved."""
        self.before = [np.array(_array(p)) for p in self.parameters]

    def measure(self) -> None:
        """A sample: gradients as they are, and how far the weights moved since they were remembered."""
        sample: dict[str, Any] = {"row": len(self.steps) - 1, "grad": [], "ratio": [], "hist": []}
        assert self.before is not None
        for p, old in zip(self.parameters, self.before, strict=True):
            size = float(np.linalg.norm(old))
            moved = float(np.linalg.norm(_array(p) - old))
            sample["ratio"].append(moved / size if size else None)
            gradient = None if p.grad is None else _array(p.grad).ravel()
            sample["grad"].append(None if gradient is None else float(np.linalg.norm(gradient)))
            sample["hist"].append([] if gradient is None else _histogram(gradient))
        self.samples.append(sample)
        self.before = None

    def saved(self) -> dict[str, Any]:
        """The run as the front end reads it, of a long one every so many rows."""
        last = len(self.steps) - 1
        every = -(-len(self.steps) // _ROWS) or 1
        rows = [*range(0, last, every), last] if last >= 0 else []
        return {
            "name": self.name, "layers": self.layers, "steps": [self.steps[r] for r in rows],
            "metrics": {name: [column[r] for r in rows] for name, column in self.metrics.items()},
            "samples": [{k: _gaps(v) for k, v in (s | {"row": s["row"] // every}).items()} for s in self.samples],
        }


def _number(name: str, value: Any) -> float:
    """A metric as a float."""
    try:
        return float(value.item() if hasattr(value, "item") else value)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"a metric is one number, and {name}={value!r} is not: take its mean, or leave it out") from None


def _array(t: Any) -> Any:
    """A tensor's numbers as a NumPy array."""
    t = t.detach() if hasattr(t, "detach") else t
    return np.asarray(t.cpu().numpy() if hasattr(t, "cpu") else t.numpy())


def _histogram(values: Any) -> list[float]:
    """Lowest, highest, and counts in equal bins between, of what is finite."""
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(low + high):
        values = values[np.isfinite(values)]
        if not values.size:
            return []
        low, high = float(values.min()), float(values.max())
    width = (high - low) / _BINS or 1.0
    # Much faster than np.histogram, whose edges need not be equally far apart.
    counts = np.bincount(np.minimum((values - low) / width, _BINS - 1).astype(np.intp), minlength=_BINS)
    return [low, high, *counts.tolist()]


def _gaps(value: Any) -> Any:
    """What has no number is no number."""
    return ["NaN" if x is None else x for x in value] if isinstance(value, list) else value


def _whole(values: list[Any]) -> list[Any]:
    """Numbers as JSON can hold them."""
    return [
        _whole(v) if isinstance(v, list) else "NaN" if v is None or v != v
        else v if abs(v) != float("inf") else "Infinity" if v > 0 else "-Infinity" for v in values
    ]


def _at_the_end_of_a_cell(monitor: TrainingMonitor) -> None:
    """Have the monitor's state saved whenever a notebook's cell has run."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        return
    known = weakref.ref(monitor)

    def settle(*_: Any) -> None:
        alive = known()
        if alive is None or alive.comm is None:
            shell.events.unregister("post_run_cell", settle)
        else:
            alive.settle()

    shell.events.register("post_run_cell", settle)
