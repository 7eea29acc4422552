"""The backward pass: what it computes, what it refuses and in which words, what it leaves in memory."""
import gc
import re
import weakref

import numpy as np
import pytest

import tinygrad_core as tg
from tinygrad_core import autograd
from tinygrad_core.autograd import engine
from tinygrad_core.errors import DTypeError, GradError, Line, ShapeError


def leaf(value, **kw):
    return tg.tensor(value, requires_grad=True, **kw)


# ---- what it computes
def test_a_chain_of_100_000_nodes():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1.0
    y.backward()
    assert x.grad.item() == 1.0
    del y                                       # the graph is let go without recursion too


def test_a_deep_diamond_is_linear_work():
    x = leaf(1.0)
    y = x
    for _ in range(60):                         # 2**60 paths
        y = y + y
    y.backward()
    assert x.grad.item() == 2.0 ** 60


def test_gradients_accumulate_over_passes_and_are_cleared_by_none():
    x = leaf(3.0)
    for k in (1, 2, 3):
        (x * 2.0).backward()
        assert x.grad.item() == 2.0 * k
    x.grad = None
    (x * 2.0).backward()
    assert x.grad.item() == 2.0


def test_the_same_tensor_twice_in_one_operation():
    x = leaf([2.0, 3.0])
    (x * x).sum().backward()
    assert x.grad.tolist() == [4.0, 6.0]


def test_a_gradient_is_not_shared_between_leaves():
    a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    (a + b).sum().backward()
    a.grad.mul_(10.0)
    assert b.grad.tolist() == [1.0, 1.0]


def test_only_what_is_asked_for_gets_a_gradient():
    a, b = leaf(2.0), leaf(3.0)
    g, = autograd.grad(a * b, a)
    assert g.item() == 3.0 and a.grad is None and b.grad is None
    (a * b).backward(inputs=[b])
    assert a.grad is None and b.grad.item() == 2.0


def test_grad_through_a_tensor_in_the_middle():
    x = leaf(2.0)
    y = x * 3.0
    z = y * y
    gy, gx = autograd.grad(z, [y, x])
    assert (gy.item(), gx.item()) == (12.0, 36.0)


def test_third_order():
    x = leaf(2.0, dtype=tg.float64)
    y = x ** 4
    for factor in (32.0, 48.0, 48.0):
        y, = autograd.grad(y, x, create_graph=True)
        assert y.item() == pytest.approx(factor)


def test_second_order_after_a_first_backward_with_create_graph():
    x = leaf(3.0)
    (x * x * x).backward(create_graph=True)
    g = x.grad
    x.grad = None
    g.backward()
    assert x.grad.item() == 18.0


def test_starting_gradient_and_several_roots():
    x = leaf([1.0, 2.0])
    y = x * 2.0
    y.backward(tg.tensor([1.0, 10.0]))
    assert x.grad.tolist() == [2.0, 20.0]
    x.grad = None
    autograd.backward([x.sum(), (x * x).sum()])
    assert x.grad.tolist() == [3.0, 5.0]


# ---- switches
def test_no_grad_nests_survives_exceptions_and_decorates():
    x = leaf(1.0)
    with tg.no_grad():
        with tg.enable_grad():
            assert (x * 2.0).requires_grad
        assert not (x * 2.0).requires_grad
        with pytest.raises(ValueError), tg.enable_grad():
            int("no number")
        assert not tg.is_grad_enabled()

    @tg.no_grad()
    def double(t):
        return t * 2.0

    assert not double(x).requires_grad and tg.is_grad_enabled()


def test_detach_shares_memory_and_stops_gradients():
    x = leaf([1.0, 2.0])
    y = (x * 3.0).detach()
    assert not y.requires_grad
    loss = (x.detach() * x).sum()
    loss.backward()
    assert x.grad.tolist() == [1.0, 2.0]
    d = x.detach()
    d[0] = 5.0
    assert x[0].item() == 5.0


def test_integers_and_comparisons_carry_no_gradient():
    x = leaf([1.0, -1.0])
    assert not (x > 0).requires_grad and not x.argmax().requires_grad and not x.long().requires_grad


# ---- what it refuses, in which words
def words(error, *patterns):
    text = str(error.value)
    for pattern in patterns:
        assert re.search(pattern, text), f"{pattern!r} is not in: {text}"


def test_backward_needs_one_number():
    with pytest.raises(GradError) as error:
        (leaf([1.0, 2.0]) * 2.0).backward()
    words(error, r"shape \(2,\)", r"\.sum\(\)\.backward\(\)", "gradient=", r"test_autograd\.py, line \d+")


def test_backward_twice():
    x = leaf(2.0)
    y = x * x
    y.backward()
    with pytest.raises(GradError) as error:
        y.backward()
    words(error, "mul", "freed", "retain_graph=True", r"test_autograd\.py, line \d+: y\.backward\(\)")


def test_backward_twice_is_fine_where_nothing_was_saved_or_all_was_kept():
    x = leaf([1.0, 2.0])
    y = (x + 1.0).sum()
    y.backward()
    y.backward()
    assert x.grad.tolist() == [2.0, 2.0]
    z = (x * x).sum()
    z.backward(retain_graph=True)
    z.backward()
    assert x.grad.tolist() == [6.0, 10.0]


def test_backward_without_a_graph():
    with pytest.raises(GradError) as error:
        tg.tensor(2.0).backward()
    words(error, "requires_grad=True", "no_grad", "detach")


def test_integer_tensors_cannot_require_gradients():
    with pytest.raises(DTypeError) as error:
        tg.tensor([1, 2], requires_grad=True)
    words(error, "int64", "decimal point", "dtype=float32", r"test_autograd\.py, line \d+")


def test_a_starting_gradient_of_the_wrong_shape():
    with pytest.raises(ShapeError) as error:
        (leaf([1.0, 2.0]) * 2.0).backward(tg.ones(3))
    words(error, r"\(2,\)", r"\(3,\)")


def test_a_saved_result_changed_in_place_names_both_lines():
    x = leaf([1.0, 2.0])
    y = x.exp()
    y += 1.0
    with pytest.raises(GradError) as error:
        y.sum().backward()
    words(error, "exp saved its result", r"saved by exp at .*line \d+: y = x\.exp\(\)",
          r"changed at .*line \d+: y \+= 1\.0", r"clone\(\)")


def test_a_saved_operand_changed_in_place_names_both_lines():
    x, w = leaf([1.0, 2.0]), tg.tensor([3.0, 4.0])
    y = x * w
    w.mul_(2.0)
    with pytest.raises(GradError) as error:
        y.sum().backward()
    words(error, "mul saved its input 'y'", r"saved by mul at .*y = x \* w", r"changed at .*w\.mul_\(2\.0\)")


def test_a_saved_scalar_changed_in_place():
    x = leaf(2.0)
    y = x.exp()
    y += 1.0
    with pytest.raises(GradError, match="exp saved its result"):
        y.backward()


def test_in_place_changes_of_what_nobody_saved_are_fine():
    x = leaf([1.0, 2.0])
    y = x * 2.0
    y += 1.0
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]
    x.grad = None
    z = x ** 2
    z += 1.0
    z.sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_a_change_through_a_view_or_a_detached_twin_is_noticed():
    for change in (lambda y: y[0:1].mul_(3.0), lambda y: y.detach().mul_(3.0)):
        y = leaf([1.0, 2.0]).exp()
        loss = y.sum()
        with tg.no_grad():
            change(y)
        with pytest.raises(GradError, match="exp saved its result"):
            loss.backward()


def test_an_optimiser_step_between_forward_and_backward_is_noticed():
    w = leaf([1.0, 2.0])
    first, second = (w * w).sum(), (w * w).sum()
    optimizer = tg.optim.SGD([w], lr=0.1)
    first.backward()
    optimizer.step()
    with pytest.raises(GradError, match="changed in place afterwards"):
        second.backward()


def test_writing_into_a_leaf():
    x = leaf([1.0, 2.0])
    for write in (lambda: x.add_(1.0), lambda: x[0:1].zero_(), lambda: x.__setitem__(0, 5.0)):
        with pytest.raises(GradError) as error:
            write()
        words(error, "leaf", "no_grad")
    with tg.no_grad():
        x.add_(1.0)
    assert x.tolist() == [2.0, 3.0] and x.requires_grad


@pytest.mark.parametrize("run, patterns", [
    (lambda: tg.ones(2, 3) + tg.ones(2, 4), ("add got", r"\(2, 3\)", r"\(2, 4\)", "dim -1 is 3 in one and 4")),
    (lambda: tg.ones(2, 3) @ tg.ones(2, 3), ("matmul got", r"last dim of the left \(3\)", r"\(2\)")),
    (lambda: tg.ones(2, 3).reshape(4, 2), ("reshape got", r"\(2, 3\)", r"\(4, 2\)")),
    (lambda: tg.ones(2, 3).sum(dim=2), ("sum", "no dim 2", "-2 to 1")),
    (lambda: tg.ones(3)[5], ("getitem", "5")),
    (lambda: tg.ones(3) + "a", ("",)),
    (lambda: tg.tensor([[1.0], [1.0, 2.0]]), ("same length",)),
    (lambda: tg.ones(3).item(), ("one element", r"\(3,\)")),
    (lambda: bool(tg.ones(3) > 0), (r"any\(\)", r"all\(\)")),
    (lambda: tg.tensor([1, 2]).mean(), ("floating-point", r"\.float\(\)")),
    (lambda: tg.tensor(["a"]), ("numbers",)),
    (lambda: leaf([1.0]).numpy(), (r"detach\(\)\.numpy\(\)",)),
])
def test_bad_input_is_answered_with_what_to_do(run, patterns):
    with pytest.raises((tg.errors.EngineError, TypeError)) as error:
        run()
    words(error, *patterns)
    if isinstance(error.value, tg.errors.EngineError):
        words(error, r"(test_autograd|emulated_cupy)\.py, line \d+")


# ---- what it leaves in memory
def test_a_graph_is_freed_when_its_loss_goes_without_the_garbage_collector():
    gc.collect()
    gc.disable()
    try:
        x = leaf(np.ones((4, 4), np.float32))
        y = (x @ x).exp()
        node = weakref.ref(y.node)
        y.sum().backward()
        del y
        assert node() is None
        loss = (x @ x).exp().sum()              # dropped without a backward
        node = weakref.ref(loss.node)
        del loss
        assert node() is None
    finally:
        gc.enable()


def test_training_does_not_grow_without_the_garbage_collector():
    x, y = tg.randn(8, 4), tg.tensor([0, 1] * 4)
    net = tg.nn.Sequential(tg.nn.Linear(4, 8), tg.nn.ReLU(), tg.nn.Linear(8, 2))
    optimizer = tg.optim.Adam(net.parameters(), lr=1e-3)

    def steps(n):
        for _ in range(n):
            optimizer.zero_grad()
            tg.nn.functional.cross_entropy(net(x), y).backward()
            optimizer.step()

    steps(50)
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        steps(10_000)
        assert len(gc.get_objects()) - before < 100
    finally:
        gc.enable()


def test_a_fresh_gradient_is_kept_and_not_copied(monkeypatch):
    layer, x = tg.nn.Linear(3, 2), tg.randn(4, 3)
    monkeypatch.setattr(engine, "_collect", lambda *_: pytest.fail("a gradient that nobody else holds was copied"))
    layer(x).relu().sum().backward()
    assert layer.weight.grad.shape == (2, 3)


def test_operations_within_a_sweep_know_whose_line_they_are():
    def hook(g):
        seen.append(tg.nn.functional.relu(g * 2) * 3)
    seen = []
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    y.register_hook(hook)
    g, = tg.autograd.grad((y * x).sum(), x, create_graph=True)
    lines = [Line.at(t.node.where) for t in (seen[0], g)]
    assert [line.file for line in lines] == [__file__] * 2
    assert lines[0].function == "hook" and "autograd.grad(" in lines[1].text
    assert Line.at(tg.relu(x).node.where).function == "test_operations_within_a_sweep_know_whose_line_they_are"
