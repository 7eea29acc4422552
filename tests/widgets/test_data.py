"""What the smaller widgets compute in Python, against NumPy and the engine, and what they refuse."""

import numpy as np
import pytest

import tinygrad_core as tg
from tests.widgets.reading import data_of
from tinygrad_core.recording import record
from widgets import BackwardQuiz, Broadcasting, StepSize, Tape


def sent(widget) -> dict:
    return data_of(widget.data)


@pytest.mark.parametrize(("a", "b"), [((3, 1), (4,)), ((), (2, 3)), ((2, 3, 1), (1, 4))])
def test_broadcasting_sends_what_numpy_computes(a, b) -> None:
    data = sent(Broadcasting(a, b))
    first, second = (np.reshape(data[k]["values"], data[k]["shape"]) for k in "ab")
    assert data["values"] == (first + second).ravel().tolist()


def test_broadcasting_takes_tensors_arrays_and_other_signs() -> None:
    x = tg.tensor([[1.5], [2.0]], requires_grad=True)
    data = sent(Broadcasting(x, np.array([10.0, 20.0]), "*"))
    assert data["a"]["values"] == [1.5, 2.0] and data["values"] == [15.0, 30.0, 20.0, 40.0]


def test_broadcasting_shows_a_clash_and_shapes_too_large_to_draw() -> None:
    assert sent(Broadcasting((2, 3), (2,)))["values"] == []
    huge = sent(Broadcasting((100_000, 1), (100_000,)))
    assert huge["values"] == [] and huge["a"]["shape"] == [100_000, 1]


@pytest.mark.parametrize(("arguments", "error", "words"), [
    (((2, -1), (2,)), ValueError, "negative"),
    (("ab", (2,)), TypeError, "two shapes such as"),
    (((2,), (2,), "%"), ValueError, "one of"),
    (((1,) * 9, (2,)), ValueError, "at most 8 dims"),
])
def test_broadcasting_refuses_the_rest(arguments, error, words) -> None:
    with pytest.raises(error, match=words):
        Broadcasting(*arguments)


def test_the_best_step_is_where_theory_puts_it() -> None:
    data = sent(StepSize(lambda x: x**3, 2.0))
    assert abs(float(data["slope"]) - 12) < 1e-12
    for curve, epsilon in zip(data["curves"], (2**-52, 2**-23), strict=True):
        for way, power in (("central", 1 / 3), ("forward", 1 / 2)):
            errors = [float(e) for e in curve["error"][way]]
            best = data["h"][int(np.argmin(errors))]
            assert abs(np.log10(best / epsilon**power)) < 1.5, (curve["dtype"], way)
    doubles = [float(e) for e in data["curves"][0]["error"]["central"]]
    assert doubles[0] == pytest.approx(1, rel=1e-6)  # h²: the third derivative of x³ is 6
    assert doubles[4] == pytest.approx(1e-2, rel=1e-6)
    assert doubles[-1] == pytest.approx(12)  # nothing is left: both values are one number


@pytest.mark.parametrize(("f", "at", "slope"), [(np.tanh, 0.5, 1 - np.tanh(0.5) ** 2), (np.exp, 1.0, np.e)])
def test_the_slope_is_found_to_more_digits_than_the_curves_reach(f, at, slope) -> None:
    data = sent(StepSize(f, at))
    assert float(data["slope"]) == pytest.approx(slope, rel=1e-14)
    assert min(float(e) for e in data["curves"][0]["error"]["central"]) > 1e-14


def test_step_size_keeps_every_digit_of_a_value() -> None:
    curve = sent(StepSize(np.exp, 1.0))["curves"][0]
    assert float(curve["plus"][40]) == pytest.approx(np.exp(1.0 + 1e-10), rel=1e-15)
    assert float(curve["plus"][40]) != float(curve["minus"][40])


def test_step_size_refuses_a_point_without_a_slope() -> None:
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="no finite value"):
        StepSize(np.log, 0.0)


def test_the_quiz_needs_a_backward_pass() -> None:
    with record() as rec:
        tg.tensor(2.0, requires_grad=True) * 3
    with pytest.raises(ValueError, match="nothing walks back"):
        BackwardQuiz(rec)


def test_each_widget_says_what_it_was_where_it_cannot_be_shown() -> None:
    with record() as rec:
        (tg.tensor(2.0, requires_grad=True) * 3).backward()
    for widget in (Broadcasting((2,), (2,)), StepSize(np.exp, 1.0), BackwardQuiz(rec), Tape(rec)):
        assert "un this cell to see it" in repr(widget) and len(repr(widget)) <= 110
