"""Every operation against small steps and against PyTorch: values, dtypes, first and second gradients."""
import inspect

import numpy as np
import pytest

import tinygrad_core as tg
from tests.engine.samples import BINARY, FUNCTIONAL, PRODUCTS, REDUCTIONS, SHAPED, UNARY, samples
from tinygrad_core.autograd import gradcheck, gradgradcheck
from tinygrad_core.errors import Line

SAMPLES = list(samples())
BY_NAME: dict[str, list] = {}
for _sample in SAMPLES:
    BY_NAME.setdefault(_sample.name, []).append(_sample)
# The second slope of these is 0, or a step: nothing to hold against small steps.
FLAT = {"ceil", "floor", "trunc", "round", "sign", "x ** 0"}


@pytest.mark.parametrize("name", BY_NAME)
def test_gradients_against_small_steps(name):
    for sample in BY_NAME[name][:6]:
        inputs = [tg.tensor(np.array(x), dtype=tg.float64, requires_grad=True) for x in sample.inputs]
        if any(not x.size for x in sample.inputs) or name == "cast":
            continue
        if name.startswith("nn.") and not sample.inputs[0].flags.c_contiguous:
            continue                    # slow, and memory layouts are held against PyTorch

        def run(*tensors, sample=sample):
            return sample.run(tg, *tensors)

        assert gradcheck(run, inputs), sample
        if name not in FLAT:
            assert gradgradcheck(run, inputs), sample


@pytest.mark.parametrize("name", BY_NAME)
def test_values_dtypes_and_gradients_against_pytorch(name):
    compare = pytest.importorskip("tests.engine.against_torch").compare
    for sample in BY_NAME[name]:
        compare(sample.run, *sample.inputs, **sample.compared)


def test_every_function_of_nn_has_samples():
    public = {name for name, f in vars(tg.nn.functional).items()
              if inspect.isfunction(f) and not name.startswith("_") and (f.__module__ or "").startswith("tinygrad_core.nn.")}
    # What gives no gradient; what has no place among PyTorch's functions.
    assert public - set(FUNCTIONAL) == {"one_hot", "refuse_sparse"}


def test_every_operation_with_a_rule_has_samples():
    covered = {n.split()[0] for n in [*UNARY, *BINARY, *REDUCTIONS, *SHAPED, *PRODUCTS]}
    # What another name stands for, what has tests of its own, and what is no function of a person's.
    elsewhere = set("""sum_to stretch alias freeze_row scale_gradient patch scatter_into setitem getitem cast move fold unfold
        pad pick unpick max_pool max_windows conv attention layer_norm gelu_tanh lstm cross_entropy
        binary_cross_entropy gelu elu leaky_relu hardtanh softplus huber channel_norm""".split())
    from tinygrad_core.ops import OPS
    # Gradients of fused operations, and what only graphs hold, join the table when graphs are used.
    own = {name: op for name, op in OPS.items() if (op.forward.__module__ or "").startswith("tinygrad_core.ops.")}
    with_rule = {name for name, op in own.items() if op.backward or any(op.rules)}
    assert with_rule - covered - elsewhere == set()


SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-30, 1e30])


@pytest.mark.parametrize("name", [*UNARY, "isnan", "isinf", "isfinite", "logical_not"])
def test_special_values_against_pytorch(name):
    torch = pytest.importorskip("torch")
    for dtype in ("float32", "float64"):
        mine = getattr(tg, name)(tg.tensor(SPECIAL.astype(dtype))).numpy()
        theirs = getattr(torch, name)(torch.tensor(SPECIAL.astype(dtype))).numpy()
        assert mine.dtype == theirs.dtype
        big = np.abs(SPECIAL) < 1e20 if name in ("sin", "cos", "tan", "reciprocal") else np.full(len(SPECIAL), True)
        np.testing.assert_allclose(mine[big], theirs[big], rtol=1e-5, atol=1e-35)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("a", ["float32", "float64", "int64", "int32", "bool", 2, 2.5])
@pytest.mark.parametrize("b", ["float32", "float64", "int64", "uint8"])
def test_result_dtypes_against_pytorch(name, a, b):
    torch = pytest.importorskip("torch")
    if name in ("logaddexp", "atan2", "maximum", "minimum") and not isinstance(a, str):
        pytest.skip("takes tensors only in PyTorch")
    x, y = np.array([1, 1, 0]), np.array([1, 2, 3])

    def run(T):
        left = a if not isinstance(a, str) else T.tensor(x.astype(a))
        try:
            return getattr(T, name)(left, T.tensor(y.astype(b))) if name != "pow" else left ** T.tensor(y.astype(b))
        except (RuntimeError, TypeError):
            return None

    mine, theirs = run(tg), run(torch)
    if theirs is not None and name != "logaddexp":
        assert mine is not None and str(mine.dtype) == str(theirs.dtype).removeprefix("torch."), (mine, theirs)
        np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=1e-6)


@pytest.mark.parametrize("run", [
    lambda T, x: T.amax(x), lambda T, x: T.amax(x, 1), lambda T, x: T.max(x), lambda T, x: T.max(x, 1)[0],
    lambda T, x: T.min(x, 0)[0], lambda T, x: T.maximum(x, x.flip(1)), lambda T, x: T.relu(x), lambda T, x: T.abs(x),
    lambda T, x: x.clamp(0, 1), lambda T, x: T.linalg.vector_norm(x * 0), lambda T, x: T.std(x * 0), lambda T, x: T.prod(x),
    lambda T, x: x.cumprod(1), lambda T, x: (x * 0) ** 0, lambda T, x: T.sign(x), lambda T, x: x.median(1)[0]])
def test_gradients_at_ties_kinks_and_zeros_are_pytorchs(run):
    torch = pytest.importorskip("torch")
    values = [[0.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    grads = []
    for T in (tg, torch):
        x = T.tensor(values, requires_grad=True)
        run(T, x).sum().backward()
        grads.append(np.asarray(x.grad))
    np.testing.assert_allclose(*grads)


@pytest.mark.parametrize("name", "sum mean prod all any".split())
def test_reductions_of_nothing(name):
    torch = pytest.importorskip("torch")
    for shape, options in (((0,), {}), ((2, 0), {"dim": 1}), ((0, 3), {"dim": 0})):
        mine = getattr(tg, name)(tg.zeros(shape), **options).numpy()
        np.testing.assert_array_equal(mine, getattr(torch, name)(torch.zeros(shape), **options).numpy())
    with pytest.raises(tg.errors.ShapeError, match="no elements"):
        tg.zeros(0).max()


@pytest.mark.parametrize("call", [
    lambda x: x.relu(), tg.nn.functional.relu, tg.relu, tg.tanh, lambda x: x + x, lambda x: 1 - x, lambda x: x.sum(),
    tg.mean, tg.exp, lambda x: tg.nn.functional.linear(x, x)])
def test_a_node_knows_the_line_outside_the_engine_that_ran_it(call):
    node = call(tg.ones(2, 2, requires_grad=True)).node
    assert Line.at(node.where).file == __file__
