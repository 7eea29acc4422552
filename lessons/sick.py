"""Trainings on digits that are sick, each in its own way, and what can be measured of each in a minute."""

import math
import random
from functools import cache
from typing import Any

import tinygrad_core as tg
from tinygrad_core import nn, optim
from tinygrad_core.data import DataLoader, digits
from tinygrad_core.functions import randperm
from tinygrad_core.nn import functional as F

CAUSES = (
    "healthy", "rate too high", "rate too low", "gradients not cleared", "softmax twice", "dead units", "labels shuffled",
    "shapes broadcast",
)
EXAMPLES = 50  # in a batch
GALLERY = dict(zip("ABCDEFGH", random.Random(3).sample(CAUSES, len(CAUSES)), strict=True))  # for guessing


class _Forgetful(optim.SGD):
    def zero_grad(self, set_to_none: bool = True) -> None:
        pass


@cache
def _digits() -> tuple[Any, Any]:
    images, labels = digits().tensors
    return images[:1000].reshape(-1, 64), labels[:1000]


def train(cause: str, seed: int = 0, epochs: int = 6, monitor: Any = None, name: str = "") -> dict[str, Any]:
    """Train a small network that has this illness, and tell what was measured.

    Args:
        cause: one of `CAUSES`.
        seed: another one gives another start and another order of the examples.
        epochs: passes over 1,000 digits.
        monitor: a `TrainingMonitor`, to watch it as another of its runs.
        name: what that run is called.

    Returns:
        examples: how many a batch has.
        terms: of how many numbers the loss of a batch is the mean.
        row_sums: lowest and highest sum of what the loss is given for an example.
        alive: share of the units in the middle that answer to at least one example, before the first step.
        again: length of the gradient after clearing and a second backward for the same batch, by its length before.
        moved: how far the first step moved the weights, as a share of their size.
        one_batch: the loss after 150 good steps with one batch alone.
        first, last: the loss at the first step, and its mean in the last epoch.
    """
    if cause not in CAUSES:
        raise ValueError(f"there is no {cause!r}; there are {', '.join(map(repr, CAUSES))}")
    tg.manual_seed(seed)
    x, y = _digits()
    if cause == "labels shuffled":
        y = y[randperm(len(y))]
    if cause == "shapes broadcast":
        y = y.float() / 10
    model, loss_of = _model(cause), _loss(cause)
    kind: Any = _Forgetful if cause == "gradients not cleared" else optim.SGD
    optimiser = kind(model.parameters(), lr={"rate too high": 30.0, "rate too low": 1e-4}.get(cause, 0.5))
    sheet = _before(model, loss_of, optimiser, x[:EXAMPLES], y[:EXAMPLES])
    start = {name: value.clone() for name, value in model.state_dict().items()}
    sheet["one_batch"] = _one_batch(model, loss_of, x[:EXAMPLES], y[:EXAMPLES])
    model.load_state_dict(start)
    model.zero_grad()
    if monitor is not None:
        monitor.run(name or cause, model)
    losses = _run(model, loss_of, optimiser, DataLoader((x, y), EXAMPLES, shuffle=True), epochs, monitor)
    batches = len(losses) // epochs
    return {**sheet, "first": round(losses[0], 3), "last": round(sum(losses[-batches:]) / batches, 3)}


def _model(cause: str) -> Any:
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1 if cause == "shapes broadcast" else 10))
    if cause == "softmax twice":
        model.append(nn.Softmax(dim=1))
    if cause == "dead units":
        with tg.no_grad():
            model[0].bias -= 10
    return model


def _loss(cause: str) -> Any:
    return _mean_square if cause == "shapes broadcast" else F.cross_entropy


def _mean_square(answer: Any, target: Any, reduction: str = "mean") -> Any:
    """As many people write it, in the days before a warning was given."""
    squares = (answer - target) ** 2
    return squares.mean() if reduction == "mean" else squares


def _length(model: Any) -> float:
    return math.sqrt(sum((p.grad * p.grad).sum().item() for p in model.parameters() if p.grad is not None))


def _before(model: Any, loss_of: Any, optimiser: Any, x: Any, y: Any) -> dict[str, Any]:
    """What can be seen before the first step, and the step itself, taken back."""
    with tg.no_grad():
        sums = model(x).sum(dim=1)
        alive = (model[1](model[0](x)) > 0).float().max(dim=0).values.mean().item()
    lengths = []
    for _ in range(2):
        optimiser.zero_grad()
        loss_of(model(x), y).backward()
        lengths.append(_length(model))
    rate = optimiser.param_groups[0]["lr"]
    size = math.sqrt(sum((p * p).sum().item() for p in model.parameters()))
    return {
        "examples": len(y), "terms": loss_of(model(x), y, reduction="none").numel(),
        "row_sums": [round(sums.min().item(), 3), round(sums.max().item(), 3)], "alive": round(alive, 3),
        "again": round(lengths[1] / lengths[0], 3), "moved": float(f"{rate * lengths[0] / size:.2g}"),
    }


def _one_batch(model: Any, loss_of: Any, x: Any, y: Any) -> float:
    optimiser = optim.Adam(model.parameters(), lr=0.01)
    for _ in range(150):
        optimiser.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimiser.step()
    return round(loss.item(), 4)


def _run(model: Any, loss_of: Any, optimiser: Any, loader: Any, epochs: int, monitor: Any) -> list[float]:
    """The loss at every step."""
    losses = []
    for _ in range(epochs):
        for x, y in loader:
            optimiser.zero_grad()
            loss = loss_of(model(x), y)
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
            if monitor is not None:
                monitor.log(loss=loss)
    return losses
