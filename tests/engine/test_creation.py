"""Tensors from nothing against PyTorch's; what is drawn at random has the right range and moments, and can be repeated."""
import numpy as np
import pytest

import tinygrad_core as tg

MADE = {
    "arange": [lambda T: T.arange(5), lambda T: T.arange(1, 2.5, 0.5), lambda T: T.arange(5, 0, -2), lambda T: T.arange(3.0),
               lambda T: T.arange(2, dtype=T.float64)],
    "linspace": [lambda T: T.linspace(-1, 2, 7), lambda T: T.linspace(0, 1, 1),
                 lambda T: T.linspace(0, 1, 3, dtype=T.float64)],
    "eye": [lambda T: T.eye(3), lambda T: T.eye(2, 4, dtype=T.int64), lambda T: T.eye(0)],
    "full": [lambda T: T.full((2, 3), 1.5), lambda T: T.full((2,), 3), lambda T: T.full((), True),
             lambda T: T.full((2,), 1, dtype=T.float64)],
    "zeros": [lambda T: T.zeros(2, 3), lambda T: T.zeros((2, 0)), lambda T: T.zeros(3, dtype=T.bool)],
    "ones": [lambda T: T.ones(2, 3), lambda T: T.ones(())],
    "like": [lambda T: T.zeros_like(T.eye(2, dtype=T.int64)), lambda T: T.ones_like(T.eye(2), dtype=T.float64),
             lambda T: T.full_like(T.eye(2), 2)],
    "meshgrid": [lambda T: T.stack(T.meshgrid(T.arange(3), T.arange(2), indexing="ij")),
                 lambda T: T.stack(T.meshgrid(T.arange(3), T.arange(2), indexing="xy"))],
}


@pytest.mark.parametrize(("name", "k"), [(name, k) for name, runs in MADE.items() for k in range(len(runs))])
def test_what_is_made_is_pytorchs(name, k):
    torch = pytest.importorskip("torch")
    mine, theirs = MADE[name][k](tg), MADE[name][k](torch)
    assert str(mine.dtype) == str(theirs.dtype).removeprefix("torch.") and mine.shape == tuple(theirs.shape)
    np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=1e-6)


N = 20_000
# a draw of N numbers: their lowest and highest possible value, mean and deviation
DRAWS = {
    "rand": (lambda g: tg.rand(N, generator=g), 0, 1, 0.5, 12 ** -0.5),
    "randn": (lambda g: tg.randn(N, generator=g), -np.inf, np.inf, 0, 1),
    "randint": (lambda g: tg.randint(2, 7, (N,), generator=g), 2, 6, 4, 2 ** 0.5),
    "bernoulli": (lambda g: tg.bernoulli(tg.full((N,), 0.3), generator=g), 0, 1, 0.3, 0.21 ** 0.5),
    "normal": (lambda g: tg.normal(3.0, 0.5, (N,), generator=g), -np.inf, np.inf, 3, 0.5),
    "normal of tensors": (lambda g: tg.normal(tg.ones(N), tg.full((N,), 2.0), generator=g), -np.inf, np.inf, 1, 2),
    "multinomial": (lambda g: tg.multinomial(tg.tensor([1.0, 0.0, 3.0]), N, True, generator=g), 0, 2, 1.5, 0.75 ** 0.5),
}


@pytest.mark.parametrize("name", DRAWS)
def test_draws_have_their_range_and_moments_and_can_be_repeated(name):
    draw, low, high, mean, deviation = DRAWS[name]
    drawn = draw(tg.Generator().manual_seed(1)).numpy()
    assert drawn.shape == (N,) and drawn.min() >= low and drawn.max() <= high
    assert abs(drawn.mean() - mean) < 5 * deviation / N ** 0.5 and abs(drawn.std() / deviation - 1) < 0.03
    np.testing.assert_array_equal(draw(tg.Generator().manual_seed(1)).numpy(), drawn)
    assert (draw(tg.Generator().manual_seed(2)).numpy() != drawn).any()


def test_a_permutation_has_each_number_once():
    tg.manual_seed(0)
    order = tg.randperm(50)
    assert sorted(order.tolist()) == list(range(50)) != order.tolist() and order.dtype == tg.int64
    rows = tg.multinomial(tg.ones(4, 6), 6)
    assert [sorted(row) for row in rows.tolist()] == [list(range(6))] * 4


def test_draws_in_the_place_of_another_tensor():
    like = tg.zeros(2, 3, dtype=tg.float64)
    for draw in (tg.rand_like, tg.randn_like):
        assert draw(like).shape == (2, 3) and draw(like).dtype == tg.float64
        assert draw(like, dtype=tg.float32).dtype == tg.float32


@pytest.mark.parametrize(("code", "words"), [
    (lambda: tg.randint(3, 3, (2,)), "there is no such number"),
    (lambda: tg.multinomial(tg.tensor([1.0, 0.0]), 2), "replacement=True"),
    (lambda: tg.multinomial(tg.tensor([1.0, -1.0]), 1), "at least 0"),
    (lambda: tg.multinomial(tg.tensor([1, 2]), 1), "floating-point weights")])
def test_draws_that_cannot_be_are_explained(code, words):
    with pytest.raises(tg.errors.EngineError, match=words) as error:
        code()
    assert "test_creation.py, line" in str(error.value)
