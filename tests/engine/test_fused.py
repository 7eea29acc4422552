"""Fused operations against the formulas they equal: values, gradients, gradients of gradients, retained graphs."""
import numpy as np
import pytest

import tinygrad_core as tg
from tinygrad_core import formulas
from tinygrad_core.autograd import grad
from tinygrad_core.dispatch import apply
from tinygrad_core.ops import OPS
from tinygrad_core.static import compile
from tinygrad_core.tensor import Tensor


def normal(*shape):
    return lambda rng: rng.standard_normal(shape)


def classes(n, c):
    return lambda rng: rng.integers(0, c, n)


CASES = {
    "cross_entropy": [([normal(6, 4), classes(6, 4)], {"ignore": None}),
                      ([normal(2, 4, 3, 2), classes((2, 3, 2), 4)], {"ignore": None}),
                      ([normal(2, 4, 3, 2), classes((2, 3, 2), 4)], {"ignore": 1})],
    "layer_norm": [([normal(3, 2, 5), normal(5), normal(5)], {"eps": 1e-5}), ([normal(4, 5), None, None], {"eps": 0.1}),
                   ([normal(4, 5), None, normal(5)], {"eps": 0.1})],
    "channel_norm": [([normal(3, 4, 5), normal(4), normal(4)], {"groups": 2, "eps": 1e-5}),
                     ([normal(3, 4, 5), normal(4), normal(4)], {"groups": 0, "eps": 0.1}),
                     ([normal(3, 4, 5), None, normal(4)], {"groups": 4, "eps": 0.1})],
    "gelu": [([normal(3, 4)], {})],
    "gelu_tanh": [([normal(3, 4)], {})],
    "attention": [([normal(2, 3, 4, 5), normal(2, 3, 6, 5), normal(2, 3, 6, 5), None], {"scale": 0.4}),
                  ([normal(2, 4, 5), normal(2, 6, 5), normal(2, 6, 3), normal(4, 6)], {"scale": 0.4})],
    "conv": [([normal(2, 3, 5, 6), normal(4, 3, 3, 2), normal(4)],
              {"stride": (1, 1), "dilation": (1, 1), "groups": 1, "widths": ((1, 1), (0, 0))}),
             ([normal(2, 4, 5, 7), normal(6, 2, 2, 3), None],
              {"stride": (2, 1), "dilation": (1, 2), "groups": 2, "widths": ((0, 1), (2, 2))}),
             ([normal(2, 3, 7), normal(3, 1, 3), normal(3)],
              {"stride": (2,), "dilation": (1,), "groups": 3, "widths": ((1, 1),)})],
    "max_windows": [
        ([normal(2, 3, 4, 6)], {"kernel": (2, 3), "stride": (2, 3), "dilation": (1, 1), "widths": ((0, 0), (0, 0))}),
        ([normal(2, 3, 5, 6)], {"kernel": (3, 2), "stride": (1, 2), "dilation": (1, 2), "widths": ((1, 1), (0, 1))})],
    "lstm": [([normal(4, 3, 2), normal(3, 5), normal(3, 5), normal(20, 2), normal(20, 5), normal(20)], {})],
}
SAMPLES = [(name, k) for name, cases in CASES.items() for k in range(len(cases))]


def listed(result):
    return list(result) if isinstance(result, tuple) else [result]


def make(name, k, seed=0):
    makers, attrs = CASES[name][k]
    rng = np.random.default_rng(seed)
    return [None if m is None else Tensor(m(rng)) for m in makers], attrs, rng


def run(function, arrays, attrs, weights):
    """Values, gradients and second-order gradients of a weighted sum of the function's results."""
    inputs = [None if a is None else Tensor(a.array, requires_grad=a.is_floating_point()) for a in arrays]
    outs = listed(function(*inputs, **attrs))
    asked = [x for x in inputs if x is not None and x.requires_grad]
    loss = sum(((o * w).sum() for o, w in zip(outs, weights, strict=True)), Tensor(0.0, dtype=tg.float64))
    first = grad(loss, asked, create_graph=True)
    square = sum(((g * g).sum() for g in first), Tensor(0.0, dtype=tg.float64))
    second = grad(square, asked, allow_unused=True) if square.requires_grad else [None] * len(asked)
    return [o.detach().numpy() for o in outs], [g.detach().numpy() for g in first], [
        np.zeros(x.shape) if s is None else s.numpy() for x, s in zip(asked, second, strict=True)], inputs, outs


def test_every_fused_operation_is_tested():
    assert {n for n, op in OPS.items() if op.formula is not None and "_backward" not in n} <= set(CASES)


@pytest.mark.parametrize("name, k", SAMPLES)
def test_values_and_gradients_equal_the_formulas(name, k):
    arrays, attrs, rng = make(name, k)
    shapes = [o.shape for o in listed(getattr(formulas, name)(*arrays, **attrs))]
    weights = [Tensor(rng.standard_normal(s)) for s in shapes]
    fused = run(lambda *a, **kw: apply(OPS[name], *a, **kw), arrays, attrs, weights)
    plain = run(getattr(formulas, name), arrays, attrs, weights)
    for mine, theirs in zip(fused[:3], plain[:3], strict=True):
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name, k", SAMPLES)
def test_the_fast_rule_equals_the_formula_and_leaves_what_was_saved(name, k):
    arrays, attrs, _ = make(name, k)
    results = []
    for function in (getattr(formulas, name), lambda *a, **kw: apply(OPS[name], *a, **kw)):
        inputs = [None if a is None else Tensor(a.array, requires_grad=a.is_floating_point()) for a in arrays]
        outs = listed(function(*inputs, **attrs))
        seeds = np.random.default_rng(1)
        weights = [Tensor(seeds.standard_normal(o.shape)) for o in outs]
        loss = sum(((o * w).sum() for o, w in zip(outs, weights, strict=True)), Tensor(0.0, dtype=tg.float64))
        passes = []
        for _ in range(2):
            for x in inputs:
                if x is not None:
                    x.grad = None
            loss.backward(retain_graph=True)
            passes.append([x.grad.numpy().copy() for x in inputs if x is not None and x.requires_grad])
        for a, b in zip(*passes, strict=True):
            np.testing.assert_array_equal(a, b)
        results.append(passes[0])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name, k", SAMPLES)
def test_gradients_are_computed_for_the_inputs_that_want_them_alone(name, k):
    arrays, attrs, _ = make(name, k)
    floats = [i for i, a in enumerate(arrays) if a is not None and a.is_floating_point()]
    for only in floats:
        inputs = [None if a is None else Tensor(a.array, requires_grad=i == only) for i, a in enumerate(arrays)]
        out = listed(apply(OPS[name], *inputs, **attrs))[0]
        out.sum().backward()
        assert inputs[only].grad is not None
        assert all(x.grad is None for i, x in enumerate(inputs) if x is not None and i != only)


@pytest.mark.parametrize("name, k", SAMPLES)
def test_gradients_of_gradients_are_the_same_in_a_graph(name, k):
    arrays, attrs, _ = make(name, k)
    op, learning = OPS[name], [n for n, a in enumerate(arrays) if a is not None and a.is_floating_point()]

    def twice(*learned):
        inputs = [learned[learning.index(n)] if n in learning else a for n, a in enumerate(arrays)]
        loss = sum((o * o * o).sum() for o in listed(apply(op, *inputs, **attrs)))
        first = grad(loss, list(learned), create_graph=True)
        return grad(sum((g * g).sum() for g in first), list(learned), allow_unused=True)

    inputs = [Tensor(arrays[n].array, requires_grad=True) for n in learning]
    expected = twice(*inputs)
    for now, wanted in zip(compile(twice, backend="interpreter")(*inputs), expected, strict=True):
        assert (now is None) == (wanted is None)
        if wanted is not None:
            np.testing.assert_allclose(now.numpy(), wanted.numpy(), rtol=1e-6, atol=1e-9)
