"""What a training's monitor takes down, what it asks, what it suspects, and that watching changes nothing."""

import numpy as np
import pytest

import tinygrad_core as tg
from lessons.sick import CAUSES, train
from tests.widgets.reading import data_of
from tinygrad_core import nn, optim
from tinygrad_core.data import DataLoader, digits, moons
from tinygrad_core.nn import functional as F
from widgets import TrainingMonitor
from widgets.monitor_examples import Examples
from widgets.monitor_layers import _HEIGHTS
from widgets.monitor_run import Run


def saved(monitor) -> list[dict]:
    """The runs as the front end gets them."""
    monitor.settle()
    return data_of(monitor.data)["runs"]


def fit(monitor, model, x, y, steps=30, lr=0.1, mode=True):
    """A short training, watched where there is a monitor."""
    sgd = optim.SGD(model.parameters(), lr=lr)
    model.train(mode)
    for _ in range(steps):
        sgd.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        sgd.step()
        if monitor is not None:
            monitor.log(loss=loss)


def small():
    tg.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Dropout(0.5), nn.BatchNorm1d(8), nn.Linear(8, 2))


def test_a_metric_that_is_no_number_is_refused_and_nothing_is_lost():
    monitor = TrainingMonitor()
    monitor.log(loss=0.5)
    for arguments, metrics, words in (((), {"loss": "a"}, "one number"), ((), {"loss": None}, "one number"),
                                      ((0.5,), {}, "metrics by name"), (("a",), {"loss": 1.0}, "whole number")):
        with pytest.raises(TypeError, match=words):
            monitor.log(*arguments, **metrics)
    monitor.log(loss=0.25)
    assert "of 2 steps" in repr(monitor)
    with pytest.raises(TypeError, match="module with parameters, not by str"):
        TrainingMonitor("hello")
    with pytest.raises(TypeError, match=r"epochs \* len\(loader\)"):
        TrainingMonitor(total=0.5)


def test_watching_changes_nothing_of_the_training():
    x, y = moons(60).tensors
    plain, watched = small(), small()
    tg.manual_seed(1)
    fit(None, plain, x, y)
    tg.manual_seed(1)
    monitor = TrainingMonitor(watched, examples=(x, y), budget=1.0)
    fit(monitor, watched, x, y)
    assert len(saved(monitor)[0]["samples"]) > 10
    for (name, a), b in zip(plain.state_dict().items(), watched.state_dict().values(), strict=True):
        assert np.array_equal(a.numpy(), b.numpy()), name
    assert all(m.training for m in watched.modules())


@pytest.mark.parametrize("over", ["another run", "the cell's end"])
def test_nothing_listens_any_longer_once_it_is_over(over):
    x, y = moons(60).tensors
    model = nn.Sequential(nn.Linear(2, 4), nn.Dropout(0.5), nn.Linear(4, 2))
    monitor = TrainingMonitor(model, budget=1.0)
    fit(monitor, model, x, y, steps=4)
    assert model._hooks is not None  # it notices how the model is asked
    if over == "another run":
        monitor.run("another")
    else:
        monitor.settle()
    model(x)
    assert [m._hooks for m in model.modules()] == [None] * 4


def test_layers_are_sampled_with_what_they_give():
    x, y = moons(60).tensors
    tg.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, 2))
    with tg.no_grad():
        model[0].weight[:3] = 0.0
        model[0].bias[:3] = -1.0
    monitor = TrainingMonitor(model, budget=1.0)
    fit(monitor, model, x, y)
    (run,) = saved(monitor)
    assert run["modules"] == [["0", "Linear"], ["1", "ReLU"], ["2", "Linear"]]
    sample = run["samples"][0]
    low, high, heights = sample["out"][1]
    assert low == 0.0 < high and len(heights) == 32 and heights[0] == "-"
    assert sample["dead"][0] == 0.0 and sample["dead"][1] >= 0.5 and sample["zero"][1] >= 0.5
    assert sample["training"] is True and sample["carried"] == 0.0
    assert 0 < sample["moved"] < 1


def test_a_plane_is_asked_and_the_answers_are_those_of_the_model():
    x, y = moons(80, noise=0.05).tensors
    tg.manual_seed(0)
    model = nn.Linear(2, 2)
    look = (examples := Examples((x, y))).look(model)
    said = model(x).detach().numpy().argmax(axis=1)
    assert look["right"] == (said == y.numpy()).sum()
    assert np.array_equal(np.array(look["matrix"]).reshape(2, 2), [[((y.numpy() == i) & (said == j)).sum() for j in (0, 1)]
                                                                   for i in (0, 1)])
    assert look["said"] == "".join(map(str, said)) and examples.about()["truth"] == "".join(map(str, y.numpy()))
    left, right, low, high = examples.about()["plane"]["box"]
    xs, ys = np.meshgrid(np.linspace(left, right, 32), np.linspace(low, high, 32))
    scores = model(tg.tensor(np.stack([xs.ravel(), ys.ravel()], 1).astype("float32"))).detach().numpy()
    lead = scores[:, 1] - scores[:, 0]
    told = np.array([_HEIGHTS.index(c) for c in look["field"][0]])
    assert 100 < (lead > 0).sum() < 924 and np.array_equal(told > 31.5, lead > 0)


@pytest.mark.parametrize(("threshold", "bend"), [(0.0, None), (0.5, nn.Sigmoid())])
def test_a_model_with_one_output_is_asked_with_its_threshold(threshold, bend):
    x, y = moons(40).tensors
    tg.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 1), *([bend] if bend else []))
    look = Examples((x, y), threshold=threshold).look(model)
    assert look["right"] == ((model(x).detach().numpy()[:, 0] > threshold) == y.numpy()).sum()
    assert len(look["field"]) == 1


def test_pictures_are_shown_whatever_shape_they_came_in():
    images, labels = digits().tensors
    flat = images[:30].reshape(30, 64)
    about = [Examples((x, labels[:30])).about()["images"] for x in (images[:30], images[:30, 0], flat, flat.numpy())]
    assert about[0] == about[1] == about[2] == about[3]
    assert about[0]["shape"] == [8, 8] and len(about[0]["grey"]) == 30
    assert [int(c, 16) for c in about[0]["grey"][0]] == (flat[0].numpy() * 15).round().tolist()


def test_examples_that_cannot_be_asked_are_refused_with_a_reason():
    x = np.zeros((4, 3))
    for pair, words in ((x, "inputs and their classes"), ((x, [0, 1]), "one class each"), ((x, [0.5] * 4), "whole numbers"),
                        ((x, [-1] * 4), "whole numbers")):
        with pytest.raises((TypeError, ValueError), match=words):
            TrainingMonitor(examples=pair)
    with pytest.raises(ValueError, match="names for 1"):
        TrainingMonitor(examples=(x, [0, 1, 1, 0]), classes=["a"])


def test_of_looks_and_samples_only_so_many_are_kept_and_all_lie_in_the_run():
    x, y = moons(20).tensors
    model = nn.Linear(2, 2)
    monitor = TrainingMonitor(model, examples=(x, y), budget=1.0)
    fit(monitor, model, x, y, steps=400)
    (run,) = saved(monitor)
    rows = run["steps"]["count"]
    for kept, most in (("samples", 128), ("looks", 48)):
        at = [m["row"] for m in run[kept]]
        assert most / 4 < len(at) <= most and at == sorted(set(at)) and at[-1] < rows
    assert run["looks"][-1]["row"] == rows - 1  # the end is always looked at


def test_the_time_left_follows_the_pace_of_the_last_steps():
    run = Run("r", None, total=100)
    for k in range(50):
        run.waiting.append({"loss": 1.0})
        run.take(run.began + 0.1 * (k + 1))
        clock = run.clock()
    assert clock["seconds"] == pytest.approx(5.0) and clock["left"] == pytest.approx(5.0, rel=0.05)
    assert Run("r", None).clock()["left"] is None


def test_a_metric_may_be_logged_now_and_then():
    monitor = TrainingMonitor()
    for k in range(4):
        monitor.log(loss=1.0, **({"accuracy": 0.5} if k == 2 else {}))
    (run,) = saved(monitor)
    assert run["metrics"]["accuracy"] == [None, None, 0.5, None]


# ---- suspicions

EXPECTED = {
    "rate too high": "learning rate is too high", "rate too low": "learning rate is too low", "dead units": "units are dead",
    "gradients not cleared": "gradients are not cleared", "softmax twice": "softmax is applied twice",
    "labels shuffled": "labels do not belong", "shapes broadcast": "shapes are broadcast",
    "dropout left on": "evaluated in training mode",
}


@pytest.mark.parametrize("seed", [0, 1])
def test_each_real_illness_is_suspected_and_the_healthy_training_is_not(seed):
    monitor = TrainingMonitor()
    for cause in CAUSES:
        train(cause, seed=seed, monitor=monitor, name=cause)
    said = {cause: [s for s in monitor.suspicions() if s.startswith(f"{cause}: ")] for cause in CAUSES}
    assert said.pop("healthy") == []
    for cause, words in EXPECTED.items():
        assert len(said[cause]) == 1 and words in said[cause][0], said[cause]
    runs = saved(monitor)
    assert [bool(run["hints"]) for run in runs] == [cause != "healthy" for cause in CAUSES]
    assert len(monitor.data) < 100_000  # nine runs in one widget


def test_training_in_eval_mode_and_vanishing_gradients_are_suspected():
    x, y = moons(60).tensors
    monitor = TrainingMonitor(model := small(), budget=1.0)
    fit(monitor, model, x, y, mode=False)
    assert "learns in eval mode" in monitor.suspicions()[0] and "Dropout (2)" in monitor.suspicions()[0]
    tg.manual_seed(0)
    deep = nn.Sequential(*[part for _ in range(8) for part in (nn.Linear(8, 8), nn.Sigmoid())], nn.Linear(8, 2))
    monitor = TrainingMonitor(deep, budget=1.0)
    fit(monitor, deep, tg.randn(20, 8), tg.tensor([0, 1] * 10))
    assert "gradients vanish" in monitor.suspicions()[0]


def test_a_loss_that_is_no_number_is_suspected_from_that_step_on():
    monitor = TrainingMonitor()
    for k in range(10):
        monitor.log(loss=2.0**k if k < 6 else float("nan"))
    (run,) = saved(monitor)
    assert [h["row"] for h in run["hints"]] == [6] and "it was 32" in run["hints"][0]["saw"]


@pytest.mark.parametrize("how", ["adam", "clipped", "weight decay", "several batches"])
def test_what_looks_ill_and_is_not_draws_no_suspicion(how):
    images, labels = digits().tensors
    x, y = images[:600].reshape(-1, 64), labels[:600]
    tg.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimiser = optim.Adam(model.parameters(), lr=0.01) if how == "adam" else optim.SGD(
        model.parameters(), lr=0.3, weight_decay=0.01 if how == "weight decay" else 0.0)
    monitor = TrainingMonitor(model, examples=(x[:50], y[:50]))
    gather = 3 if how == "several batches" else 1
    for _ in range(8):
        for k, (a, b) in enumerate(DataLoader((x, y), 20, shuffle=True)):
            loss = F.cross_entropy(model(a), b)
            (loss / gather).backward()
            if (k + 1) % gather:
                continue
            if how == "clipped":
                nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            optimiser.step()
            monitor.log(loss=loss)
            optimiser.zero_grad()
    assert monitor.suspicions() == []


def test_a_model_of_another_framework_is_watched_as_well():
    torch = pytest.importorskip("torch", reason="PyTorch's models have the same methods")
    torch.manual_seed(0)
    x = torch.randn(40, 2)
    y = (x[:, 0] > 0).long()
    model = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    monitor = TrainingMonitor(model, examples=(x, y), budget=1.0)
    for _ in range(20):
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        sgd.step()
        monitor.log(loss=loss)
    (run,) = saved(monitor)
    assert run["samples"][0]["out"][1] and run["looks"][-1]["right"] > 20 and run["examples"]["plane"]
    assert "gradients are not cleared" in monitor.suspicions()[0]


def test_of_a_slow_training_every_step_is_sent(monkeypatch):
    now, monitor, sent = [0.0], TrainingMonitor(), []
    monkeypatch.setattr("widgets.monitor.perf_counter", lambda: now[0])
    monkeypatch.setattr(monitor, "send", sent.append)
    monitor._began = monitor._sent = monitor._glanced = 0.0
    for _ in range(40):
        now[0] += 0.1
        monitor.log(loss=1.0)
    assert len(sent) == 40
    for _ in range(2000):
        now[0] += 0.0001
        monitor.log(loss=1.0)
    assert 42 <= len(sent) <= 44  # of a quick one, what came in each twentieth of a second
