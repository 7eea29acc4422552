"""Convolution, pooling, padding and unfold against PyTorch, over generated settings."""
from __future__ import annotations

import numpy as np
import pytest

import tinygrad_core as tg
import tinygrad_core.nn.functional as F
from tests.engine.against_torch import compare
from tinygrad_core.ops import conv

torch = pytest.importorskip("torch")


def _draw(seed: int, n: int) -> tuple[np.random.Generator, dict]:
    """A random but repeatable setting for a window over `n` dims."""
    rng = np.random.default_rng(seed)
    pick = lambda low, high: tuple(int(v) for v in rng.integers(low, high, n))  # noqa: E731
    return rng, {"kernel": pick(1, 4), "stride": pick(1, 4), "padding": pick(0, 3), "dilation": pick(1, 3),
                 "size": pick(7, 11), "groups": int(rng.choice([1, 1, 2, 4]))}


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("n", [1, 2])
def test_convolution(n: int, seed: int) -> None:
    rng, s = _draw(seed, n)
    x = rng.standard_normal((int(rng.integers(0, 3)) if seed > 8 else 2, 4, *s["size"]))
    w = rng.standard_normal((8, 4 // s["groups"], *s["kernel"]))
    arrays = (x, w, rng.standard_normal(8))[:3 if seed % 3 else 2]
    compare(lambda T, *a: getattr(T.nn.functional, f"conv{n}d")(
        *a, stride=s["stride"], padding=s["padding"], dilation=s["dilation"], groups=s["groups"]), *arrays)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("at_a_time", [1, 3, 5])
def test_a_large_batch_is_convolved_in_parts(monkeypatch: pytest.MonkeyPatch, groups: int, at_a_time: int) -> None:
    rng = np.random.default_rng(groups)
    monkeypatch.setattr(conv, "_COLUMNS", at_a_time * 4 * 6 * 25)       # channels * kernel * places
    x, w, b = rng.standard_normal((5, 4, 6, 7)), rng.standard_normal((4, 4 // groups, 2, 3)), rng.standard_normal(4)
    compare(lambda T, *a: T.nn.functional.conv2d(*a, groups=groups), x, w, b)
    compare(lambda T, x, w: T.nn.functional.conv2d(x, w, groups=groups, padding=1, stride=2), x, w)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("n", [1, 2])
def test_transposed_convolution(n: int, seed: int) -> None:
    rng, s = _draw(seed, n)
    x = rng.standard_normal((2, 4, *s["size"]))
    w = rng.standard_normal((4, 3, *s["kernel"]))
    extra = tuple(int(rng.integers(0, max(a, b))) for a, b in zip(s["stride"], s["dilation"], strict=True))
    arrays = (x, w, rng.standard_normal(3 * s["groups"]))[:3 if seed % 3 else 2]
    compare(lambda T, *a: getattr(T.nn.functional, f"conv_transpose{n}d")(
        *a, stride=s["stride"], padding=s["padding"], output_padding=extra, dilation=s["dilation"],
        groups=s["groups"]), *arrays)


def test_transposed_convolution_is_the_gradient_of_convolution() -> None:
    rng = np.random.default_rng(5)
    x = tg.tensor(rng.standard_normal((2, 3, 8, 8)), requires_grad=True)
    w = tg.tensor(rng.standard_normal((4, 3, 3, 3)))
    out = F.conv2d(x, w, stride=2, padding=1)
    g = tg.tensor(rng.standard_normal(out.shape))
    expected = F.conv_transpose2d(g, w, stride=2, padding=1, output_padding=1)
    np.testing.assert_allclose(tg.autograd.grad(out, x, g)[0].numpy(), expected.numpy(), atol=1e-12)


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_padding_by_name_and_single_samples(padding: str) -> None:
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal((3, 9, 8)), rng.standard_normal((2, 3, 3, 5))
    compare(lambda T, x, w: T.nn.functional.conv2d(x, w, padding=padding, dilation=(2, 1)), x, w)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("n", [1, 2])
def test_max_pool(n: int, seed: int) -> None:
    rng, s = _draw(seed, n)
    padding = tuple(min(p, k // 2) for p, k in zip(s["padding"], s["kernel"], strict=True))
    x = rng.standard_normal((2, 3, *s["size"])) if seed % 3 else rng.integers(0, 3, (2, 3, *s["size"])).astype(float)
    settings = {"kernel_size": s["kernel"], "stride": s["stride"], "padding": padding, "dilation": s["dilation"],
                "ceil_mode": bool(seed % 2)}
    compare(lambda T, x: getattr(T.nn.functional, f"max_pool{n}d")(x, **settings), x)
    ours = getattr(F, f"max_pool{n}d")(tg.tensor(x), **settings, return_indices=True)[1]
    theirs = getattr(torch.nn.functional, f"max_pool{n}d")(torch.tensor(x), **settings, return_indices=True)[1]
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("n", [1, 2])
def test_avg_pool(n: int, seed: int) -> None:
    rng, s = _draw(seed, n)
    padding = tuple(min(p, k // 2) for p, k in zip(s["padding"], s["kernel"], strict=True))
    settings = {"kernel_size": s["kernel"], "stride": s["stride"] if seed % 4 else None, "padding": padding,
                "ceil_mode": bool(seed % 2), "count_include_pad": bool(seed % 3)}
    if n == 2 and seed % 5 == 0:
        settings["divisor_override"] = 3
    compare(lambda T, x: getattr(T.nn.functional, f"avg_pool{n}d")(x, **settings),
            rng.standard_normal((2, 3, *s["size"])))


@pytest.mark.parametrize("size", [1, 4, 9, (3, None), (None, 2), (7, 5), (12, 1)])
def test_adaptive_avg_pool(size: object) -> None:
    compare(lambda T, x: T.nn.functional.adaptive_avg_pool2d(x, size),
            np.random.default_rng(2).standard_normal((2, 3, 9, 10)))


@pytest.mark.parametrize("seed", range(8))
def test_unfold(seed: int) -> None:
    rng, s = _draw(seed, 2)
    compare(lambda T, x: T.nn.functional.unfold(x, s["kernel"], s["dilation"], s["padding"], s["stride"]),
            rng.standard_normal((2, 3, *s["size"])))


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("widths", [(1, 2), (2, 0, 1, 3), (0, 0, 3, 1), (3, 3, 3, 3)])
def test_pad(mode: str, widths: tuple[int, ...]) -> None:
    x = np.random.default_rng(3).standard_normal((2, 3, 5, 4) if len(widths) == 4 else (2, 3, 5))
    compare(lambda T, x: T.nn.functional.pad(x, widths, mode), x)


@pytest.mark.parametrize("seed", range(6))
def test_pad_takes_away_too(seed: int) -> None:
    rng = np.random.default_rng(seed)
    widths = tuple(int(w) for w in rng.integers(-2, 4, 2 * int(rng.integers(1, 4))))
    compare(lambda T, x: T.nn.functional.pad(x, widths, value=1.5), rng.standard_normal((6, 5, 7)))


@pytest.mark.parametrize(("code", "words"), [
    (lambda x: F.conv2d(x, tg.zeros(2, 4, 3, 3)), "must have 4 channels"),
    (lambda x: F.conv2d(x, tg.zeros(2, 3, 9, 3)), "a window of 9 does not fit into 6"),
    (lambda x: F.conv2d(tg.zeros(3, 6), tg.zeros(2, 3, 3, 3)), "shape (N, C, H, W)"),
    (lambda x: F.conv2d(x, tg.zeros(2, 3, 3, 3), stride=2, padding="same"), "needs stride 1"),
    (lambda x: F.conv2d(x, tg.zeros(2, 3, 3, 3), stride=(1, 2, 3)), "one number or 2"),
    (lambda x: F.max_pool2d(x, 2, padding=2), "at most half the window"),
    (lambda x: F.conv_transpose2d(x, tg.zeros(3, 3, 3, 3), output_padding=1), "smaller than stride"),
    (lambda x: F.pad(x, (7, 7), "reflect"), "at most 5"),
    (lambda x: F.pad(x, (1,)), "two numbers for each dim"),
])
def test_mistakes_are_explained(code: object, words: str) -> None:
    with pytest.raises(tg.errors.ShapeError) as error:
        code(tg.zeros(2, 3, 6, 6))
    assert words in str(error.value) and "test_functional_sliding.py" in str(error.value)


@pytest.mark.parametrize("settings", [{"kernel_size": 2}, {"kernel_size": (2, 3)}, {"kernel_size": 3, "stride": 1},
                                      {"kernel_size": 2, "padding": 1}])
def test_of_equal_elements_the_first_gets_the_gradient(settings: dict) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (2, 3, 6, 6)).astype(float)
    compare(lambda T, x: T.nn.functional.max_pool2d(x, **settings), x)


@pytest.mark.parametrize("settings", [{"kernel_size": 2}, {"kernel_size": 2, "stride": 1}, {"kernel_size": 2, "padding": 1},
                                      {"kernel_size": 3, "stride": 1, "padding": 1}])
def test_what_is_no_number_or_infinite_is_pooled_as_by_pytorch(settings: dict) -> None:
    nan, low = np.nan, -np.inf
    for x in ([[1, nan, 3, 4], [2, 5, nan, nan], [7, 8, 9, low], [nan, 1, low, low]], [[low] * 4] * 4):
        image = np.array(x)[None, None]
        compare(lambda T, x: T.nn.functional.max_pool2d(x, **settings), image, second=False)
        found = [T.nn.functional.max_pool2d(T.tensor(image), return_indices=True, **settings)[1].numpy() for T in (tg, torch)]
        np.testing.assert_array_equal(*found)
