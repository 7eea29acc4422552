"""Branches, loops and scans inside graphs, and their gradients."""

import numpy as np
import pytest

import tinygrad_core as tg
from tinygrad_core.dispatch import apply
from tinygrad_core.errors import ShapeError
from tinygrad_core.static import (
    Graph,
    Session,
    StaticError,
    Variable,
    compile,
    cond,
    gradients,
    load_graph,
    placeholder,
    save_graph,
    scan,
    while_loop,
)


@pytest.fixture(params=["interpreter", "numpy", "c"])
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


def powers(x, a, n):
    """x a^(2^n - 1) squared n times, as a loop with a counter; what it takes from outside is a."""
    return while_loop(lambda i, v: i < n, lambda i, v: (i + 1, v * v * a), [tg.tensor(0), x])[1]


def unrolled(x, a, n):
    for _ in range(n):
        x = x * x * a
    return x


def recurrent(w, b, start, rows):
    """The states of a little recurrent net, with an integer state that counts and one row less of meaning."""
    (end, count), (states, counts) = scan(lambda s, x: ((tg.tanh(s[0] @ w + x[0] * b), s[1] + 1), (s[0] * x[0], s[1])),
                                          [start, tg.tensor(0)], [rows])
    return (states * states).sum() + (end * end * end).sum() * (counts.sum() + count)


def derivatives(function, leaves, order):
    """The value, and gradients of gradients of it with respect to each of the leaves, up to an order."""
    found = value = function(*leaves)
    told = [value]
    for _ in range(order):
        grads = tg.autograd.grad(found, leaves, create_graph=True, allow_unused=True)
        grads = [x * 0 if g is None else g for x, g in zip(leaves, grads, strict=True)]
        told += grads
        found = sum((g * g).sum() for g in grads)
    return [t.detach() for t in told]


@pytest.mark.parametrize("rounds", [0, 1, 3])
def test_three_orders_of_gradients_through_a_loop(backend, rounds):
    def leaves():
        return [tg.tensor(v, requires_grad=True, dtype=tg.float64) for v in (0.9, 1.1)]

    wanted = derivatives(lambda x, a: unrolled(x, a, rounds) * x, leaves(), 3)
    own = leaves()
    traced = compile(lambda n: derivatives(lambda x, a: powers(x, a, n) * x, own, 3), backend=backend)
    for a, b in zip(traced(tg.tensor(rounds)), wanted, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9)


@pytest.mark.parametrize("length", [1, 4])
def test_two_orders_of_gradients_through_a_scan(backend, length):
    rng = np.random.default_rng(length)
    values = [rng.standard_normal(shape) for shape in ((2, 2), (2,), (2,), (length, 2))]
    names = ["w", "b", "start", "rows"]
    eager = [tg.tensor(v, requires_grad=True) for v in values]
    wanted = derivatives(recurrent, eager, 2)               # with numbers, scan is Python's own loop
    with Graph() as graph:
        leaves = [placeholder(v.shape, tg.float64, n) for n, v in zip(names[:3], values, strict=False)]
        leaves.append(placeholder((None, 2), tg.float64, names[3]))
        told = derivatives(recurrent, leaves, 2)
    found = Session(graph, backend).run(told, dict(zip(leaves, values, strict=True)))
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-8, atol=1e-10)


def test_loops_pass_gradgradcheck():
    with Graph() as graph:
        x, a, rows = (placeholder(shape, tg.float64, n) for n, shape in (("x", (2,)), ("a", (2,)), ("rows", (3, 2))))
        while_loop(lambda i, v: i < 2, lambda i, v: (i + 1, tg.sin(v * a)), [tg.tensor(0), x])
        scan(lambda s, row: (tg.tanh(s * a + row), s * row), x, rows)
        cond(x.sum() > 0, lambda: tg.sin(x * a), lambda: x * a * a)
    rng = np.random.default_rng(0)
    for name in ("while_loop", "scan", "cond"):
        o = graph[name]
        given = [tg.tensor(rng.standard_normal(s.shape), requires_grad=True) if s.dtype.kind == "f"
                 else tg.tensor(np.zeros(s.shape, s.dtype)) for s in o.inputs]

        def run(*xs, o=o):
            return tuple(t for t in apply(o.op, *xs, **o.attrs) if t.dtype.kind == "f")
        assert tg.autograd.gradcheck(run, given) and tg.autograd.gradgradcheck(run, given), name


def test_the_branch_that_is_not_taken_never_runs_in_any_order(backend):
    with Graph() as graph:
        x = placeholder((2,), name="x")
        index = placeholder((2,), tg.int64, name="index")
        table = Variable(np.arange(6, dtype=np.float32).reshape(2, 3), name="table")
        y = cond(x.sum() > 0, lambda: (x * x * x).sum(), lambda: (table * table * x[0])[index].sum())
        told = [y, *gradients(y, [x])]
        told += gradients((told[1] ** 2).sum(), [x])
    values = Session(graph, backend).run(told, {x: [1.0, 2.0], index: [5, 6]})      # the other branch would fail
    assert [np.asarray(v).tolist() for v in values] == [9, [3, 12], [36, 288]]
    with pytest.raises((IndexError, ShapeError)):
        Session(graph, backend).run(told, {x: [-1.0, -2.0], index: [5, 6]})


def test_gradients_through_random_numbers_inside_are_refused():
    with Graph():
        x = placeholder((3,), name="x")
        out = cond(x.sum() > 0, lambda: x * tg.rand(3), lambda: x)
        with pytest.raises(StaticError, match="Draw them outside"):
            gradients(out, [x])


def test_second_order_loops_save_and_load(backend, tmp_path):
    with Graph() as graph:
        x = placeholder((), name="x")
        y = while_loop(lambda v: v < 10, lambda v: v * v, [x])[0]
        ddx, = gradients(gradients(y, [x])[0], [x])
    save_graph(tmp_path / "loop", [ddx])
    name = ddx.array.name
    loaded = Session(load_graph(tmp_path / "loop"), backend).run(name, {"x": 2.0})
    assert loaded == Session(graph, backend).run(ddx, {x: 2.0}) == 4 * 3 * 2.0 ** 2


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


def wasteful(x, n):
    """A scan around a loop and a branch, each with something for every pass to do; and its gradients."""
    w = Variable(np.linspace(-1, 1, 4, dtype=np.float32), name="w")

    def body(state, row):
        twice, again = (row * w).tanh() + 0.5, (row * w).tanh() + 0.5
        unused = (twice @ row).exp()
        half = tg.tensor([2.0]) * tg.tensor([0.25])
        state = cond(twice.sum() > 0.3, lambda: state * 1.0 + twice * again, lambda: state - again / 1.0)
        _, grown = while_loop(lambda k, v: k < n, lambda k, v: (k + 1, v * half * 1.0 + (v * half)), [tg.tensor(0.0), state])
        return grown, (unused * 0 + 1, grown.sum() * 1.0)[1]

    end, sums = scan(body, tg.zeros(4), x)
    loss = (end * sums.sum()).sum()
    return [end, sums, loss, *gradients(loss, [x, w])]


@pytest.mark.parametrize("off", [None, "fold", "simplify", "cse", "dce", "fuse", "inline"])
def test_bodies_go_through_the_passes_and_keep_their_values(off, backend, monkeypatch):
    from tinygrad_core.static import passes
    from tinygrad_core.static.block import Block
    from tinygrad_core.static.passes.rewrites import noting

    def run(backend):
        with Graph() as graph:
            x, n = placeholder((None, 4), name="x"), placeholder((), name="n")
            outputs = wasteful(x, n)
        session = Session(graph, backend)
        with noting() as found:
            feeds = [{x: np.sin(np.arange(rows * 4.0)).reshape(rows, 4), n: rounds} for rows, rounds in ((3, 2), (5, 0))]
            return [v for fed in feeds for v in session.run(outputs, fed)], {r.name for r in found}

    with monkeypatch.context() as patch:        # bodies as they were written
        patch.setattr(Block, "on", lambda self, backend: self)
        expected, _ = run("interpreter")
    if off:
        passes.disable(off)
    try:
        values, names = run(backend)
    finally:
        passes.enable()
    for now, value in zip(values, expected, strict=True):
        np.testing.assert_allclose(now, value, rtol=2e-5, atol=1e-6)
    assert {"fold", "cse"} - {off} <= names and off not in names


def test_random_numbers_inside_are_eager_modes(backend):
    def f(x):
        def body(state, row):
            tg.rand(3)                          # nobody reads these
            return state + tg.randn(2) * row, tg.rand(1)
        return scan(body, tg.zeros(2), x)

    x, compiled = tg.tensor([1.0, 2.0, 3.0]), compile(f, backend=backend)
    for _ in range(3):
        tg.manual_seed(5)
        expected = [*f(x), tg.rand(2)]
        tg.manual_seed(5)
        for now, value in zip([*compiled(x), tg.rand(2)], expected, strict=True):
            np.testing.assert_array_equal(now.numpy(), value.numpy())


def test_a_body_is_run_by_one_thread_at_a_time():
    from concurrent.futures import ThreadPoolExecutor

    with Graph() as graph:
        x = placeholder((64,), name="x")
        _, y = while_loop(lambda k, v: k < 50, lambda k, v: (k + 1, v * 0.5 + x), [tg.tensor(0.0), x])
    sessions = [Session(graph, "c") for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:         # two sessions share the bodies, but nothing else
        found = list(pool.map(lambda k: sessions[k % 4].run(y, {x: np.full(64, k, np.float32)}), range(40)))
    for k, value in enumerate(found):
        np.testing.assert_allclose(value, 2.0 * k, rtol=1e-5)
