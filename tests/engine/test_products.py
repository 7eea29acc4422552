"""Large products in eager mode by the compiled loop: equal to the library's, whatever the layout, where asked for."""

import numpy as np
import pytest

import tinygrad_core as tg
from tinygrad_core import nn, products


@pytest.fixture
def compiled():
    if not tg.use_compiled_products():
        pytest.skip("no compiler here, or no processor with vectors of 64 bytes")
    yield
    tg.use_compiled_products(False)


def test_it_is_switched_on_and_off(compiled):
    assert products._compiled
    assert tg.use_compiled_products(False) is False and not products._compiled


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("m", "k", "n"), [(128, 128, 128), (1, 2048, 1024), (300, 700, 17), (33, 1025, 65)])
def test_matrices_of_every_layout(compiled, dtype, m, k, n):
    rng = np.random.default_rng(0)
    for flip in range(4):
        x = rng.standard_normal((k, m) if flip & 1 else (m, k)).astype(dtype)
        y = rng.standard_normal((n, k) if flip & 2 else (k, n)).astype(dtype)
        x, y = x.T if flip & 1 else x, y.T if flip & 2 else y
        found = products.matmul(np, x, y)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, x @ y, rtol=1e-4, atol=1e-3)
        out = np.empty((m, n), dtype)
        assert products.matmul(np, x, y, out) is out
        np.testing.assert_array_equal(out, found)
        rows = np.zeros((m, n + 3), dtype)
        assert products.matmul(np, x, y, rows[:, 1:-2]).base is rows
        np.testing.assert_array_equal(rows[:, 1:-2], found)
        assert not rows[:, 0].any() and not rows[:, -2:].any()


def test_stacks_gaps_and_what_only_the_library_can(compiled):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 3, 128, 128)), rng.standard_normal((2, 3, 128, 128))
    for a, b in ((x, y), (x.swapaxes(-1, -2), y), (x[:, :, ::2], y), (x, y[0, 0]), (x[..., ::2], y[..., ::2, :]),
                 (x.astype(np.float32), y), (x[0, 0], y[0, 0, :, 0])):
        np.testing.assert_allclose(products.matmul(np, a, b), a @ b, rtol=1e-5, atol=1e-5)
    field = np.zeros((256, 256), [("a", "f4"), ("b", "u1")])["a"]       # numbers that lie five bytes apart
    field[...] = x[0, 0, :1, :1]
    wide = np.ones((256, 256), np.float32)
    np.testing.assert_allclose(products.matmul(np, field, wide), np.ascontiguousarray(field) @ wide, rtol=1e-5)
    wide.flags.writeable = False
    with pytest.raises(ValueError, match=r"read-only|not acceptable|writeable"):
        products.matmul(np, np.ones_like(wide), np.ones_like(wide), wide)
    with pytest.raises(tg.errors.ShapeError, match="must equal"):
        tg.ones(256, 256) @ tg.ones(255, 256)


def test_gradients_are_those_of_the_library(compiled):
    net = nn.Sequential(nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 64))
    x = tg.randn(128, 256)

    def gradients():
        net.zero_grad()
        (net(x) ** 2).mean().backward()
        return [p.grad.numpy() for p in net.parameters()]

    own = gradients()
    tg.use_compiled_products(False)
    for a, b in zip(own, gradients(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
@pytest.mark.parametrize("shape", [(5, 7), (2, 3, 4), (2, 3, 0), (0, 4), (70000, 3)])
def test_sums_of_rows_and_columns(dtype, shape):
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    tolerance = {"rtol": 1e-2, "atol": 1e-1} if dtype is np.float16 else {"rtol": 1e-4, "atol": 1e-2}
    np.testing.assert_allclose(products.row_sums(np, x), x.sum(-1, keepdims=True), **tolerance)
    np.testing.assert_allclose(products.total(np, x), x.sum(), **tolerance)
    if x.ndim == 2:
        for matrix in (x, x[::2], x.T):
            np.testing.assert_allclose(products.column_sums(np, matrix), matrix.sum(0), **tolerance)
