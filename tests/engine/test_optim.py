"""Optimisers beside PyTorch's: the same weights after the same steps; groups, saved state, errors, recordings."""
import itertools

import numpy as np
import pytest

import tinygrad_core as tg
from tinygrad_core.errors import GradError
from tinygrad_core.optim import OptimizerError
from tinygrad_core.recording import record

STEPS = 8
OPTIONS = {
    "SGD": {"lr": [0.1], "momentum": [0, 0.9], "dampening": [0, 0.3], "weight_decay": [0, 0.1],
            "nesterov": [False, True], "maximize": [False, True]},
    "Adam": {"lr": [0.05], "betas": [(0.9, 0.999), (0.5, 0.6)], "eps": [1e-8, 1e-2], "weight_decay": [0, 0.1],
             "amsgrad": [False, True], "maximize": [False, True], "decoupled_weight_decay": [False, True]},
    "AdamW": {"weight_decay": [0.01, 0.3], "amsgrad": [False, True], "maximize": [False, True]},
    "Adamax": {"betas": [(0.9, 0.999), (0.5, 0.6)], "eps": [1e-8, 1e-2], "weight_decay": [0, 0.1],
               "maximize": [False, True]},
    "NAdam": {"eps": [1e-8, 1e-2], "weight_decay": [0, 0.1], "momentum_decay": [4e-3, 0.5],
              "decoupled_weight_decay": [False, True], "maximize": [False, True]},
    "RAdam": {"betas": [(0.9, 0.999), (0.5, 0.6)], "weight_decay": [0, 0.1], "decoupled_weight_decay": [False, True],
              "maximize": [False, True]},
    "Adagrad": {"lr_decay": [0, 0.1], "weight_decay": [0, 0.1], "initial_accumulator_value": [0, 0.5],
                "eps": [1e-10, 1e-2], "maximize": [False, True]},
    "Adadelta": {"lr": [1.0, 0.3], "rho": [0.9, 0.5], "eps": [1e-6, 1e-2], "weight_decay": [0, 0.1],
                 "maximize": [False, True]},
    "RMSprop": {"alpha": [0.99, 0.5], "eps": [1e-8, 1e-2], "weight_decay": [0, 0.1], "momentum": [0, 0.9],
                "centered": [False, True], "maximize": [False, True]},
    "Rprop": {"lr": [0.01, 0.3], "etas": [(0.5, 1.2), (0.1, 3.0)], "step_sizes": [(1e-6, 50), (0.02, 0.1)],
              "maximize": [False, True]},
    "LBFGS": {"lr": [1, 0.3], "max_iter": [3, 20], "history_size": [2, 100],
              "line_search_fn": [None, "strong_wolfe"]},
    "Muon": {"lr": [0.02], "weight_decay": [0, 0.1], "nesterov": [True, False],
             "adjust_lr_fn": [None, "match_rms_adamw"]},
}
SAMPLES = [(name, dict(zip(options, values, strict=True))) for name, options in OPTIONS.items()
           for values in itertools.product(*options.values())]
SAMPLES = [(n, o) for n, o in SAMPLES if not o.get("nesterov") or n == "Muon" or (o["momentum"] and not o["dampening"])]
MATRICES = {"Muon": ((5, 3), (3, 7), (4, 4))}


def train(T, make, shapes, steps=STEPS):
    """Weights of a least-squares problem after a few steps; `make(parameters)` gives the optimiser."""
    rng = np.random.default_rng(0)
    params = [T.tensor(rng.standard_normal(s), dtype=T.float64, requires_grad=True) for s in shapes]
    goals = [T.tensor(rng.standard_normal(s), dtype=T.float64) for s in shapes]
    scales = [T.tensor(rng.uniform(0.2, 2, s), dtype=T.float64) for s in shapes]
    optimizer = make(params)

    def closure():
        optimizer.zero_grad()
        loss = sum((((p - q) * c) ** 2).sum() + (c * p).cos().sum() * 0.3
                   for p, q, c in zip(params, goals, scales, strict=True))
        loss.backward()
        return loss

    for _ in range(steps):
        optimizer.step(closure)
    return [p.detach().numpy() for p in params], optimizer, closure


def spelled(name, options):
    return f"{name}-" + "-".join(f"{k}={v}" for k, v in options.items())


@pytest.mark.parametrize(("name", "options"), SAMPLES, ids=[spelled(*s) for s in SAMPLES])
def test_eight_steps_give_pytorchs_weights(name, options):
    torch = pytest.importorskip("torch")
    shapes = MATRICES.get(name, ((3, 4), (5,), (), (1, 2, 0)))
    if name == "LBFGS":
        shapes = shapes[:3]
    ours, mine, _ = train(tg, lambda p: getattr(tg.optim, name)(p, **options), shapes)
    theirs, other, _ = train(torch, lambda p: getattr(torch.optim, name)(p, **options), shapes)
    # Rounding to bfloat16 in PyTorch's Muon moves a step by about a percent; eight of them are 0.16 long.
    rtol, atol = (0, 0.02) if name == "Muon" else (1e-6, 1e-6) if name == "LBFGS" else (1e-9, 1e-10)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol, atol)
    for a, b in zip(ours, train(tg, lambda p: tg.optim.SGD(p, lr=0), shapes)[0], strict=True):
        assert a.size == 0 or not np.allclose(a, b, atol=1e-4), "the optimiser did not move the weights"
    assert set(other.param_groups[0]) >= set(mine.param_groups[0])


@pytest.mark.parametrize("name", sorted(set(OPTIONS) - {"LBFGS"}))
def test_defaults_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    p = np.ones((2, 2), np.float32)
    ours = getattr(tg.optim, name)([tg.tensor(p, requires_grad=True)]).defaults
    theirs = getattr(torch.optim, name)([torch.tensor(p, requires_grad=True)]).defaults
    assert ours == {k: theirs[k] for k in ours}


@pytest.mark.parametrize("name", sorted(set(OPTIONS) - {"LBFGS", "Muon"}))
def test_large_and_strided_parameters_are_changed_as_small_ones(name):
    rng = np.random.default_rng(0)
    whole, grads = rng.standard_normal((300, 250)), rng.standard_normal((3, 300, 250))

    def run(arrays, gradients):
        params = [tg.from_numpy(a).requires_grad_() for a in arrays]
        optimizer = getattr(tg.optim, name)(params)
        for step in range(3):
            for p, g in zip(params, gradients, strict=True):
                p.grad = tg.from_numpy(g[step])
            optimizer.step()
        return arrays

    small = np.concatenate(run([r.copy() for r in whole], [grads[:, i] for i in range(300)])).reshape(300, 250)
    large, strided = run([whole.copy(), np.asfortranarray(whole)], [grads, grads])
    np.testing.assert_array_equal(large, small)
    np.testing.assert_array_equal(strided, small)


@pytest.mark.parametrize("name", sorted(set(OPTIONS) - {"LBFGS"}))
def test_a_saved_state_goes_on_where_it_stopped(name):
    torch = pytest.importorskip("torch")
    options = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {}
    shapes = MATRICES.get(name, ((3, 4), (5,), ()))
    whole, _, _ = train(tg, lambda p: getattr(tg.optim, name)(p, **options), shapes, 6)
    for T in (tg, torch):
        half, saved, _ = train(T, lambda p, T=T: getattr(T.optim, name)(p, **options), shapes, 3)

        def resume(params, half=half, saved=saved):
            for p, value in zip(params, half, strict=True):
                p.data = tg.tensor(value)
            optimizer = getattr(tg.optim, name)(params, lr=123.0, **options)
            optimizer.load_state_dict(saved.state_dict())
            return optimizer

        again, _, _ = train(tg, resume, shapes, 3)
        for a, b in zip(again, whole, strict=True):
            np.testing.assert_allclose(a, b, atol=0.02 if name == "Muon" else 1e-9)


def test_groups_have_options_of_their_own():
    a, b = tg.tensor([1.0], requires_grad=True), tg.tensor([1.0], requires_grad=True)
    optimizer = tg.optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.5}], lr=0.1)
    (a + b).sum().backward()
    optimizer.step()
    assert (round(a.item(), 6), b.item()) == (0.9, 0.5)
    optimizer.param_groups[0]["lr"] = 1.0
    optimizer.step()
    assert (round(a.item(), 6), b.item()) == (-0.1, 0.0)


def test_zero_grad_forgets_or_fills():
    p = tg.tensor([1.0, 2.0], requires_grad=True)
    optimizer = tg.optim.SGD([p], lr=0.1)
    p.sum().backward()
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.tolist() == [0.0, 0.0]
    optimizer.zero_grad()
    assert p.grad is None
    optimizer.step()
    assert p.tolist() == [1.0, 2.0]


def test_parameters_keep_their_memory_and_old_graphs_are_refused():
    p = tg.tensor([1.0, 2.0], requires_grad=True)
    memory = p.array
    loss = (p * p).sum()
    loss.backward(retain_graph=True)
    tg.optim.Adam([p]).step()
    assert p.array is memory
    with pytest.raises(GradError, match=r"changed in place[\s\S]*\.step\(\)"):
        loss.backward()


def test_every_update_is_recorded():
    p = tg.tensor([1.0, 2.0], requires_grad=True)
    optimizer = tg.optim.SGD([p], lr=0.5)
    with record() as recording:
        (p * p).sum().backward()
        optimizer.step()
    update = next(e for e in recording.events if e["type"] == "update")
    assert update["optimizer"] == "SGD"
    assert (update["before"]["data"], update["grad"]["data"], update["value"]["data"]) == (
        [1.0, 2.0], [2.0, 4.0], [0.0, 0.0])


def leaf(*shape):
    return tg.zeros(*shape, requires_grad=True)


@pytest.mark.parametrize(("make", "words"), [
    (lambda: tg.optim.SGD([]), "empty list of parameters"),
    (lambda: tg.optim.SGD(leaf(2)), r"write \[w\]"),
    (lambda: tg.optim.SGD([1.0]), "changes tensors"),
    (lambda: tg.optim.SGD([leaf(2) * 2]), r"only change leaves.*mul"),
    (lambda: tg.optim.SGD([leaf(2)], lr=-0.1), "lr=-0.1"),
    (lambda: tg.optim.SGD([leaf(2)], lr=float("nan")), "lr=nan"),
    (lambda: tg.optim.SGD([leaf(2)], nesterov=True), "Nesterov"),
    (lambda: tg.optim.Adam([leaf(2)], betas=(0.9, 1.0)), r"betas\[1\]=1.0"),
    (lambda: tg.optim.Adam([leaf(2)] * 2), "given twice"),
    (lambda: tg.optim.Rprop([leaf(2)], etas=(1.5, 1.2)), "etas"),
    (lambda: tg.optim.Muon([leaf(2)]), "matrices"),
    (lambda: tg.optim.LBFGS([leaf(2)]).step(), "closure"),
    (lambda: tg.optim.LBFGS([leaf(2)], line_search_fn="golden"), "golden"),
])
def test_errors_say_what_is_wrong(make, words):
    with pytest.raises(OptimizerError, match=words):
        make()


def test_an_option_that_needs_memory_may_be_switched_on_later():
    w = tg.ones(2, requires_grad=True)
    for make, option, value in ((tg.optim.SGD, "momentum", 0.9), (tg.optim.Adam, "amsgrad", True)):
        optimizer = make([w], lr=0.1)
        for _ in range(2):
            (w * w).sum().backward()
            optimizer.step()
            optimizer.param_groups[0][option] = value
        assert w.isfinite().all()


@pytest.mark.parametrize("shape, dtype", [((3, 2), "float32"), ((3, 2), "float64"), ((), "float32"), ((70_000,), "float32")])
def test_plain_descent(shape, dtype):
    p = tg.tensor(np.full(shape, 0.5, dtype), requires_grad=True)
    (p * p).sum().backward()
    optimizer = tg.optim.SGD([p], lr=0.1)
    optimizer.step()
    np.testing.assert_allclose(p.detach().numpy(), np.full(shape, 0.4, dtype), rtol=1e-6 if dtype == "float32" else 1e-15)
    assert p.dtype == dtype and p._version == 1
    optimizer.param_groups[0]["momentum"] = 0.9         # as if it had been there from the start
    optimizer.step()
    np.testing.assert_allclose(p.detach().numpy(), np.full(shape, 0.3, dtype), rtol=1e-6)
