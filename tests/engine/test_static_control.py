"""Branches, loops and scans inside graphs, and their gradients."""

import numpy as np
import pytest

import tinygrad_core as tg
from tinygrad_core.errors import ShapeError
from tinygrad_core.static import (
    Graph,
    Session,
    StaticError,
    Variable,
    compile,
    cond,
    gradients,
    placeholder,
    scan,
    while_loop,
)


@pytest.fixture(params=["interpreter", "c"])
def backend(request):
    return request.param


def test_a_branch_and_its_gradients(backend):
    with Graph() as graph:
        x, a = placeholder((), name="x"), Variable(2.0, name="a")
        y = cond(x > 0, lambda: x * a * x, lambda: tg.log(-x) * a)
        dx, da = gradients(y, [x, a])
        ddx, = gradients(dx, [x])
    session = Session(graph, backend)
    assert session.run([y, dx, da, ddx], {x: 3.0}) == pytest.approx([18, 12, 9, 4])
    assert session.run([y, dx, da, ddx], {x: -3.0}) == pytest.approx([2 * np.log(3), -2 / 3, np.log(3), -2 / 9], rel=1e-5)


def test_the_branch_that_is_not_taken_never_runs(backend):
    with Graph() as graph:
        x = placeholder((2,), name="x")
        index = placeholder((2,), tg.int64, name="index")
        # Looking up rows 5 and 6 of a table of two would fail, if it ran.
        y = cond(x.sum() > 0, lambda: x * 2, lambda: tg.ones(2, 3)[index].sum(1))
    assert Session(graph, backend).run(y, {x: [1, 1], index: [5, 6]}).tolist() == [2, 2]


def test_branches_must_be_alike():
    with Graph():
        x = placeholder((2,), name="x")
        with pytest.raises(ShapeError, match="result 0 has shape"):
            cond(x.sum() > 0, lambda: x, lambda: x.sum())


def test_a_loop_and_its_gradients(backend):
    with Graph() as graph:
        n, a = placeholder((), name="n"), Variable(2.0, name="a")
        count, power = while_loop(lambda i, p: i < n, lambda i, p: (i + 1, p * a), [tg.tensor(0.0), tg.tensor(1.0)])
        da, = gradients(power, [a])
    session = Session(graph, backend)
    for k in (0, 1, 5):
        assert session.run([count, power, da], {n: float(k)}) == pytest.approx([k, 2.0 ** k, k * 2.0 ** max(k - 1, 0)])


def test_a_loop_stops_at_its_limit():
    with Graph() as graph:
        x = placeholder((), name="x")
        out, = while_loop(lambda v: v > 0, lambda v: v + 1, [x], maximum_iterations=4)
    assert Session(graph).run(out, {x: 1.0}) == 5


def test_gradients_of_gradients_through_a_loop_are_refused():
    with Graph():
        x = placeholder((), name="x")
        out, = while_loop(lambda v: v < 10, lambda v: v * v, [x])
        dx, = gradients(out, [x])
        with pytest.raises(StaticError, match="unroll"):
            gradients(dx, [x])


def test_an_rnn_of_any_length_in_one_graph(backend):
    weight = np.array([[0.5, 0.1], [-0.2, 0.4]], np.float32)
    with Graph() as graph:
        rows, w = placeholder((None, 2), name="rows"), Variable(weight.copy(), name="w")
        end, states = scan(lambda h, x: (tg.tanh(h @ w + x),) * 2, tg.zeros(2), rows)
        loss = (states * states).sum() + end.sum()
        found = gradients(loss, [w, rows])
    session = Session(graph, backend)
    for length in (1, 4, 7):
        fed = np.random.default_rng(length).standard_normal((length, 2)).astype(np.float32)
        we, xe = tg.tensor(weight, requires_grad=True), tg.tensor(fed, requires_grad=True)
        h, seen = tg.zeros(2), []
        for t in range(length):
            h = tg.tanh(h @ we + xe[t])
            seen.append(h)
        wanted = (tg.stack(seen) ** 2).sum() + h.sum()
        wanted.backward()
        value, dw, dx = session.run([loss, *found], {rows: fed})
        assert value == pytest.approx(wanted.item(), rel=1e-5)
        np.testing.assert_allclose(dw, we.grad.numpy(), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(dx, xe.grad.numpy(), rtol=1e-4, atol=1e-6)


def test_with_numbers_they_are_pythons_own():
    assert cond(tg.tensor(1.0) > 0, lambda: "yes", lambda: "no") == "yes"
    assert while_loop(lambda i: i < 3, lambda i: i + 1, [tg.tensor(0)])[0].item() == 3
    end, ys = scan(lambda s, x: (s + x, s * 2), tg.tensor(0.0), tg.tensor([1.0, 2.0, 3.0]))
    assert end.item() == 6 and ys.tolist() == [0, 2, 6]


def test_inside_a_traced_function(backend):
    @compile(backend=backend)
    def power(x, n):
        _, p = while_loop(lambda i, p: i < n, lambda i, p: (i + 1, p * x), [tg.tensor(0), tg.ones(2)])
        return p.sum()

    x = tg.tensor([1.0, 2.0], requires_grad=True)
    for n in (3, 5):
        x.grad = None
        out = power(x, tg.tensor(n))
        out.backward()
        assert out.item() == 1 + 2 ** n and x.grad.tolist() == [n, n * 2 ** (n - 1)]
    assert len(power.graphs) == 1
