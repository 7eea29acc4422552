"""nn.init and nn.utils: what is drawn has the stated bounds and deviations, what is clipped equals PyTorch's."""
from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tinygrad_core as tg
from tests.engine.against_torch import torch
from tinygrad_core.nn import init, utils

SHAPE = (60, 40, 3)


def _drawn(name: str, *args: Any, **kwargs: Any) -> np.ndarray:
    tg.manual_seed(0)
    t = tg.zeros(*SHAPE, requires_grad=True)
    result = getattr(init, name)(t, *args, **kwargs)
    assert result is t and t.is_leaf and t.dtype == tg.float32
    return t.detach().numpy()


@pytest.mark.parametrize(("name", "settings"), [
    ("uniform_", {"a": -2.0, "b": 3.0}), ("normal_", {"mean": 1.0, "std": 0.5}), ("xavier_uniform_", {"gain": 2.0}),
    ("xavier_normal_", {}), ("kaiming_uniform_", {"a": 0.3}), ("kaiming_uniform_", {"mode": "fan_out"}),
    ("kaiming_normal_", {"nonlinearity": "relu"}), ("kaiming_normal_", {"mode": "fan_out", "nonlinearity": "tanh"}),
    ("trunc_normal_", {"std": 2.0}), ("zeros_", {}), ("ones_", {})])
def test_distributions_are_pytorchs(name: str, settings: dict[str, Any]) -> None:
    ours = _drawn(name, **settings)
    theirs = getattr(torch.nn.init, name)(torch.empty(SHAPE), **settings).numpy()
    assert ours.std() == pytest.approx(theirs.std(), rel=0.05, abs=1e-6)
    assert abs(ours.mean() - theirs.mean()) <= 0.1 * theirs.std()
    if name in ("uniform_", "xavier_uniform_", "kaiming_uniform_", "trunc_normal_"):
        assert ours.max() == pytest.approx(theirs.max(), rel=0.02)
        assert ours.min() == pytest.approx(theirs.min(), rel=0.02)
    np.testing.assert_array_equal(ours, _drawn(name, **settings))               # the seed decides


@pytest.mark.parametrize("shape", [(5, 5), (3, 8), (8, 3), (4, 2, 3)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    m = init.orthogonal_(tg.zeros(shape), gain=2.0).numpy().reshape(shape[0], -1)
    small = m @ m.T if m.shape[0] <= m.shape[1] else m.T @ m
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-5)


def test_the_rest_of_init() -> None:
    assert init.eye_(tg.zeros(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert init.constant_(tg.zeros(2), 3.0).tolist() == [3, 3]
    for name in ("linear", "conv2d", "sigmoid", "tanh", "relu", "selu", "leaky_relu"):
        assert init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name))
    assert init.calculate_gain("leaky_relu", 0.5) == pytest.approx(torch.nn.init.calculate_gain("leaky_relu", 0.5))
    with pytest.raises(ValueError, match="calculate_gain knows"):
        init.calculate_gain("cube")
    with pytest.raises(tg.errors.ShapeError, match="at least two dims"):
        init.xavier_uniform_(tg.zeros(3))
    mine, yours = tg.Generator().manual_seed(3), tg.Generator().manual_seed(3)
    assert init.normal_(tg.zeros(4), generator=mine).tolist() == init.normal_(tg.zeros(4), generator=yours).tolist()


def _parameters(T: Any, scale: float) -> list[Any]:
    rng = np.random.default_rng(0)
    found = []
    for shape in ((3, 4), (5,), (2, 1, 3), ()):
        p = T.tensor(rng.standard_normal(shape), requires_grad=True)
        p.grad = T.tensor(rng.standard_normal(shape) * scale)
        found.append(p)
    found.append(T.tensor([1.0], requires_grad=True))              # one without a gradient
    return found


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.0, math.inf])
@pytest.mark.parametrize("scale", [0.01, 10.0])
def test_clipping_lengths(norm_type: float, scale: float) -> None:
    ours, theirs = _parameters(tg, scale), _parameters(torch, scale)
    a = utils.clip_grad_norm_(ours, 1.0, norm_type)
    b = torch.nn.utils.clip_grad_norm_(theirs, 1.0, norm_type)
    assert a.item() == pytest.approx(b.item()) and a.dtype == tg.float64
    for p, q in zip(ours[:-1], theirs[:-1], strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-9)


def test_clipping_values_and_odd_gradients() -> None:
    ours, theirs = _parameters(tg, 3.0), _parameters(torch, 3.0)
    utils.clip_grad_value_(ours, 1.5)
    torch.nn.utils.clip_grad_value_(theirs, 1.5)
    for p, q in zip(ours[:-1], theirs[:-1], strict=True):
        np.testing.assert_array_equal(p.grad.numpy(), q.grad.numpy())
    ours[0].grad = tg.full((3, 4), math.nan, dtype=tg.float64)
    with pytest.raises(RuntimeError, match="infinite or not a number"):
        utils.clip_grad_norm_(ours, 1.0, error_if_nonfinite=True)
    assert utils.clip_grad_norm_([], 1.0).item() == 0


def test_parameters_as_one_vector() -> None:
    net = tg.nn.Sequential(tg.nn.Linear(3, 2), tg.nn.Linear(2, 1))
    vector = utils.parameters_to_vector(net.parameters())
    assert vector.shape == (11,) and vector.requires_grad
    utils.vector_to_parameters(vector.detach() * 2, net.parameters())
    doubled = utils.parameters_to_vector(net.parameters())
    np.testing.assert_allclose(doubled.detach().numpy(), 2 * vector.detach().numpy())
    with pytest.raises(tg.errors.ShapeError, match="11 elements together"):
        utils.vector_to_parameters(tg.zeros(10), net.parameters())


@pytest.mark.parametrize("norm_type", [2.0, math.inf])
def test_a_compiled_step_clips_its_gradients(norm_type: float) -> None:
    curves = []
    for compiled in (False, True):
        tg.manual_seed(0)
        net = tg.nn.Linear(3, 2)
        optimizer = tg.optim.SGD(net.parameters(), lr=0.1)

        def step(x: tg.Tensor, net: Any = net, optimizer: Any = optimizer) -> tuple[tg.Tensor, tg.Tensor]:
            optimizer.zero_grad()
            loss = (net(x) ** 2).mean()
            loss.backward()
            utils.clip_grad_value_(net.parameters(), 2.0)
            length = utils.clip_grad_norm_(net.parameters(), 1.0, norm_type)
            optimizer.step()
            return loss, length

        run = tg.compile(step, fullgraph=True) if compiled else step
        curves.append([[t.item() for t in run(tg.full((4, 3), 0.3 * k))] for k in (9, 6, 3, 1, 0, 1)])
    np.testing.assert_allclose(*curves, rtol=1e-5)
    assert min(length for _, length in curves[0]) < 0.5 and max(length for _, length in curves[0]) > 1


def test_a_compiled_step_clips_gradients_that_wait_outside() -> None:
    p = tg.tensor([3.0, 4.0], requires_grad=True)
    clip = tg.compile(lambda: utils.clip_grad_norm_([p], 1.0))
    for k in (1, 2):
        p.grad = tg.tensor([3.0, 4.0]) * k
        assert clip().item() == pytest.approx(5 * k)
        np.testing.assert_allclose(p.grad.numpy(), [0.6, 0.8], rtol=1e-5)
