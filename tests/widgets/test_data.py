"""What the smaller widgets compute in Python, against NumPy and the engine, and what they refuse."""

import numpy as np
import pytest

import tinygrad_core as tg
from tests.widgets.reading import data_of
from tinygrad_core.recording import record
from widgets import BackwardQuiz, Broadcasting, GraphStepper, OptimiserRace, StepSize, Tape, TrainingMonitor
from widgets.monitor_layers import counts


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


@pytest.mark.parametrize(("f", "at"), [
    (lambda x: tg.tanh(x) * 2, 0.5), (lambda x: x.tanh() * 2, tg.tensor(0.5)), (lambda x: tg.tanh(x) * 2, tg.tensor([0.5])),
])
def test_step_size_takes_functions_of_tensors_in_both_precisions(f, at) -> None:
    data, plain = sent(StepSize(f, at)), sent(StepSize(lambda x: np.tanh(x) * 2, 0.5))
    assert float(data["slope"]) == pytest.approx(2 * (1 - np.tanh(0.5) ** 2), rel=1e-15)
    for curve, other, digits in zip(data["curves"], plain["curves"], (1e-15, 2e-7), strict=True):
        np.testing.assert_allclose([float(x) for x in curve["plus"]], [float(x) for x in other["plus"]], rtol=digits)
    assert data["curves"][1]["plus"][-1] == data["curves"][1]["middle"]  # in float32 the smallest step is lost


@pytest.mark.parametrize(("f", "at"), [(lambda x: x.tanh(), 0.5), (len, 0.5)])
def test_step_size_says_what_a_function_lacks(f, at) -> None:
    with pytest.raises(TypeError, match=r"does not take a plain number .* give the place as a tensor"):
        StepSize(f, at)


def test_the_quiz_needs_a_backward_pass() -> None:
    with record() as rec:
        tg.tensor(2.0, requires_grad=True) * 3
    with pytest.raises(ValueError, match="nothing walks back"):
        BackwardQuiz(rec)


def bowl(p):
    return (p * p).sum()


def test_a_race_runs_the_optimisers_themselves() -> None:
    race = OptimiserRace(bowl, tg.tensor([1.0, -2.0]), lr=0.1, steps=5)
    by_name = {r["name"]: r for r in race.racers}
    assert [r["memory"] for r in race.racers] == [0, 1, 1, 2]
    # Plain descent on x² multiplies the place by 1 - 2 · 0.1 at every step.
    assert by_name["SGD"]["trail"] == [pytest.approx([0.8**k, -2 * 0.8**k], rel=1e-6) for k in range(6)]
    assert by_name["SGD"]["loss"] == pytest.approx([5 * 0.64**k for k in range(6)], rel=1e-6)
    assert by_name["Adam"]["trail"][1] == pytest.approx([0.9, -1.9], rel=1e-5)  # its first step has length lr
    data = sent(race)
    assert len(data["surface"]) % data["across"] == 0
    x, y = np.meshgrid(np.linspace(*data["window"][:2], data["across"]), np.linspace(*data["window"][2:], 42))
    assert data["surface"] == pytest.approx((x**2 + y**2).ravel().tolist(), rel=1e-4)


def test_a_race_is_the_same_with_pytorch() -> None:
    torch = pytest.importorskip("torch")
    ours = OptimiserRace(bowl, tg.tensor([1.0, -2.0]), lr=0.1, steps=20).racers
    theirs = OptimiserRace(bowl, torch.tensor([1.0, -2.0]), lr=0.1, steps=20).racers
    for a, b in zip(ours, theirs, strict=True):
        assert a["memory"] == b["memory"]
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-4, abs=1e-6)


def test_who_runs_away_stops_and_does_not_stretch_the_window() -> None:
    start = tg.tensor([1.0, -2.0])
    race = OptimiserRace(bowl, start, {"wild": lambda p: tg.optim.SGD(p, lr=1e6), "tame": lambda p: tg.optim.SGD(p, lr=0.1)})
    wild = race.racers[0]
    assert len(wild["loss"]) < 81 and not np.isfinite(wild["loss"][-1])
    assert max(map(abs, sent(race)["window"])) < 10
    assert start.tolist() == [1.0, -2.0]  # the caller's tensor has not moved


def test_a_race_needs_two_numbers_and_a_step() -> None:
    with pytest.raises(ValueError, match="two entries"):
        OptimiserRace(bowl, tg.tensor([1.0]))
    with pytest.raises(ValueError, match="at least one step"):
        OptimiserRace(bowl, tg.tensor([1.0, 2.0]), steps=0)


def test_the_monitor_measures_gradients_and_updates() -> None:
    layer = tg.nn.Linear(4, 1, bias=False)
    with tg.no_grad():
        layer.weight.fill_(2.0)
    monitor = TrainingMonitor(layer)
    for k in range(4):
        layer.weight.grad = tg.ones_like(layer.weight)
        with tg.no_grad():
            layer.weight -= 0.5
        monitor.log(loss=tg.tensor(2.0), **({"accuracy": 0.5} if k else {}))
    monitor.settle()
    (run,) = sent(monitor)["runs"]
    assert run["steps"] == {"from": 0, "by": 1, "count": 4}
    assert run["metrics"] == {"loss": [2.0] * 4, "accuracy": [None, 0.5, 0.5, 0.5]}
    assert run["layers"] == ["weight"]
    first = run["samples"][0]  # remembered at 1.5 after the first step, measured at 1.0 after the second
    assert first["row"] == 1 and first["grad"] == [2.0] and first["ratio"] == [pytest.approx(1 / 3, abs=1e-5)]
    assert first["hist"] == [[1.0, 1.0, "-" + 31 * "0"]]


def test_the_monitor_draws_runs_over_each_other_and_takes_what_is_not_finite() -> None:
    monitor = TrainingMonitor(name="first")
    monitor.log(10, loss=float("inf"))
    monitor.log(20, loss=float("nan"))
    monitor.run("second")
    monitor.log(loss=1)
    monitor.settle()
    first, second = sent(monitor)["runs"]
    assert (first["steps"], first["metrics"]) == ([10, 20], {"loss": ["Infinity", "NaN"]})
    assert (second["name"], second["metrics"]) == ("second", {"loss": [1.0]})


def test_the_monitor_counts_a_gradient_into_bins_as_numpy_does() -> None:
    values = np.random.default_rng(0).normal(size=10_000).astype("float32")
    low, high, found = counts(values)
    assert (low, high) == (values.min(), values.max()) and found.sum() == values.size
    expected, _ = np.histogram(values, bins=32)
    assert np.abs(found - expected).max() <= 1  # a value on an edge may round either way
    assert counts(np.array([np.nan, np.inf])) is None
    low, high, found = counts(np.array([1.0, np.nan]))
    assert (low, high, found[0]) == (1.0, 1.0, 1)


def test_a_long_training_is_saved_thinned_with_its_peaks_and_what_was_measured_of_it() -> None:
    monitor = TrainingMonitor()
    for k in range(50_001):
        monitor.log(loss=-7.0 if k == 31_234 else k)
    nothing = {name: [] for name in ("grad", "ratio", "hist", "out", "dead")}
    monitor._runs[0].samples.append({"row": 30_001, "moved": None, **nothing})
    monitor.settle()
    (run,) = sent(monitor)["runs"]
    assert len(run["steps"]) < 30_000 and run["metrics"]["loss"][-1] == 50_000
    assert run["steps"][run["samples"][0]["row"]] == 30_001
    assert run["metrics"]["loss"][run["steps"].index(31_234)] == -7.0
    assert len(monitor.data) < 100_000


@pytest.mark.parametrize("widget", [BackwardQuiz, Tape, GraphStepper])
def test_a_graph_whose_lines_cross_comes_with_positions(widget) -> None:
    pytest.importorskip("pygraphviz", reason="pygraphviz lays out large graphs")
    with record() as rec:
        x = y = tg.tensor(1.0, requires_grad=True)
        for _ in range(90):
            y = (y * x + 0.5).tanh()
        y.backward()
    placed = widget(rec, **({"folded": []} if widget is GraphStepper else {})).layouts["0|"]
    assert len(placed["nodes"]) == sum(e["type"] == "define" for e in rec.events)
    with record() as small:
        (x * x).backward()
    assert widget(small).layouts == {}


def test_each_widget_says_what_it_was_where_it_cannot_be_shown() -> None:
    with record() as rec:
        (tg.tensor(2.0, requires_grad=True) * 3).backward()
    for widget in (Broadcasting((2,), (2,)), StepSize(np.exp, 1.0), BackwardQuiz(rec), Tape(rec)):
        assert "un this cell to see it" in repr(widget) and len(repr(widget)) <= 110
