"""Every pass, and every back end, gives what the unoptimised graph gives: on random graphs, values and gradients."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygrad_core as tg
from tinygrad_core.static import Graph, Session, constant, gradients, placeholder
from tinygrad_core.static.backends import compiled, memory_of
from tinygrad_core.static.backends.c import _Generated, _prepared
from tinygrad_core.static.lower import lower
from tinygrad_core.static.memory import Life, most_alive, plan_memory
from tinygrad_core.static.passes import PASSES, PLANNING, disable, enable, optimised, without
from tinygrad_core.static.passes.recompute import recompute
from tinygrad_core.static.passes.rewrites import noting
from tinygrad_core.static.passes.turn import turn
from tinygrad_core.static.program import specialise
from tinygrad_core.static.toolchain import compiler

F = tg.nn.functional
UNARY = [tg.tanh, tg.exp, tg.relu, tg.sigmoid, abs, lambda x: -x, lambda x: x * 1, lambda x: x - 0, lambda x: x ** 2,
         lambda x: x / 2, lambda x: x.T, lambda x: x.reshape(-1).reshape(x.shape), lambda x: x[::2].sum(0, keepdim=True) + x,
         lambda x: F.softmax(x, 1), lambda x: F.log_softmax(x, 0), lambda x: F.layer_norm(x, (x.shape[1],)),
         lambda x: F.gelu(x, approximate="tanh"), lambda x: x.sum(1, keepdim=True) * x, lambda x: x.mean(0) + x,
         lambda x: x.amax(1, keepdim=True) - x, lambda x: tg.cat([x, x * 2], 0)[:x.shape[0]], lambda x: tg.clamp(x, -1, 1),
         lambda x: tg.where(x > 0, x, x * 0.1), lambda x: tg.maximum(x, 0.5), lambda x: x * 3 * 1.0]
BINARY = [lambda x, y: x + y, lambda x, y: x * y, lambda x, y: x - y, lambda x, y: x / (abs(y) + 1), tg.maximum,
          lambda x, y: x @ y.T @ y * 0.1, lambda x, y: tg.where(x > y, x, y), lambda x, y: x + y[0],
          lambda x, y: x * y[:, :1]]


@st.composite
def programs(draw):
    """A random graph over two square inputs, with the gradients of its sum, and values to feed it."""
    n = draw(st.integers(1, 4))
    steps = draw(st.lists(st.tuples(st.booleans(), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)),
                          min_size=1, max_size=7))
    with Graph() as graph:
        x, y = placeholder((n, n), name="x"), placeholder((n, n), name="y")
        values = [x, y, x * 0.5]
        for unary, k, i, j in steps:
            a, b = values[i % len(values)], values[j % len(values)]
            values.append(UNARY[k % len(UNARY)](a) if unary else BINARY[k % len(BINARY)](a, b))
        out = values[-1]
        outputs = [out, *[g for g in gradients((out * out).sum(), [x, y]) if g is not None]]
    seed = draw(st.integers(0, 999))
    rng = np.random.default_rng(seed)
    feeds = [rng.standard_normal((n, n)).astype(np.float32) for _ in range(2)]
    program = specialise([t.array for t in outputs], {x.array: (n, n), y.array: (n, n)})
    assert graph is x.array.operation.graph
    return program, feeds


def values(program, feeds, backend="interpreter"):
    return compiled(program, backend)(feeds)[0]


def same(found, wanted, rtol=5e-5):
    for a, b in zip(found, wanted, strict=True):
        scale = max(1.0, float(np.max(np.abs(b), initial=0)))
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * scale)


slow = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("name", PASSES)
@slow
@given(made=programs())
def test_a_pass_changes_no_value(name, made):
    program, feeds = made
    with np.errstate(all="ignore"):
        same(values(PASSES[name](program), feeds), values(program, feeds), rtol=1e-6)


@slow
@given(made=programs())
def test_all_passes_and_lowering_change_no_value(made):
    program, feeds = made
    with np.errstate(all="ignore"):
        wanted = values(program, feeds)
        same(values(optimised(program), feeds), wanted, rtol=1e-6)
        same(values(optimised(lower(program)), feeds), wanted)


@slow
@given(made=programs())
def test_the_numpy_back_end_gives_the_interpreters_bits(made):
    program, feeds = made
    with np.errstate(all="ignore"):
        run = compiled(optimised(program), "numpy")
        same(run(feeds)[0], values(program, feeds), rtol=1e-6)
        same(run(feeds)[0], values(program, feeds), rtol=1e-6)         # nothing is left over from the run before


@pytest.mark.parametrize("off", ["", *PLANNING])
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(made=programs())
def test_the_c_back_end_gives_the_interpreters_values(off, made):
    program, feeds = made
    disable(*off.split())
    try:
        with np.errstate(all="ignore"):
            run = compiled(program, "c")
            same(run(feeds)[0], values(program, feeds), rtol=2e-4)
            same(run(feeds)[0], values(program, feeds), rtol=2e-4)
    finally:
        enable()


@pytest.mark.parametrize("budget", [1, 0.3])
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(made=programs())
def test_recomputation_under_a_budget_changes_no_value(budget, made):
    """However small the budget: the same values, and never more memory alive than without recomputation."""
    program, feeds = made
    with np.errstate(all="ignore"):
        wanted = values(program, feeds)
        plain = _Generated.planned(_prepared(program))
        program.budget = budget
        with_less = _Generated.planned(recompute(_prepared(program), _Generated.planned))
        assert most_alive(with_less.lives.values())[1] <= most_alive(plain.lives.values())[1]
        same(values(with_less.program, feeds), wanted, rtol=2e-4)
        same(compiled(program, "c")(feeds)[0], wanted, rtol=2e-4)


def chain(budget=None, draws=0):
    """A compiled step of many layers with dropout, its parameter, and the numbers that its runs return."""
    tg.manual_seed(0)
    weight = tg.nn.Parameter(tg.eye(64) * 0.9)
    sgd = tg.optim.SGD([weight], lr=0.1)

    @tg.compile(backend="c", memory_budget=budget)
    def step(x):
        h = x
        for _ in range(6):
            h = F.dropout(tg.tanh(h @ weight), 0.5)
            h = F.gelu(h, approximate="tanh") * 2
        loss = (h * h).mean()
        loss.backward()
        sgd.step()
        sgd.zero_grad()
        return loss

    x = tg.ones(256, 64)
    return step, [step(x).item() for _ in range(3)], weight


def alive(step):
    return next(iter(step.entries.values()))[0].plans[((256, 64),)].code.made.layout.plan.total


def test_a_budget_costs_memory_no_more_and_random_numbers_are_drawn_once():
    plain, wanted, weight = chain()
    small, found, other = chain(0.5)
    assert alive(small) < 0.9 * alive(plain)
    assert found == pytest.approx(wanted, rel=1e-5)
    np.testing.assert_allclose(weight.detach().numpy(), other.detach().numpy(), rtol=1e-4, atol=1e-6)
    assert "computed again" in small.explain() and "bytes in one block" in small.explain()
    assert "gelu" in small.explain()            # the learner's line


def test_a_budget_that_cannot_be_met_is_told():
    assert "the budget of 10 bytes is missed" in chain(10)[0].explain()
    assert "missed" not in chain(1 << 30)[0].explain()


@pytest.mark.parametrize("budget", [0, -1])
def test_a_budget_is_a_positive_number(budget):
    with pytest.raises(ValueError, match="memory_budget"):
        tg.compile(lambda x: x, memory_budget=budget)


@given(st.lists(st.tuples(st.integers(1, 300), st.integers(0, 20), st.integers(0, 8)), max_size=40))
def test_values_that_are_needed_at_once_lie_apart(lives):
    plan = plan_memory({k: Life(size, first, first + more) for k, (size, first, more) in enumerate(lives)})
    step, most = most_alive([Life(size, first, first + more) for size, first, more in lives])
    assert most <= plan.total and most == sum(size for size, first, more in lives if first <= step <= first + more)
    for a, (size_a, first_a, more_a) in enumerate(lives):
        assert plan.offsets[a] % 64 == 0 and plan.offsets[a] + size_a <= plan.total <= plan.alone
        for b, (size_b, first_b, more_b) in enumerate(lives[:a]):
            if first_a <= first_b + more_b and first_b <= first_a + more_a:
                assert plan.offsets[a] + size_a <= plan.offsets[b] or plan.offsets[b] + size_b <= plan.offsets[a]


class TestWhatAPassDoes:
    """Beside changing no value, it must change something."""

    def program(self, function):
        with Graph():
            x = placeholder((3,), name="x")
            out = function(x)
            return specialise([out.array], {x.array: (3,)})

    def names(self, program):
        return [o.op.name for o in program.operations]

    def test_folding(self):
        program = self.program(lambda x: x + tg.exp(tg.ones(3) * 2))
        assert self.names(program) == ["mul", "exp", "add"] and self.names(PASSES["fold"](program)) == ["add"]

    def test_random_numbers_are_never_folded_or_merged(self):
        program = self.program(lambda x: x + tg.rand(3) + tg.rand(3))
        assert self.names(optimised(program)).count("draw") == 2

    def test_common_subexpressions(self):
        program = self.program(lambda x: tg.exp(x) * tg.exp(x))
        assert self.names(PASSES["cse"](program)) == ["exp", "mul"]

    def test_operands_of_a_commutative_operation_may_be_in_any_order(self):
        program = self.program(lambda x: (x + x.sum()) * (x.sum() + x))
        assert self.names(PASSES["cse"](program)) == ["sum", "add", "mul"]

    def test_dead_code(self):
        with Graph() as graph:
            x = placeholder((3,), name="x")
            tg.exp(x)
            out = x + 1
        assert len(graph) == 3
        assert self.names(PASSES["dce"](specialise([out.array], {x.array: (3,)}))) == ["add"]

    @pytest.mark.parametrize("function, left", [
        (lambda x: x * 1, []), (lambda x: x / 1, []), (lambda x: x - 0, []), (lambda x: x ** 1, []),
        (lambda x: tg.neg(tg.neg(x)), []), (lambda x: x ** 2, ["mul"]), (lambda x: x.reshape(3, 1).reshape(3), []),
        (lambda x: x.reshape(3, 1).reshape(1, 3), ["reshape"]), (lambda x: x.float(), []), (lambda x: x / 4, ["mul"]),
        (lambda x: x + 0, ["add"]),             # -0 + 0 is 0: not the same bits
    ])
    def test_algebra(self, function, left):
        assert self.names(PASSES["dce"](PASSES["simplify"](self.program(function)))) == left

    @pytest.mark.parametrize("function, turned", [
        (lambda x: (x[:, None] @ x[None]).T + x, True), (lambda x: (x[None] @ x.expand(2, 3, 3)).transpose(-1, 0), False),
        (lambda x: (x[:, None, None] @ x.expand(3, 1, 3)).transpose(-1, -2).exp(), True),
        (lambda x: (x @ x.expand(3, 3)).reshape(3, 1).T, False), (lambda x: x.expand(2, 3) @ x.expand(2, 3).T, False)])
    def test_products_that_are_only_read_transposed(self, function, turned):
        program = self.program(function)
        with noting() as found:
            changed = turn(program)
        assert [r.name for r in found] == ["turn"] * turned
        feeds = [np.array([1, -2, 3], np.float32)]
        same(values(changed, feeds), values(program, feeds), rtol=1e-6)
        assert values(changed, feeds)[0].shape == values(program, feeds)[0].shape

    def test_products_that_are_read_as_they_are_too(self):
        def both(x):
            product = x[:, None] @ x[None]
            return product.T @ product
        with noting() as found:
            turn(self.program(both))
        assert not found

    def test_rewrites_are_noted_with_their_reason(self):
        with noting() as found:
            optimised(self.program(lambda x: tg.exp(x) * tg.exp(x) * 1))
        assert {r.name for r in found} >= {"cse", "simplify"} and all(r.why for r in found)

    @pytest.mark.skipif(compiler(quiet=True) is None, reason="no C compiler")
    @pytest.mark.parametrize("off", [(), *[(name,) for name in (*PASSES, *PLANNING) if name != "dce"], ("dce", "recompute")])
    def test_each_pass_says_what_it_did_unless_it_is_switched_off(self, off):
        """A step with something in it for every pass: a network with windows, whose weights are updated."""
        from tinygrad_core import nn, optim

        net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(800, 3))
        with Graph() as graph:
            x, y = placeholder((64, 1, 20, 20), name="x"), placeholder((64,), tg.int64, name="y")
            spread = (x * (constant(2.0) * constant(3.0))).exp() + (x * 5.0).exp() * (x * 5.0).exp() * 1.0
            spread = spread + (x[0, 0] @ x[1, 0]).T
            train = optim.SGD(net.parameters(), lr=0.1).minimize(F.cross_entropy(net(spread.log()), y))
        feeds = {x: np.ones((64, 1, 20, 20), np.float32), y: np.zeros(64, np.int64)}
        program = Session(graph, "interpreter").plan(train, feeds)._given
        program.budget = 0.5
        with without(*off), noting() as found:
            memory_of(program, "c")
        names = {r.name for r in found}
        # What is worth computing again depends on what the other passes have left.
        assert names | {"recompute"} == {*PASSES, *PLANNING, "recompute"}.difference(off) | {"recompute"}
        assert names.isdisjoint(off) and ("recompute" in names or off) and all(r.why for r in found)

    def test_a_pass_can_be_switched_off(self):
        program = self.program(lambda x: tg.exp(x) * tg.exp(x))
        disable("cse")
        try:
            assert self.names(optimised(program)).count("exp") == 2
        finally:
            enable("cse")
        assert self.names(optimised(program)).count("exp") == 1
        with pytest.raises(ValueError, match="no pass 'magic'"):
            disable("magic")


def test_a_number_that_is_compared_with_itself_is_not_computed_twice():
    """In another loop its last bit may differ, and then a maximum would equal none of what it was taken from."""
    def slopes(x, y):
        rows = (((x * 1.25 + 0.1) * 0.7).reshape(-1) * 0.7).tanh() * 0.7
        top = (rows.unsqueeze(0) * 0.7).amax(1, keepdim=True) * 0.7
        low = (x[:, :] * 0.7).amax(0) * 0.7
        share = (y.softmax(0) * 0.7).transpose(0, 1) * 0.7
        return tg.autograd.grad(sum((t * t).mean() for t in (low, top, share)), [x, y])

    rng = np.random.default_rng(0)
    x, y = (tg.tensor(rng.standard_normal(shape), requires_grad=True) for shape in ((4, 6), (4, 1)))
    for want, got in zip(slopes(x, y), tg.compile(slopes, memory_budget=1e-9)(x, y), strict=True):
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-9)
