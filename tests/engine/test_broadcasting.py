"""Broadcasting and indexing over generated shapes: against NumPy, and gradients that add up."""
import itertools

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_core as tg
from tinygrad_core import hot
from tinygrad_core.dispatch import apply
from tinygrad_core.errors import Line
from tinygrad_core.ops import OPS

pairs = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, min_side=0, max_side=4)


@given(pairs, st.sampled_from(["add", "sub", "mul", "div", "maximum"]), st.integers(0, 2 ** 31))
def test_shapes_values_and_gradient_shapes(shapes, name, seed):
    rng = np.random.default_rng(seed)
    a, b = (rng.uniform(0.5, 2.0, s) for s in shapes.input_shapes)
    x, y = tg.tensor(a, requires_grad=True), tg.tensor(b, requires_grad=True)
    out = getattr(tg, name)(x, y)
    expected = getattr(np, {"sub": "subtract", "mul": "multiply", "div": "divide"}.get(name, name))(a, b)
    assert out.shape == shapes.result_shape
    np.testing.assert_allclose(out.detach().numpy(), expected)
    out.sum().backward()
    assert x.grad.shape == x.shape and y.grad.shape == y.shape
    if name == "add":                           # each element counts once for every place it was stretched to
        times = out.numel() / max(1, x.numel())
        np.testing.assert_allclose(x.grad.numpy(), np.full(x.shape, times))


@given(hnp.array_shapes(min_dims=1, max_dims=3, max_side=4), st.data())
def test_reading_and_its_gradient(shape, data):
    index = data.draw(hnp.basic_indices(shape, allow_newaxis=True).filter(positive_steps))
    a = np.arange(np.prod(shape), dtype=float).reshape(shape)
    x = tg.tensor(a, requires_grad=True)
    y = x[index]
    np.testing.assert_array_equal(y.detach().numpy(), a[index])
    (y * y).sum().backward()
    expected = np.zeros(shape)
    expected[index] = 2 * a[index]
    np.testing.assert_allclose(x.grad.numpy(), expected)


def positive_steps(index):
    parts = index if isinstance(index, tuple) else (index,)
    return all(not isinstance(p, slice) or p.step is None or p.step > 0 for p in parts)


@given(hnp.array_shapes(min_dims=1, max_dims=3, max_side=4), st.data())
def test_repeated_places_collect_every_gradient(shape, data):
    places = st.integers(-shape[0], shape[0] - 1)
    rows = data.draw(hnp.arrays(np.int64, hnp.array_shapes(max_dims=2, max_side=6), elements=places))
    a = np.arange(np.prod(shape), dtype=float).reshape(shape)
    x = tg.tensor(a, requires_grad=True)
    y = x[tg.tensor(rows)]
    np.testing.assert_array_equal(y.detach().numpy(), a[rows])
    y.sum().backward()
    expected = np.zeros(shape)
    np.add.at(expected, rows, 1.0)
    np.testing.assert_allclose(x.grad.numpy(), expected)


@given(hnp.array_shapes(min_dims=1, max_dims=3, max_side=4), st.data())
def test_assignment_and_its_gradient(shape, data):
    index = data.draw(hnp.basic_indices(shape).filter(positive_steps))
    a = np.arange(np.prod(shape), dtype=float).reshape(shape)
    x, v = tg.tensor(a, requires_grad=True), tg.tensor(3.0, dtype=tg.float64, requires_grad=True)
    y = x * 2
    y[index] = v
    expected = a * 2
    expected[index] = 3.0
    np.testing.assert_array_equal(y.detach().numpy(), expected)
    y.sum().backward()
    inside = np.zeros(shape)
    inside[index] = 1
    np.testing.assert_allclose(x.grad.numpy(), 2 * (1 - inside))
    assert v.grad.item() == inside.sum()


# ---- views and writes in place, as PyTorch has them
PROGRAMS = {
    "a view": lambda T, x: _written(x * 1, lambda y: y[1:].mul_(3)),
    "a view of a view": lambda T, x: _written(x * 1, lambda y: y[1:][0].add_(y[0] * 2)),
    "a transposed view": lambda T, x: _written(x * 1, lambda y: y.transpose(0, 1)[0].mul_(5)),
    "a reshaped view": lambda T, x: _written(x * 1, lambda y: y.view(-1)[2:4].mul_(x[0, :2])),
    "two views": lambda T, x: _written(x * 1, lambda y: (y[0].mul_(2), y[:, 1].mul_(3))),
    "a view read after a write to its base": lambda T, x: _read_late(x * 1),
    "a piece of a split": lambda T, x: _written(x * 1, lambda y: y[:, 1:].copy_(x[:, :2] * 7)),
    "assignment": lambda T, x: _written(x * 1, lambda y: y.__setitem__((slice(None), 0), x[:, 1] * x[:, 2])),
    "fill": lambda T, x: _written(x * 1, lambda y: y[0].zero_()),
    "an element": lambda T, x: _written(x * 1, lambda y: y[0, 0].mul_(4)),
}


def _written(y, write):
    write(y)
    return y * y


def _read_late(y):
    view = y[1]
    y.mul_(2)
    return view * view


@pytest.mark.parametrize("name", PROGRAMS)
def test_views_share_memory_and_keep_gradients_right(name):
    torch = pytest.importorskip("torch")
    found = []
    for T in (tg, torch):
        x = T.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
        y = PROGRAMS[name](T, x)
        y.sum().backward()
        found.append((y.detach().numpy(), x.grad.numpy()))
    np.testing.assert_allclose(found[0][0], found[1][0])
    np.testing.assert_allclose(found[0][1], found[1][1])


def test_views_are_windows():
    x = tg.zeros(2, 3)
    for view in (x[1], x.T[:, 1], x.reshape(6)[3:], x.view(3, 2)[2], x.detach()[1], x.permute(1, 0)[0:1].squeeze(0)[1:]):
        before = float(x.sum())
        view.add_(1.0)
        assert float(x.sum()) > before
    x[0, 0].add_(5.0)
    assert x[0, 0].item() >= 5.0
    with pytest.raises(tg.errors.ShapeError, match="flip"):
        x[::-1]


# ---- the inline operations give what `apply` gives
@given(pairs, st.sampled_from(["add", "sub", "mul"]), st.sampled_from(["float32", "float64", "int64"]), st.booleans(),
       st.booleans())
def test_inline_operations_equal_apply(shapes, name, dtype, left, right):
    rng = np.random.default_rng(1)
    a, b = (rng.integers(1, 5, s).astype(dtype) for s in shapes.input_shapes)
    grads = dtype != "int64"
    results = []
    for run in (getattr(hot, name), lambda x, y: apply(OPS[name], x, y)):
        x, y = tg.tensor(a, requires_grad=left and grads), tg.tensor(b, requires_grad=right and grads)
        out = run(x, y)
        assert out.requires_grad == (grads and (left or right))
        if out.requires_grad:
            out.sum().backward(retain_graph=True)
        node = out.node
        results.append((out.dtype, out.detach().numpy(), *[t.grad.numpy() if t.grad is not None else None for t in (x, y)],
                        node and (node.op, node.shapes, [s is None for s in node.saved])))
    first, second = results
    assert first[0] == second[0] and first[4] == second[4]
    for mine, other in zip(first[1:4], second[1:4], strict=True):
        assert (mine is None) == (other is None)
        if mine is not None:
            np.testing.assert_array_equal(mine, other)


LABELS, WHOLE = tg.tensor([2, 0, 1, 2]), {"dim": None, "keepdim": False}


@pytest.mark.parametrize("function, op, shapes, attrs", [
    (tg.relu, "relu", [(4, 3)], {}), (tg.tanh, "tanh", [(4, 3)], {}),
    (tg.sum, "sum", [(4, 3)], WHOLE), (tg.sum, "sum", [(40, 50)], WHOLE),
    (tg.matmul, "matmul", [(4, 3), (3, 5)], {}), (tg.matmul, "matmul", [(2, 4, 3), (3,)], {}),
    (tg.matmul, "matmul", [(3,), (3,)], {}), (tg.nn.functional.linear, "linear", [(4, 3), (5, 3), (5,)], {}),
    (tg.nn.functional.linear, "linear", [(2, 4, 3), (5, 3), (5,)], {}),
    (lambda x: tg.nn.functional.cross_entropy(x, LABELS), "cross_entropy", [(4, 3)], {"ignore": None}),
    (lambda x: tg.nn.functional.cross_entropy(x, LABELS), "cross_entropy", [(4, 300)], {"ignore": None})])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_records_itself_leaves_what_apply_leaves(function, op, shapes, attrs, dtype):
    rng = np.random.default_rng(2)
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    others = [LABELS] if op == "cross_entropy" else []
    for wanted in itertools.product([True, False], repeat=len(arrays)):
        results = []
        for run in (function, lambda *xs: apply(OPS[op], *xs, *others, **attrs)):
            inputs = [tg.tensor(a, requires_grad=w) for a, w in zip(arrays, wanted, strict=True)]
            out = run(*inputs)
            node = out.node
            results.append([out.detach().numpy()])
            if node is not None:
                saved = [s.tolist() if isinstance(s, np.ndarray) else s for s in node.saved]
                parents = [p is None for p in node.parents]
                results[-1].append((node.op, node.shapes, parents, saved, Line.at(node.where).file))
                out.sum().backward()
                results[-1] += [None if t.grad is None else t.grad.numpy() for t in inputs]
        for mine, other in zip(*results, strict=True):
            assert type(mine) is type(other)
            if isinstance(mine, tuple):
                assert mine == other
            elif mine is not None:
                np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("name", ["add", "sub", "mul"])
def test_gradients_have_the_dtypes_of_what_was_mixed(name):
    for dtypes in itertools.product(["float16", "float32", "float64"], repeat=2):
        x, y = (tg.ones(2, dtype=d, requires_grad=True) for d in dtypes)
        getattr(x, f"__{name}__")(y).sum().backward()
        assert (x.grad.dtype, y.grad.dtype) == dtypes


@pytest.mark.parametrize("number", [2, -1.5, True])
@pytest.mark.parametrize("recorded", [True, False])
def test_numbers_keep_float32(number, recorded):
    with tg.set_grad_enabled(recorded):
        x = tg.tensor([1.0, 2.0], requires_grad=True)
        for out in (x * number, number * x, x + number, x - number, number - x, x / number, tg.tensor(3.0) * number):
            assert out.dtype == tg.float32
        assert (x * number).requires_grad == recorded
