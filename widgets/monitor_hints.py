"""What could be wrong with a training, from what was taken down of it: each hint says what it saw and where to look next.

A hint is a suspicion. Causes that can be seen directly come first; where one of them is found, symptoms that follow
from it (steps that are too long, a loss that does not move) are not named as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .monitor_run import Run

_ROWS = 60  # fewer say nothing about a loss that does not move
_FELL = 0.85  # a loss above this share of its start has hardly fallen


@dataclass(frozen=True)
class Hint:
    """What could be wrong, seen from step `row` on: what was seen, and where to look next."""

    row: int
    could_be: str
    saw: str
    look: str

    def data(self) -> dict[str, Any]:
        """As the front end reads it."""
        return asdict(self)


class Loss:
    """The loss of a run, wherever it was logged: the metric of that name, or the first whose name has it."""

    def __init__(self, run: Run):
        name = "loss" if "loss" in run.metrics else next((n for n in run.metrics if "loss" in n.lower()), None)
        column = run.metrics[name] if name else []
        self.rows = np.array([r for r, v in enumerate(column) if v is not None]) if None in column else np.arange(len(column))
        self.values = np.array(column, float)[self.rows]
        finite = self.values[np.isfinite(self.values)]
        self.start = float(finite[: max(1, len(finite) // 50)].mean()) if finite.size else math.nan
        self.now = float(finite[-max(1, len(finite) // 8):].mean()) if finite.size else math.nan

    @property
    def is_flat(self) -> bool:
        """Whether it has hardly fallen in all this time."""
        return len(self.values) >= _ROWS and self.start > 0 and self.now > _FELL * self.start

    def __str__(self) -> str:
        return f"After {len(self.values)} steps the loss is {self.now:.3g}; it began at {self.start:.3g}."


def hints(run: Run) -> list[Hint]:
    """Every suspicion about a run, causes first."""
    found = [hint for cause in _CAUSES if (hint := cause(run)) is not None]
    if not found:
        loss = Loss(run)
        # In this order: the first that fits is said.
        found = [hint for symptom in _SYMPTOMS if (hint := symptom(run, loss)) is not None][:1]
    return found


# ---- causes: seen directly


def _carried(run: Run) -> Hint | None:
    seen = _mostly(run, lambda s: s.get("carried", 0.0) > 0.3)
    if not seen:
        return None
    last = seen[-1]
    return Hint(
        seen[0]["row"], "gradients are not cleared",
        f"When the backward of step {_step(run, last)} began, a gradient was there already: {100 * last['carried']:.0f} % of "
        "the length of the one that the optimiser was then given.",
        "Is zero_grad() called once in each step? (Where gradients of several batches are gathered on purpose, all is well.)",
    )


def _broadcast(run: Run) -> Hint | None:
    seen = _mostly(run, lambda s: abs(s.get("alone", 0.0)) > 0.9999)
    return Hint(
        seen[0]["row"], "shapes are broadcast in the loss",
        "What the loss wants changed in an answer depends on that answer alone, and not on its own target: "
        "each answer is compared with every target.",
        "Print the shapes of the answer and of the target just before the loss: (N, 1) against (N,) makes N × N differences.",
    ) if seen else None


def _softmax_twice(run: Run) -> Hint | None:
    def is_so(s: dict[str, Any]) -> bool:
        low, high = s.get("sums", (0.0, 0.0))
        return low > 0.999 and high < 1.001 and s.get("unbalanced", 1.0) < 1e-3

    seen = _mostly(run, is_so)
    return Hint(
        seen[0]["row"], "softmax is applied twice",
        "The model's answers are probabilities (none is negative, those for one example add up to 1), and the loss treats "
        "them as raw scores: its slopes add up to 0 for each example.",
        "Does the model end in a softmax, and the loss apply one too? With ten classes such a loss cannot fall below 1.46.",
    ) if seen else None


def _eval_mode(run: Run) -> Hint | None:
    moody = run.layers.moody if run.layers else []
    seen = [s for s in run.samples if s.get("training") is False]
    return Hint(
        seen[0]["row"], "it learns in eval mode",
        f"At step {_step(run, seen[0])} the model was in eval mode while gradients were computed, so {_listed(moody)} "
        "did not do what it does in training.",
        "Is model.train() called again after each evaluation?",
    ) if moody and seen else None


def _train_mode(run: Run) -> Hint | None:
    return Hint(
        run.noisy, "it is evaluated in training mode",
        "The model was asked without a gradient, as one asks to evaluate, while it was in training mode, where "
        f"{_listed(run.layers.moody)} changes its answers.",
        "Is model.eval() called before each evaluation, and model.train() after it? Ask twice for the same examples.",
    ) if run.noisy is not None and run.layers is not None else None


# ---- symptoms: what is said if no cause was seen


def _not_finite(run: Run, loss: Loss) -> Hint | None:
    bad = np.flatnonzero(~np.isfinite(loss.values))
    if not bad.size:
        return None
    first, row = int(bad[0]), int(loss.rows[bad[0]])
    before = f" At the last step that had one it was {_brief(loss.values[first - 1])}." if first else ""
    return Hint(
        row, "a step is too long, or a number has no logarithm",
        f"From step {run.steps[row]} on the loss is not a number.{before}",
        "Go back to the steps before: does the update grow beyond a tenth of the weights? Then a tenth of the learning rate, "
        "or clipping. If not, look for a division by 0 or the logarithm of 0.",
    )


def _too_high(run: Run, loss: Loss) -> Hint | None:
    if len(loss.values) < 3:
        return None
    start, peak, high = loss.values[0], float(loss.values.max()), loss.values > 3 * abs(loss.values[0]) + 1e-12
    longest = max(run.samples, key=lambda s: s["moved"] or 0.0, default=None)
    moved = (longest["moved"] or 0.0) if longest else 0.0
    if not high.any() or (run.samples and moved < 0.1):
        return None
    far = f" Step {_step(run, longest)} moved the weights by {_brief(100 * moved)} % of their size." if longest else ""
    return Hint(
        int(loss.rows[high.argmax()]), "the learning rate is too high",
        f"The loss began at {_brief(start)} and rose to {_brief(peak)}.{far}",
        "Try a tenth of the learning rate. A step that moves the weights by about a thousandth of their size is usual.",
    )


def _dead(run: Run, _: Loss) -> Hint | None:
    seen = [s for s in run.samples if any((share or 0) >= 0.8 for share in s["dead"])]
    if not seen or seen[-1] is not run.samples[-1] or run.layers is None:
        return None
    last = seen[-1]
    k = max(range(len(last["dead"])), key=lambda i: last["dead"][i] or 0)
    name, kind = run.layers.modules[k]
    return Hint(
        seen[0]["row"], "units are dead",
        f"{100 * last['dead'][k]:.0f} % of the units of {f'{kind} ({name})' if name else kind} gave 0 for every example of "
        f"the batch at step {_step(run, last)}; where a unit gives 0, no gradient passes.",
        "How do its weights and biases begin? Was there one very long step before? Look at the layer's outputs at step 0.",
    )


def _too_low(run: Run, loss: Loss) -> Hint | None:
    moves = _moves(run)
    if len(moves) < 3 or not loss.is_flat or float(np.median(moves)) > 1e-4:
        return None
    return Hint(
        int(loss.rows[_ROWS - 1]), "the learning rate is too low",
        f"{loss} A step moves the weights by about {_brief(100 * float(np.median(moves)))} % of their size.",
        "Try ten times the learning rate, and again, until the loss moves. A thousandth of the weights' size is usual.",
    )


def _vanishing(run: Run, _: Loss) -> Hint | None:
    if not run.samples or run.layers is None:
        return None
    last = run.samples[-1]
    lengths = [(g, n) for g, n in zip(last["grad"], run.layers.names, strict=True) if g is not None and "bias" not in n]
    if len(lengths) < 3 or not 0 < lengths[0][0] < 1e-4 * lengths[-1][0]:
        return None
    (front, first), (back, final) = lengths[0], lengths[-1]
    return Hint(
        last["row"], "gradients vanish on the way back",
        f"At step {_step(run, last)} the gradient of {first} is {_brief(front)} long, that of {final} {_brief(back)}.",
        "Sigmoids flatten what passes them: relu or tanh, and weights that begin so that the size of the numbers stays.",
    )


def _nothing_found(run: Run, loss: Loss) -> Hint | None:
    moves = _moves(run)
    if not moves or not loss.is_flat:
        return None
    return Hint(
        int(loss.rows[_ROWS - 1]), "the labels do not belong to the examples",
        f"{loss} Nothing else is out of order: the weights move by {_brief(100 * float(np.median(moves)))} % of their size "
        "per step, and gradients arrive.",
        "Look at ten examples and their labels as the model gets them. Then let it learn one batch by heart: if it can, the "
        "data are to blame; if it cannot, the model or the loss.",
    )


_CAUSES: tuple[Callable[[Run], Hint | None], ...] = (_broadcast, _carried, _softmax_twice, _eval_mode, _train_mode)
_SYMPTOMS: tuple[Callable[[Run, Loss], Hint | None], ...] = (
    _not_finite, _too_high, _dead, _too_low, _vanishing, _nothing_found,
)


# ---- what they look at


def _mostly(run: Run, test: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """The samples that show it, if it is most of them and more than one."""
    seen = [s for s in run.samples if test(s)]
    return seen if len(seen) > 1 and 2 * len(seen) >= len(run.samples) else []


def _moves(run: Run) -> list[float]:
    return [s["moved"] for s in run.samples if s["moved"] is not None]


def _step(run: Run, sample: dict[str, Any] | None) -> int:
    return run.steps[sample["row"]] if sample else 0


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3])


def _brief(number: float) -> str:
    """Two digits that count, written out where that is not longer than a line can bear."""
    if not math.isfinite(number) or abs(number) >= 1e9 or 0 < abs(number) < 1e-7:
        return f"{number:.1e}"
    return np.format_float_positional(float(f"{number:.2g}"), trim="-")
