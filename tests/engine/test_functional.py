"""nn.functional's activations, normalisations, attention and tables against PyTorch, over generated inputs."""
from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_core as tg
import tinygrad_core.nn.functional as F
from tests.engine.against_torch import compare

torch = pytest.importorskip("torch")

SHAPES = [(), (1,), (4,), (2, 3), (0, 4), (2, 1, 4), (2, 3, 2, 4)]
# Where functions bend or saturate; second derivatives jump there, so they are compared elsewhere.
KINKS = np.array([-100.0, -40.0, -20.0, -6.0, -3.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 3.0, 6.0, 20.0, 25.0, 40.0, 100.0])
ACTIVATIONS = {
    "relu": [{}], "relu6": [{}], "leaky_relu": [{}, {"negative_slope": 0.3}, {"negative_slope": -0.2}],
    "hardtanh": [{}, {"min_val": -3.0, "max_val": 0.5}], "hardsigmoid": [{}], "hardswish": [{}],
    "elu": [{}, {"alpha": 0.5}], "celu": [{}, {"alpha": 2.0}], "selu": [{}], "silu": [{}], "mish": [{}],
    "softplus": [{}, {"beta": 2.0, "threshold": 4.0}], "logsigmoid": [{}], "softsign": [{}],
    "gelu": [{}, {"approximate": "tanh"}], "sigmoid": [{}], "tanh": [{}],
}
CASES = [(name, settings) for name, several in ACTIVATIONS.items() for settings in several]
NO_SECOND = {"hardsigmoid"}             # PyTorch has no second gradient for it
ROUGH = {"hardsigmoid", "hardswish"}    # PyTorch takes 1/6 in float32 for float64 too


@pytest.fixture(autouse=True)
def _twice_differentiable() -> Any:
    """PyTorch's fast attention kernel has no second gradients; its plain one has."""
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        yield


def _call(name: str, **settings: Any) -> Any:
    return lambda T, *a: getattr(T.nn.functional, name)(*a, **settings)


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_activations(name: str, settings: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    dtypes = ("float32",) if name in ROUGH else ("float64", "float32")
    for shape in SHAPES:
        compare(_call(name, **settings), rng.standard_normal(shape) * 3, second=name not in NO_SECOND, dtypes=dtypes)
    compare(_call(name, **settings), KINKS, second=False, dtypes=dtypes)
    transposed = lambda T, x: getattr(T.nn.functional, name)(x.transpose(0, 1), **settings)  # noqa: E731
    compare(transposed, rng.standard_normal((3, 4)), second=False, dtypes=dtypes)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gelu_over_the_whole_range(approximate: str, dtype: str) -> None:
    edges = [s * v for v in (0.0, 1e-45, 1e-30, 30.0, 1e15, np.inf, np.nan) for s in (1, -1)]
    x = np.concatenate([edges, np.linspace(-12, 12, 100_001)]).astype(dtype)        # more than a block
    slope, exact = (T.tensor(v, requires_grad=True) for T, v in ((tg, x), (torch, x.astype("float64"))))
    with np.errstate(all="ignore"):
        y = F.gelu(slope, approximate=approximate)
        wanted = torch.nn.functional.gelu(exact, approximate=approximate)
        y.backward(tg.ones_like(y))
        wanted.backward(torch.ones_like(wanted))
    within = 2e-6 if dtype == "float32" else 1e-14          # 1 - tanh² keeps few digits where it is small
    np.testing.assert_allclose(slope.grad.numpy(), exact.grad.numpy(), rtol=0, atol=within)
    np.testing.assert_allclose(y.detach().numpy()[14:], wanted.detach().numpy()[14:], rtol=0, atol=within)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu_does_not_keep_its_result(approximate: str) -> None:
    x = tg.tensor([-1.0, 0.0, 2.0], requires_grad=True)
    y = F.gelu(x, approximate=approximate)
    slope, = tg.autograd.grad(y.sum(), x, retain_graph=True)
    y *= 3
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 3 * slope.numpy(), rtol=1e-6)


@pytest.mark.parametrize("name", [n for n in ACTIVATIONS if n not in ("softplus", "logsigmoid", "softsign", "gelu",
                                                                      "sigmoid", "tanh")])
def test_activations_in_place(name: str) -> None:
    x = np.random.default_rng(0).standard_normal((3, 4)).astype("float32")
    t = tg.tensor(x)
    result = getattr(F, name)(t, inplace=True)
    assert result is t
    np.testing.assert_array_equal(t.numpy(), getattr(F, name)(tg.tensor(x)).numpy())


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
def test_softmax(name: str) -> None:
    rng = np.random.default_rng(0)
    for shape, dim in (((4,), 0), ((2, 3), 1), ((2, 3), -2), ((2, 1, 4), 1), ((3, 0, 2), 0), ((2, 3, 4), 2)):
        compare(_call(name, dim=dim), rng.standard_normal(shape) * 5)
    compare(_call(name, dim=1), np.array([[1000.0, 0.0, -1000.0]]), second=False)
    assert getattr(F, name)(tg.zeros(2), 0, dtype=tg.float64).dtype == np.float64
    if name != "softmin":
        compare(lambda T, x: getattr(x, name)(-1) + getattr(T, name)(x, dim=0), rng.standard_normal((2, 3)))
        with pytest.raises(tg.errors.DTypeError, match="floating-point"):
            getattr(tg.tensor([1, 2]), name)(0)


@pytest.mark.parametrize("shape", [(4,), (3, 6), (2, 4, 3)])
def test_glu_and_prelu(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    for dim in range(-len(shape), len(shape)):
        if shape[dim] % 2 == 0:
            compare(_call("glu", dim=dim), rng.standard_normal(shape))
    compare(_call("prelu"), rng.standard_normal(shape), rng.standard_normal(1))
    if len(shape) > 1:
        compare(_call("prelu"), rng.standard_normal(shape), rng.standard_normal(shape[1]))


@pytest.mark.parametrize("seed", range(6))
def test_normalisations(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(2, 6, 4))
    x = rng.standard_normal(shape) * 2 + 1
    last = shape[int(rng.integers(0, 4)):]
    last = last or shape[-1:]
    weight, bias = rng.standard_normal(last), rng.standard_normal(last)
    compare(lambda T, x, w, b: T.nn.functional.layer_norm(x, last, w, b), x, weight, bias)
    compare(lambda T, x: T.nn.functional.layer_norm(x, last, eps=1e-2), x)
    compare(lambda T, x, b: T.nn.functional.layer_norm(x, last, None, b), x, bias, second=False)
    compare(lambda T, x, w: T.nn.functional.rms_norm(x, last, w), x, weight)
    compare(lambda T, x: T.nn.functional.rms_norm(x, last, eps=0.1), x)
    x = rng.standard_normal((shape[0], 6, *shape[2:]))
    weight, bias = rng.standard_normal(6), rng.standard_normal(6)
    for groups in (1, 2, 3, 6):
        compare(lambda T, x, w, b, g=groups: T.nn.functional.group_norm(x, g, w, b), x, weight, bias)
    for training in (True, False):
        compare(lambda T, x, w, b, t=training: T.nn.functional.batch_norm(
            x, T.zeros(6, dtype=x.dtype), T.ones(6, dtype=x.dtype) * 2, w, b, t, 0.3), x, weight, bias)
    compare(lambda T, x: T.nn.functional.batch_norm(x, None, None, training=True), x)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_unit_lengths(p: float, dim: int) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((3, 4, 2)), rng.standard_normal((3, 4, 2))
    compare(_call("normalize", p=p, dim=dim), x)
    compare(_call("cosine_similarity", dim=dim), x, y)
    compare(_call("cosine_similarity", dim=dim, eps=2.0), x, y, second=False)
    compare(_call("cosine_similarity", dim=dim), x, np.zeros_like(x), second=False)


@pytest.mark.parametrize("heads", [(), (3,), (2, 3)])
@pytest.mark.parametrize("settings", [{}, {"is_causal": True}, {"scale": 0.5}])
def test_attention(heads: tuple[int, ...], settings: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal((*heads, n, m)) for n, m in ((4, 5), (6, 5), (6, 3)))
    compare(_call("scaled_dot_product_attention", **settings), q, k, v)


def test_attention_masks() -> None:
    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal((2, 3, 4, 5)) for _ in range(3))
    allowed = rng.random((4, 4)) > 0.4
    allowed[1] = False                  # a query that may look at nothing
    compare(lambda T, q, k, v, m: T.nn.functional.scaled_dot_product_attention(q, k, v, m), q, k, v,
            constants=(allowed,))
    added = rng.standard_normal((2, 1, 4, 4))
    compare(lambda T, q, k, v, m: T.nn.functional.scaled_dot_product_attention(q, k, v, m), q, k, v, added)
    compare(lambda T, q, k, v: T.nn.functional.scaled_dot_product_attention(q, k, v, enable_gqa=True),
            rng.standard_normal((2, 4, 3, 5)), rng.standard_normal((2, 2, 6, 5)), rng.standard_normal((2, 2, 6, 5)))


def test_attention_dropout_drops_weights() -> None:
    tg.manual_seed(0)
    q, k = tg.randn(1, 50, 8), tg.randn(1, 40, 8)
    v = tg.ones(1, 40, 2)
    out = F.scaled_dot_product_attention(q, k, v, dropout_p=0.5).numpy()
    assert abs(out.mean() - 1) < 0.1 and out.std() > 0.05


@pytest.mark.parametrize("seed", range(4))
def test_linear_and_bilinear(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lead = tuple(int(n) for n in rng.integers(1, 4, seed))
    x, y, w, b = (rng.standard_normal(s) for s in ((*lead, 4), (*lead, 5), (3, 4), (3,)))
    compare(_call("linear"), x, w, b)
    compare(_call("linear"), x, w)
    compare(_call("bilinear"), x, y, rng.standard_normal((3, 4, 5)), b)


@pytest.mark.parametrize("shape", [(3, 2), (1, 2), (1,), ()])
def test_a_bias_may_be_stretched(shape: tuple[int, ...]) -> None:
    x, weight, bias = (tg.ones(*size, requires_grad=True) for size in ((3, 4), (2, 4), shape))
    F.linear(x, weight, bias).backward(tg.arange(6.0).reshape(3, 2))
    theirs = torch.ones(shape, requires_grad=True)
    torch.nn.functional.linear(torch.ones(3, 4), torch.ones(2, 4), theirs).backward(torch.arange(6.0).reshape(3, 2))
    assert bias.grad.tolist() == theirs.grad.tolist()


def test_embedding_and_one_hot() -> None:
    rng = np.random.default_rng(0)
    index = rng.integers(0, 6, (3, 4))
    for padding in (None, 2, -1):
        compare(lambda T, w, i, p=padding: T.nn.functional.embedding(i, w, p), rng.standard_normal((6, 3)),
                constants=(index,))
    for classes in (-1, 6, 9):
        ours = F.one_hot(tg.tensor(index), classes)
        theirs = torch.nn.functional.one_hot(torch.tensor(index), classes)
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
        assert ours.dtype == tg.int64


@pytest.mark.parametrize("wide", [3, 200])
def test_a_row_that_is_taken_often_gets_the_sum(wide: int) -> None:
    rng = np.random.default_rng(0)
    index = rng.integers(-9, 9, (20, 15))
    compare(lambda T, w, i: w[i], rng.standard_normal((9, wide)), constants=(index,))


@pytest.mark.parametrize("shape", [(3, 4), (80, 70)])
def test_where_keeps_every_bit(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(shape), rng.standard_normal(shape)
    x[0], y[1] = np.nan, np.inf
    condition = rng.random(shape) > 0.5
    for code in (lambda T, a, b, c: T.where(c, a, b), lambda T, a, b, c: T.where(c, a, b[:1]),
                 lambda T, a, b, c: T.where(c, a, 0.0) + T.where(c[:, :1], 2.5, b),
                 lambda T, a, b, c: T.where(c.T, a.T, b.T), lambda T, a, b, c: T.where(c, a[0, 0], b)):
        compare(code, x, y, constants=(condition,), second=False)
    for zero in (0.0, -0.0):
        out = tg.where(tg.tensor(condition), tg.tensor(x), zero).numpy()
        assert np.array_equal(np.signbit(out), np.signbit(np.where(condition, x, zero)))


def test_dropout() -> None:
    tg.manual_seed(0)
    x = tg.ones(200, 100, requires_grad=True)
    out = F.dropout(x, 0.25)
    values = out.detach().numpy()
    assert set(np.unique(values)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((values == 0).mean() - 0.25) < 0.02
    out.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), values)
    assert F.dropout(x, 0.25, training=False) is x
    assert not F.dropout(x, 1.0).detach().numpy().any()
    module = tg.nn.Dropout(0.5)
    assert (module(x).detach().numpy() == 0).any() and module.eval()(x) is x


@pytest.mark.parametrize(("code", "words"), [
    (lambda: F.linear(tg.zeros(2, 3), tg.zeros(4, 5)), "last dim must be 5"),
    (lambda: F.linear([1.0, 2.0], tg.zeros(4, 2)), "got list: make one with tensor"),
    (lambda: F.embedding([1], tg.zeros(4, 2)), "integer indices"),
    (lambda: F.embedding(tg.tensor([1]), tg.zeros(4, 2), sparse=True), "Leave sparse=False"),
    (lambda: tg.nn.Embedding(4, 2, sparse=True), "Leave sparse=False"),
    (lambda: F.softmax(tg.zeros(2, 3)), "pass dim=-1"),
    (lambda: F.glu(tg.zeros(2, 3)), "even size"),
    (lambda: F.gelu(tg.zeros(2), "erf"), "'none' or 'tanh'"),
    (lambda: F.dropout(tg.zeros(2), 1.5), "between 0 and 1"),
    (lambda: F.embedding(tg.tensor([0, 7]), tg.zeros(5, 2)), "rows 0 to 4"),
    (lambda: F.embedding(tg.tensor([0.5]), tg.zeros(5, 2)), "integer indices"),
    (lambda: F.one_hot(tg.tensor([3]), 2), "between 0 and 1"),
    (lambda: F.layer_norm(tg.zeros(2, 3), 4), "last dims must be (4,)"),
    (lambda: F.group_norm(tg.zeros(2, 3), 2), "cut into 2 groups"),
    (lambda: F.batch_norm(tg.zeros(1, 3), None, None, training=True), "more than one value"),
    (lambda: F.scaled_dot_product_attention(tg.zeros(2, 3), tg.zeros(2, 4), tg.zeros(2, 4)), "agree in their last dim"),
    (lambda: F.bilinear(tg.zeros(2, 3), tg.zeros(2, 4), tg.zeros(5, 3, 3)), "(*, 3) and (*, 3)"),
])
def test_mistakes_are_explained(code: Any, words: str) -> None:
    with pytest.raises((tg.errors.EngineError, ValueError)) as error:
        code()
    assert words in str(error.value)
