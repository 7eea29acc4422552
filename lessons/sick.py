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
    "shapes broadcast", "dropout left on",
)
EXAMPLES = 50  # in a batch
GALLERY = dict(zip("ABCDEFGHI", random.Random(3).sample(CAUSES, len(CAUSES)), strict=True))  # for guessing


class _Forgetful(optim.SGD):
    def zero_grad(self, set_to_none: bool = True) -> None:
        pass


@cache
def _digits() -> tuple[Any, Any, Any, Any]:
    """Digits to learn from, and some that are never learned from."""
    images, labels = digits().tensors
    images = images.reshape(-1, 64)
    return images[:1000], labels[:1000], images[1000:1500], labels[1000:1500]


def train(
    cause: str, seed: int = 0, epochs: int = 6, monitor: Any = None, name: str = "", curve: list[float] | None = None
) -> dict[str, Any]:
    """Train a small network that has this illness, and tell what was measured.

    Args:
        cause: one of `CAUSES`.
        seed: another one gives another start and another order of the examples.
        epochs: passes over 1,000 digits.
        monitor: a `TrainingMonitor`, to watch it as another of its runs.
        name: what that run is called.
        curve: a list that the loss of each step is added to.

    Returns:
        examples: how many a batch has.
        terms: of how many numbers the loss of a batch is the mean.
        row_sums: lowest and highest sum of what the loss is given for an example.
        alive: share of the units in the middle that answer to at least one example, before the first step.
        again: length of the gradient after clearing and a second backward for the same batch, by its length before.
        moved: how far the first step moved the weights, as a share of their size.
        one_batch: the loss after 150 good steps with one batch alone.
        differs: share of 500 unseen digits for which it gives another answer when asked again, as its owner asks it.
        first, last: the loss at the first step, and its mean in the last epoch.
    """
    if cause not in CAUSES:
        raise ValueError(f"there is no {cause!r}; there are {', '.join(map(repr, CAUSES))}")
    tg.manual_seed(seed)
    x, y, unseen, _ = _digits()
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
    losses = _run(model, cause, optimiser, DataLoader((x, y), EXAMPLES, shuffle=True), epochs, monitor)
    if curve is not None:
        curve += losses
    batches = len(losses) // epochs
    differs = (_answers(model, cause, unseen) != _answers(model, cause, unseen)).float().mean().item()
    last = sum(losses[-batches:]) / batches
    return {**sheet, "differs": round(differs, 3), "first": round(losses[0], 3), "last": round(last, 3)}


def _model(cause: str) -> Any:
    outputs = 1 if cause == "shapes broadcast" else 10
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, outputs))
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


def _answers(model: Any, cause: str, x: Any) -> Any:
    """The digits that it reads, asked as its owner asks it: usually in eval mode."""
    if cause != "dropout left on":
        model.eval()
    with tg.no_grad():
        answer = model(x)
    model.train()
    return (10 * answer[:, 0]).round() if cause == "shapes broadcast" else answer.argmax(dim=1)


def _length(model: Any) -> float:
    return math.sqrt(sum((p.grad * p.grad).sum().item() for p in model.parameters() if p.grad is not None))


def _before(model: Any, loss_of: Any, optimiser: Any, x: Any, y: Any) -> dict[str, Any]:
    """What can be seen before the first step, in eval mode, where one batch always gives the same."""
    model.eval()
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
    terms = loss_of(model(x), y, reduction="none").numel()
    model.train()
    return {
        "examples": len(y), "terms": terms,
        "row_sums": [round(sums.min().item(), 3), round(sums.max().item(), 3)], "alive": round(alive, 3),
        "again": round(lengths[1] / lengths[0], 3), "moved": float(f"{rate * lengths[0] / size:.2g}"),
    }


def _one_batch(model: Any, loss_of: Any, x: Any, y: Any) -> float:
    """By heart, without dropout: remembering is what is asked for."""
    model.eval()
    optimiser = optim.Adam(model.parameters(), lr=0.01)
    for _ in range(150):
        optimiser.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimiser.step()
    model.train()
    return round(loss.item(), 4)


def _run(model: Any, cause: str, optimiser: Any, loader: Any, epochs: int, monitor: Any) -> list[float]:
    """The loss at every step; after each epoch the owner looks how many unseen digits are right."""
    losses, loss_of = [], _loss(cause)
    _, _, unseen, labels = _digits()
    for _ in range(epochs):
        for n, (x, y) in enumerate(loader, 1):
            optimiser.zero_grad()
            loss = loss_of(model(x), y)
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
            if n == len(loader):
                right = (_answers(model, cause, unseen) == labels).float().mean().item()
            if monitor is not None:
                monitor.log(loss=loss, **({"unseen right": right} if n == len(loader) else {}))
    return losses
