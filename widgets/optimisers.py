"""OptimiserRace: several optimisers on one surface, each of its steps a real one."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import traitlets

from .frame import Frame, as_text

_ACROSS, _UP = 56, 42  # points of the surface's grid


class OptimiserRace(Frame):
    """Let optimisers walk down one loss side by side: their trails, their losses, and what each has to remember.

    Args:
        loss: a function of a tensor with two entries, giving the loss as a tensor.
        start: where all begin, a tensor with two entries, of this engine or of PyTorch.
        optimisers: for each name a function that takes a list of parameters and returns an optimiser; by default
            SGD, SGD with momentum, RMSprop and Adam of the library that `start` comes from.
        lr: the learning rate of those four.
        steps: how many steps each takes.
        window: the part of the surface to show, ((x from, x to), (y from, y to)); by default where the trails lead.
        title: what the race is called.
        predict: ask at the start who will be lowest at the end.
        step: the step to start at.

    An optimiser whose loss is no longer finite stops there. `racers` holds the trails; `predictions` what was guessed.
    Raises `ValueError` where `start` has not two entries.
    """

    _bundle = "optimisers"
    _saved = ("data", "predict", "guess", "predictions")

    data = traitlets.Unicode(help="the surface and the trails, as JSON").tag(sync=True)
    predict = traitlets.Bool(False, help="ask who wins first").tag(sync=True)
    guess = traitlets.Unicode("", help="who was said to win; empty before").tag(sync=True)
    predictions = traitlets.List(traitlets.Dict(), help="what was asked and answered").tag(sync=True)

    def __init__(
        self,
        loss: Callable[[Any], Any],
        start: Any,
        optimisers: dict[str, Callable[[list[Any]], Any]] | None = None,
        *,
        lr: float = 0.02,
        steps: int = 80,
        window: tuple[tuple[float, float], tuple[float, float]] | None = None,
        title: str = "Ways down",
        predict: bool = False,
        step: int = 0,
    ) -> None:
        if tuple(getattr(start, "shape", ())) != (2,):
            raise ValueError("a race starts at a tensor with two entries, such as tensor([-4.0, 1.0]), got "
                             f"{getattr(start, 'shape', start)!r}")
        if not callable(loss):
            raise TypeError(f"a race runs on a function of a tensor with two entries, such as lambda p: (p * p).sum(), "
                            f"not on {loss!r}")
        if optimisers is not None and not (isinstance(optimisers, dict) and all(map(callable, optimisers.values()))):
            raise TypeError('optimisers come by name, each as a function that makes one: {"SGD": lambda p: SGD(p, lr=0.1)}')
        if steps < 1:
            raise ValueError(f"a race needs at least one step, got {steps}")
        makers = optimisers or _four(start, lr)
        self.racers = [_run(name, loss, start, make, steps) for name, make in makers.items()]
        self._title = title
        x, y = window or _around(self.racers)
        data = {
            "format": "optimiser-race", "version": 1, "title": title, "steps": steps, "racers": self.racers,
            "window": [*x, *y], "across": _ACROSS, "surface": _surface(loss, start, x, y),
        }
        super().__init__(data=as_text(data), predict=predict, step=step)

    def __repr__(self) -> str:
        return f"<OptimiserRace of {len(self.racers)}, {self._title}: run this cell to see it>"[:110]


def _four(start: Any, lr: float) -> dict[str, Callable[[list[Any]], Any]]:
    """The usual four, from the library of the tensor."""
    library = type(start).__module__.partition(".")[0]
    optim = importlib.import_module(f"{library}.optim")
    return {
        "SGD": lambda p: optim.SGD(p, lr=lr),
        "momentum": lambda p: optim.SGD(p, lr=lr, momentum=0.9),
        "RMSprop": lambda p: optim.RMSprop(p, lr=lr),
        "Adam": lambda p: optim.Adam(p, lr=lr),
    }


def _run(name: str, loss: Callable[[Any], Any], start: Any, make: Callable[[list[Any]], Any], steps: int) -> dict[str, Any]:
    """One optimiser's trail: places and losses, the first before any step."""
    place = start.detach().clone().requires_grad_()
    optimiser = make([place])
    trail, losses = [place.tolist()], []
    for k in range(steps + 1):
        optimiser.zero_grad()
        value = loss(place)
        losses.append(value.item())
        if k == steps or not math.isfinite(losses[-1]):
            break
        value.backward()
        optimiser.step()
        trail.append(place.tolist())
    return {"name": name, "trail": trail[: len(losses)], "loss": losses, "memory": _memory(optimiser, place)}


def _memory(optimiser: Any, place: Any) -> int:
    """How many numbers the optimiser keeps for each parameter, besides parameter and gradient."""
    kept = optimiser.state.get(place, {}).values()
    return sum(tuple(getattr(x, "shape", ())) == tuple(place.shape) for x in kept)


def _around(racers: list[dict[str, Any]]) -> tuple[tuple[float, float], tuple[float, float]]:
    """A window that holds, with some room, the trails that lead down; of one that leads away only what lies near."""
    sides = []
    for k in (0, 1):
        down = [p[k] for r in racers if r["loss"][-1] <= r["loss"][0] for p in r["trail"]] or [racers[0]["trail"][0][k]]
        span = max(down) - min(down) or 1.0
        low, high = min(down) - span, max(down) + span
        near = down + [p[k] for r in racers for p in r["trail"][:4] if low <= p[k] <= high]
        room = 0.2 * (max(near) - min(near)) or 1.0
        sides.append((min(near) - room, max(near) + room))
    return sides[0], sides[1]


def _surface(loss: Callable[[Any], Any], start: Any, x: tuple[float, float], y: tuple[float, float]) -> list[float]:
    """The loss on a grid, row by row from the lowest y."""
    place = start.detach().clone()
    values = []
    for j in range(_UP):
        for i in range(_ACROSS):
            place[0] = x[0] + (x[1] - x[0]) * i / (_ACROSS - 1)
            place[1] = y[0] + (y[1] - y[0]) * j / (_UP - 1)
            values.append(loss(place).item())
    return values
