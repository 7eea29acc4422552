"""TrainingMonitor: a training watched while it runs, and every step of it revisited afterwards."""

from __future__ import annotations

import sys
import weakref
from time import perf_counter, thread_time
from typing import Any

import traitlets

from .frame import Frame, as_text
from .monitor_examples import Examples
from .monitor_run import Run, number_of, short, whole

_PAUSE = 0.05  # seconds between two messages to the browser
_ALLOWANCE = 0.06  # seconds of computing that measuring may take in any run: of a short one, too, something should be seen
_GLANCE = 32  # steps at most between two looks at the clock
_LOADING = 6.0  # seconds in which the page may not be listening yet: all is sent again, at growing distances
_THINKING = 1.0  # seconds at least between two times that hints are looked for while a training runs
_NUMBERS, _HISTOGRAMS = 24_000, 1_600  # that are saved of all runs together


class TrainingMonitor(Frame):
    """Draw the metrics of a training as it runs, beside what its layers do and what it answers.

    Args:
        model: a module whose layers are to be watched; without one only metrics are drawn.
        title: what stands above.
        name: what the first run is called.
        total: how many steps there will be: then it says how much time is left.
        examples: `(inputs, classes)` that the model is asked now and then, in eval mode: it shows how many are right and
            which are taken for which; of pictures, those that are misread; of pairs of numbers, the plane and its borders.
        classes: what the classes are called.
        threshold: for a model with one output, from where on it means class 1 (0 for raw scores, 0.5 after a sigmoid).
        hints: whether to say what could be wrong; a button changes it.
        budget: the share of the training's computing that measuring may take: layers and examples are measured as often as
            it allows, and at growing distances in any case until that has taken 0.06 s.
        logarithmic: powers of ten on the upright axes.
        smoothing: weight of the past in the curves, from 0 to 0.99.

    Call `monitor.log(loss=loss, …)` after each step of the optimiser, before the gradients are cleared: numbers or
    tensors with one element; a metric need not be in every call. `monitor.run(name, model)` begins another run, drawn
    over the ones before. What is shown is written into the notebook when the cell ends; of a long training every
    so many rows, with its peaks.
    """

    _bundle = "monitor"
    _saved = ("data", "smoothing", "logarithmic", "hints", "hidden", "watched", "pane")

    data = traitlets.Unicode(help="all runs, as JSON").tag(sync=True)
    smoothing = traitlets.Float(0.0, min=0.0, max=0.99, help="weight of the past").tag(sync=True)
    logarithmic = traitlets.Bool(False, help="powers of ten upwards").tag(sync=True)
    hints = traitlets.Bool(True, help="whether to say what could be wrong").tag(sync=True)
    hidden = traitlets.List(traitlets.Int(), help="runs that are not drawn, by their place").tag(sync=True)
    watched = traitlets.Int(-1, help="the run whose layers are shown, by its place; -1 is the last one").tag(sync=True)
    pane = traitlets.Unicode("", help="beside the curves: weights, outputs, examples, or nothing chosen").tag(sync=True)

    def __init__(
        self,
        model: Any = None,
        *,
        title: str = "Training",
        name: str = "run 1",
        total: int | None = None,
        examples: Any = None,
        classes: Any = None,
        threshold: float = 0.0,
        hints: bool = True,
        budget: float = 0.006,
        logarithmic: bool = False,
        smoothing: float = 0.0,
    ) -> None:
        self._title, self._budget, self._total = title, budget, total
        self._examples = Examples(examples, classes, threshold) if examples is not None else None
        self._runs: list[Run] = [Run(name, model, self._examples, total)]
        super().__init__(data=self._text(), logarithmic=logarithmic, smoothing=smoothing, hints=hints, step=-1)
        self._unsaved = False
        self._began = self._sent = self._thought = self._glanced = perf_counter()
        self._due, self._due_row = 0.0, 0  # nothing is to be done before that time and that row
        self._patience = 1  # steps that are only put down before the clock is looked at
        self._again = 2 * _PAUSE  # seconds after which all is sent again
        self._next = [0, 0, 0]  # rows, samples and looks of the present run that were sent
        _at_the_end_of_a_cell(self)

    def run(self, name: str, model: Any = None, *, total: int | None = None) -> None:
        """Begin another run; `total` is how many steps it will have, if not as many as the first."""
        new = Run(name, model, self._examples, total or self._total)
        self._finish()
        if len(self._runs) == 1 and not self._runs[0].steps:
            self._runs = []
        self._runs.append(new)
        self._next = [0, 0, 0]
        self._due, self._patience, self._unsaved = 0.0, 1, True

    def log(self, number: int | None = None, /, **metrics: Any) -> None:
        """Take down the metrics of one training step; `number` where steps are not counted 0, 1, 2 …"""
        run = self._runs[-1]
        if number is not None or not metrics:
            run.add_numbered(number, metrics)
            return self._glance(run)
        # As little as can be done here: a quick training takes ten thousand steps a second.
        for name, value in metrics.items():
            if type(value) is not float:
                metrics[name] = number_of(name, value)
        run.waiting.append(metrics)
        return self._glance(run) if len(run.waiting) >= self._patience else None

    def suspicions(self) -> list[str]:
        """What could be wrong with each run, in words."""
        self._runs[-1].take(perf_counter())
        return [f"{run.name}: could be: {h.could_be}. {h.saw} {h.look}" for run in self._runs for h in run.hints()]

    def settle(self) -> None:
        """Put all that is known into the widget's saved state."""
        if self._unsaved or self._runs[-1].waiting:
            self._finish()
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

    def _glance(self, run: Run) -> None:
        """Take down what waits, and see whether anything is due."""
        now = perf_counter()
        a_step, self._glanced = (now - self._glanced) / max(1, len(run.waiting)), now
        run.take(now)
        rows = len(run.steps)
        if now > self._due or rows > self._due_row:
            self._attend(run, now)
        in_a_pause = int(_PAUSE / max(a_step, 1e-9))  # of a slow training every step is looked at
        self._patience = 1 if self._due == 0.0 else max(1, min(_GLANCE, in_a_pause, self._due_row - rows + 1))

    def _attend(self, run: Run, now: float) -> None:
        """Whatever is due: to measure this step, the next one, or the examples, and to send what is new."""
        self._unsaved, start = True, thread_time()
        spent, allowed = run.spent, self._budget * (start - run.computing)
        rows, early = len(run.steps), spent < _ALLOWANCE
        if run.layers is not None:
            run.layers.listen()
            if run.layers.armed:
                if run.measure():
                    self._next[1] = 0
            elif spent <= allowed or (early and rows > run.due(run.samples, 1.1)):
                run.layers.arm()
            if run.examples is not None and (spent + run.look_cost <= allowed or (early and rows > run.due(run.looks, 1.2))):
                self._look(run)
        if now - self._sent > _PAUSE:
            self._flush()
        end = thread_time()
        run.attended += end - start
        self._plan(run, now, end - run.computing)

    def _plan(self, run: Run, now: float, computed: float) -> None:
        """When there is something to do again: a time, or a number of rows."""
        self._due, self._due_row = self._sent + _PAUSE, sys.maxsize
        if run.layers is not None:
            if run.layers.armed:
                self._due = 0.0
            elif self._budget:
                self._due = min(self._due, now + max(0.0, run.spent / self._budget - computed))
            if run.spent < _ALLOWANCE:
                looks = run.due(run.looks, 1.2) if run.examples is not None else sys.maxsize
                self._due_row = int(min(run.due(run.samples, 1.1), looks))

    def _look(self, run: Run) -> None:
        if run.look():
            self._next[2] = 0

    def _finish(self) -> None:
        """The present run is over, or waits: its model is asked once more, and all is sent."""
        run = self._runs[-1]
        run.take(run.last if not run.waiting else perf_counter())
        if run.layers is not None:
            run.layers.close()
        self._look(run)
        self._flush()

    def _flush(self) -> None:
        run, now = self._runs[-1], perf_counter()
        self._sent = now
        if self._next[0] == len(run.steps):
            return
        if self._again < min(now - self._began, _LOADING):
            self._next, self._again = [0, 0, 0], 2 * self._again
        rows, samples, looks = self._next
        message: dict[str, Any] = run.about() if rows == 0 or self._next[2] == 0 else {"name": run.name}
        if now - self._thought > max(_THINKING, 0.1 * (now - self._began)):
            self._thought = now
            message["hints"] = [h.data() for h in run.hints()]
        self.send(message | {
            "run": len(self._runs) - 1, "from": [rows, samples, looks], "steps": run.steps[rows:],
            "metrics": {name: whole(values[rows:]) for name, values in run.metrics.items()},
            "samples": short(run.samples[samples:]), "looks": short(run.looks[looks:]), "clock": run.clock(),
        })
        self._next = [len(run.steps), len(run.samples), len(run.looks)]

    def _text(self) -> str:
        self._runs[-1].take(perf_counter())
        columns = sum(1 + len(r.metrics) for r in self._runs)
        runs = [r.saved(max(200, _NUMBERS // columns), _HISTOGRAMS // len(self._runs)) for r in self._runs]
        return as_text({"format": "training", "version": 2, "title": self._title, "runs": runs})

    def __repr__(self) -> str:
        steps = sum(len(r.steps) + len(r.waiting) for r in self._runs)
        return f"<TrainingMonitor of {steps} steps in {len(self._runs)} runs: run this cell to see it>"


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
