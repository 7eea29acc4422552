"""Small programs whose gradients are None, zero, huge or broken, recorded for the front end's tests.

`python -m tests.widgets.why` writes the recordings to fixtures/why.json.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import tinygrad_core as tg
from tinygrad_core.recording import record

FILE = Path(__file__).parent / "fixtures" / "why.json"


def leaf(value: object, name: str = "w") -> tg.Tensor:
    return tg.tensor(value, requires_grad=True, name=name)


def data() -> None:
    w, x = leaf(2.0), tg.tensor(3.0, name="x")
    (w * x).backward()


def whole_numbers() -> None:
    w, k = leaf([1.0, 2.0]), tg.tensor([0, 1], name="k")
    w[k].sum().backward()


def middle() -> None:
    w = leaf(3.0)
    y = w * 2.0
    z = y * y
    z.backward()


def unused() -> None:
    w, v = leaf(3.0), leaf(1.0, "v")
    y = w * 2.0
    other = v * 2.0  # noqa: F841
    u = leaf(5.0, "u")  # noqa: F841
    y.backward()


def detached() -> None:
    w = leaf(2.0)
    target = (w * 3.0).detach()
    loss = (target * tg.tensor(2.0, requires_grad=True, name="b")).sum()
    loss.backward()


def without_grad() -> None:
    w, v = leaf(2.0), leaf(1.0, "v")
    with tg.no_grad():
        y = w * 3.0
    z = y * v
    z.backward()


def compared() -> None:
    w, v = leaf([1.0, -1.0]), leaf([2.0, 3.0], "v")
    right = w > 0
    score = (right * v).sum()
    score.backward()


def rounded() -> None:
    w = leaf(1.4)
    y = tg.round(w) * 2.0
    y.backward()


def for_others() -> None:
    w, v = leaf(2.0), leaf(3.0, "v")
    y = w * v
    y.backward(inputs=[v])


def handed_over() -> None:
    w = leaf(2.0)
    y = w * w
    tg.autograd.grad(y, w)


def never() -> None:
    w = leaf(2.0)
    y = w * w  # noqa: F841


def overwritten() -> None:
    w = leaf([1.0, 2.0])
    y = tg.exp(w)
    y += 1
    with contextlib.suppress(tg.errors.GradError):
        y.sum().backward()


def dead() -> None:
    w = leaf([1.0, -2.0])
    hidden = tg.relu(w - 3.0)
    loss = (hidden * hidden + hidden).sum()
    loss.backward()


def factor() -> None:
    w, gate = leaf(3.0), tg.tensor(0.0, name="gate")
    y = (w * 2.0) * gate
    y.backward()


def saturated() -> None:
    w = leaf(40.0)
    y = tg.tanh(w)
    y.backward()


def masked() -> None:
    w, mask = leaf([1.0, 2.0, 3.0]), tg.tensor([0.0, 1.0, 0.0], name="mask")
    y = (w * mask)[::2].sum()
    y.backward()


def cancelling() -> None:
    w = leaf(5.0)
    y = w * 3.0 - w * 3.0
    y.backward()


def other_side() -> None:
    w = leaf([1.0, 2.0])
    y = tg.where(tg.tensor([False, False]), w, 0.0).sum()
    y.backward()


def huge() -> None:
    w = leaf(2.0)
    tiny = w * 1e-6
    y = tg.log(tiny) + 1.0
    y.backward()


def in_a_row() -> None:
    w = leaf(1.0)
    y = w
    for _ in range(12):
        y = y * 3.0
    y.backward()


def vanishing() -> None:
    w = leaf(3.0)
    y = w
    for _ in range(12):
        y = tg.sigmoid(y)
    y.backward()


def infinite() -> None:
    w = leaf([0.0, 1.0])
    y = tg.sqrt(w).sum()
    y.backward()


def broken_before() -> None:
    w = leaf(-1.0)
    y = tg.log(w) * w
    y.backward()


def retained() -> None:
    w = leaf(3.0)
    y = w * 2.0
    y.retain_grad()
    (y * y).backward()


def twice() -> None:
    w = leaf(3.0)
    for _ in range(2):
        y = w * 2.0
        y.backward()
        y = None


PROGRAMS: list[Callable[[], None]] = [
    data, whole_numbers, middle, unused, detached, without_grad, compared, rounded, for_others, handed_over, never,
    overwritten, dead, factor, saturated, masked, cancelling, other_side, huge, in_a_row, vanishing, infinite,
    broken_before, retained, twice,
]


def recordings() -> Iterator[tuple[str, dict]]:
    """Each program's name and what it records now, without what differs from run to run."""
    for program in PROGRAMS:
        with record(title=program.__name__) as rec:
            program()
        recording = rec.to_dict()
        recording["meta"] = {"title": program.__name__}
        for event in recording["events"]:
            event["t"] = 0.0
        for source in recording["sources"].values():
            lines = [e["source"]["line"] for e in recording["events"] if e["source"]]
            source.update(name="why.py", first=min(lines), lines=source["lines"][min(lines) - 1:max(lines)])
        yield program.__name__, json.loads(json.dumps(recording))


if __name__ == "__main__":
    lines = [f"{json.dumps(name)}: {json.dumps(recording, separators=(',', ':'))}" for name, recording in recordings()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
