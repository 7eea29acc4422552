"""The losses of nn.functional against PyTorch: every reduction, weight, label and shape."""
from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import tinygrad_core as tg
import tinygrad_core.nn as nn
import tinygrad_core.nn.functional as F
from tests.engine.against_torch import compare

torch = pytest.importorskip("torch")

REDUCTIONS = ["mean", "sum", "none"]


def _call(name: str, **settings: Any) -> Any:
    return lambda T, *a: getattr(T.nn.functional, name)(*a, **settings)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(), (5,), (4, 3), (0, 3)])
def test_distances(shape: tuple[int, ...], reduction: str) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(shape) * 2, rng.standard_normal(shape) * 2
    compare(_call("mse_loss", reduction=reduction), x, y)
    compare(_call("l1_loss", reduction=reduction), x, y)
    for size in (0.5, 1.0, 3.0):
        compare(_call("smooth_l1_loss", reduction=reduction, beta=size), x, y)
        compare(_call("huber_loss", reduction=reduction, delta=size), x, y)
    compare(_call("smooth_l1_loss", reduction=reduction, beta=0.0), x, y)


@pytest.mark.parametrize("reduction", [*REDUCTIONS, "batchmean"])
def test_kl_div(reduction: str) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((4, 3)), rng.standard_normal((4, 3))
    zeros = np.abs(y)
    zeros[0] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")         # PyTorch's advice on "mean"
        compare(lambda T, a, b: T.nn.functional.kl_div(a, b.exp(), reduction=reduction), x, y)
        compare(lambda T, a, b: T.nn.functional.kl_div(a, b.to(a.dtype), reduction=reduction), x, constants=(zeros,))
        compare(_call("kl_div", reduction=reduction, log_target=True), x, y)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_binary_cross_entropy(reduction: str) -> None:
    rng = np.random.default_rng(0)
    p, y, w = rng.uniform(0.05, 0.95, (4, 3)), rng.uniform(0, 1, (4, 3)), rng.uniform(0, 2, (4, 3))
    compare(_call("binary_cross_entropy", reduction=reduction), p, y)
    weighted = lambda T, a, b, w: T.nn.functional.binary_cross_entropy(  # noqa: E731
        a, b, w.to(a.dtype), reduction=reduction)
    compare(weighted, p, y, constants=(w,))
    edges, sure = np.array([0.0, 0.0, 1.0, 1.0, 0.5]), np.array([0.0, 1.0, 0.0, 1.0, 1.0])
    compare(lambda T, a, b: T.nn.functional.binary_cross_entropy(a, b.to(a.dtype), reduction=reduction), edges,
            constants=(sure,), second=False)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_binary_cross_entropy_with_logits(reduction: str) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((4, 3)) * 20, rng.uniform(0, 1, (4, 3))
    x[0, 0] = 0
    compare(_call("binary_cross_entropy_with_logits", reduction=reduction), x, y)
    compare(lambda T, a, b, w, p: T.nn.functional.binary_cross_entropy_with_logits(
        a, b, w.to(a.dtype), reduction=reduction, pos_weight=p.to(a.dtype)), x / 10, y,
        constants=(rng.uniform(0, 2, (4, 3)), rng.uniform(0, 2, 3)))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(5,), (4, 5), (1, 5), (4, 5, 3), (2, 5, 3, 2), (0, 5)])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignored", [-100, 2])
def test_class_indices(shape: tuple[int, ...], reduction: str, weighted: bool, ignored: int) -> None:
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal(shape) * 2, rng.uniform(0, 1, 5)
    labels = np.asarray(rng.integers(0, 5, (*shape[:1], *shape[2:]) if len(shape) > 1 else ()))
    if labels.ndim:
        labels[:1] = ignored

    def code(name: str, **settings: Any) -> Any:
        return lambda T, a, t: getattr(T.nn.functional, name)(
            a, t, weight=T.tensor(weight).to(a.dtype) if weighted else None, ignore_index=ignored,
            reduction=reduction, **settings)

    for smoothing in (0.0, 0.1):
        compare(code("cross_entropy", label_smoothing=smoothing), x, constants=(labels,))
    compare(code("nll_loss"), x, constants=(labels,))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(5,), (4, 5), (4, 5, 3)])
@pytest.mark.parametrize("weighted", [False, True])
def test_class_probabilities(shape: tuple[int, ...], reduction: str, weighted: bool) -> None:
    rng = np.random.default_rng(0)
    x, y, weight = rng.standard_normal(shape), rng.uniform(0, 1, shape), rng.uniform(0, 1, 5)
    for smoothing in (0.0, 0.2):
        compare(lambda T, a, b, s=smoothing: T.nn.functional.cross_entropy(
            a, b, weight=T.tensor(weight).to(a.dtype) if weighted else None, reduction=reduction,
            label_smoothing=s), x, y)


def test_the_usual_case_is_one_operation() -> None:
    x, t = tg.zeros(3, 2, requires_grad=True), tg.tensor([0, 1, 1])
    assert F.cross_entropy(x, t).grad_fn.op.name == "cross_entropy"
    assert F.cross_entropy(x, t, ignore_index=1).item() == pytest.approx(np.log(2))


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
def test_a_target_that_only_fits_by_broadcasting_is_warned_of(name: str) -> None:
    with pytest.warns(UserWarning, match=r"\(3, 1\).*\(3,\)") as caught:
        getattr(F, name)(tg.zeros(3, 1), tg.zeros(3))
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        getattr(F, name)(tg.zeros(3), tg.zeros(3))


LOSSES = {
    "L1Loss": {}, "MSELoss": {}, "SmoothL1Loss": {"beta": 0.5}, "HuberLoss": {"delta": 0.5}, "KLDivLoss": {},
    "BCELoss": {}, "BCEWithLogitsLoss": {}, "NLLLoss": {}, "CrossEntropyLoss": {"label_smoothing": 0.1},
}


@pytest.mark.parametrize("name", list(LOSSES))
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.filterwarnings("ignore")
def test_modules(name: str, reduction: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(0.1, 0.9, (4, 3))
    classes = name in ("NLLLoss", "CrossEntropyLoss")
    y = rng.integers(0, 3, 4) if classes else rng.uniform(0.1, 0.9, (4, 3))
    code = lambda T, a, b: getattr(T.nn, name)(  # noqa: E731
        reduction=reduction, **LOSSES[name])(a, b if classes else b.to(a.dtype))
    compare(code, x, constants=(y,))
    assert repr(getattr(nn, name)(reduction=reduction)) == f"{name}()"


def test_class_weights_are_state() -> None:
    weight = np.array([0.2, 0.5, 0.3])
    for name in ("NLLLoss", "CrossEntropyLoss"):
        ours, theirs = (getattr(T.nn, name)(weight=T.tensor(weight)) for T in (tg, torch))
        assert list(ours.state_dict()) == list(theirs.state_dict()) == ["weight"]
        x, t = np.random.default_rng(0).standard_normal((4, 3)), np.array([0, 2, 1, 2])
        assert ours(tg.tensor(x), tg.tensor(t)).item() == pytest.approx(
            theirs(torch.tensor(x), torch.tensor(t)).item())


@pytest.mark.parametrize(("code", "words"), [
    (lambda x: F.cross_entropy(x, tg.tensor([0.0, 1.0])), "integer class labels"),
    (lambda x: F.cross_entropy(x.long(), tg.tensor([0, 1])), "floating-point scores"),
    (lambda x: F.cross_entropy(x, tg.tensor([0, 1, 2])), "(N, C) and labels of shape (N,)"),
    (lambda x: F.cross_entropy(x, tg.tensor([0, 3])), "the label 3, but with 3 classes"),
    (lambda x: F.nll_loss(x, tg.tensor([0, -1])), "the label -1"),
    (lambda x: F.mse_loss(x, tg.zeros(2, 3), reduction="average"), "'mean', 'sum' or 'none'"),
    (lambda x: F.mse_loss(x, 3.0), "a tensor as target"),
    (lambda x: F.binary_cross_entropy(x - 1, tg.zeros(2, 3)), "between 0 and 1"),
    (lambda x: F.binary_cross_entropy_with_logits(x, tg.zeros(2)), "target of the input's shape"),
    (lambda x: F.huber_loss(x, x, delta=0.0), "delta must be positive"),
])
def test_mistakes_are_explained(code: Any, words: str) -> None:
    with pytest.raises((tg.errors.EngineError, ValueError)) as error:
        code(tg.zeros(2, 3))
    assert words in str(error.value)
