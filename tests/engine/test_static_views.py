"""Memory that several tensors share in traced functions: views, detached tensors, and what is written into either."""

import numpy as np
import pytest

import tinygrad_core as tg
from tinygrad_core.errors import GradError
from tinygrad_core.static import Graph, Session, StaticError, TraceWarning, compile, cond, placeholder, scan

BACKENDS = ["interpreter", "numpy", "c"]


def gradient(y, x):
    return tg.autograd.grad(y, [x])[0]


def detached_sees_a_write(x):
    y = x * 2
    seen, part = y.detach(), y.t().detach()[1:]
    y.mul_(3)
    return seen, part, y, gradient((y * y).sum(), x)


def detached_is_written(x):
    y = x * 2
    y.detach()[0].mul_(3)
    y.data.add_(1)
    return y * 1, gradient((y * 2).sum(), x)


def detached_part_has_a_history_of_its_own(x):
    y = x * 2
    part = y[0]
    seen = part.detach()
    seen.mul_(x[1])
    return seen * 1, part * 1, y * 1, gradient((y * 3).sum() + part.sum(), x), gradient(seen.sum(), x)


def detached_twice(x):
    y = x * 2
    seen = y.detach().detach()
    y.zero_()
    return seen


def a_leaf_is_written_through_its_data(x):
    x.data[1].mul_(0.5)
    x.detach().t()[0].add_(1)
    with tg.no_grad():
        x.view(-1)[2:4].zero_()
    return x * 1, x.detach() * 1


def reshaped_and_transposed_are_written(x):
    y = x * 2
    y.view(2, 6)[0].sub_(1)
    y.t().mul_(x.t())
    y[1:][0].copy_(x[0])
    y[0].unsqueeze(0).add_(1)
    return y * 1, gradient((y * y).sum(), x)


def a_copy_is_not_written_through(x):
    y = x * 2
    copy = y.t().reshape(-1)
    copy.mul_(3)
    return copy * 1, y * 1, gradient((y * 2).sum() + copy.sum(), x)


def pieces(x):
    y = x * 2
    a, b = y.chunk(2, 1)
    first, *_ = y.unbind()
    y.mul_(2)
    a.mul_(3)
    first.add_(1)
    return a, b, first, y * 1, gradient((y * y).sum(), x)


def one_element(x):
    y = (x * 2).sum(1)
    y[0].mul_(3)
    return y * 1, gradient((y * 2).sum(), x)


def without_recording(x):
    y = x * 2
    with tg.no_grad():
        y[0].mul_(3)
        y.add_(1)
    return y * 1, gradient((y * 2).sum(), x)


def its_own_shape(x):
    y = x * 2
    y.unsqueeze_(0)
    y.mul_(3)
    row = y[0, 1]
    row.squeeze_().add_(1)
    return y * 1, row * 1, gradient((y * y).sum(), x)


def expanded(x):
    y = x[:1] * 2
    wide = y.expand(3, 4)
    y.mul_(2)
    return wide * 1, y


def fresh_memory_at_every_call(x):
    total, count, given = tg.zeros(3, 4), tg.tensor(0.0), tg.tensor([[1.0] * 4] * 3)
    for k in range(3):
        total += x * k
        count += x[k].sum()
        given[k].add_(total[0])
    alias = total.detach()
    alias.mul_(2)
    return total, total[0], count, given * 1, tg.zeros_like(x).add_(1), gradient((total * given).sum(), x)


def row_by_row(x):
    y = tg.zeros(3, 4)
    for k in range(3):
        y[k] = (x[k] * k).exp()
    y.t()[0].add_(x[:, 1])
    return y * 1, gradient((y * y).sum(), x)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("write", [
    detached_sees_a_write, detached_is_written, detached_part_has_a_history_of_its_own, detached_twice,
    a_leaf_is_written_through_its_data, reshaped_and_transposed_are_written, a_copy_is_not_written_through, pieces,
    one_element, without_recording, its_own_shape, expanded, fresh_memory_at_every_call, row_by_row])
def test_memory_is_shared_as_in_eager_mode(write, backend):
    def run(f):
        x, seen = tg.arange(12.0).reshape(3, 4).clone().requires_grad_(), []
        for _ in range(2):
            found = f(x)
            seen += [t.detach().numpy().copy() for t in (*(found if isinstance(found, tuple) else [found]), x)]
        return seen

    for now, expected in zip(run(compile(write, backend=backend)), run(write), strict=True):
        np.testing.assert_allclose(now, expected, rtol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dynamic", [None, True])
def test_a_view_of_unknown_size_is_tried_out(dynamic, backend):
    def f(x):
        y = x * 2
        copy, view = y.t().reshape(-1), y.reshape(-1)
        y.add_(1)
        view.mul_(2)
        return copy, view, y * 1

    compiled = compile(f, backend=backend, dynamic=dynamic)
    for rows in (3, 5, 4):
        x = tg.randn(rows, 4)
        for now, expected in zip(compiled(x), f(x), strict=True):
            np.testing.assert_array_equal(now.numpy(), expected.numpy())


@pytest.mark.parametrize("view", [lambda x: x, lambda x: x[0], lambda x: x.t()[1]])
def test_a_leaf_is_not_written_while_gradients_are_recorded(view):
    for transform in (lambda f: f, compile):
        with pytest.raises(GradError, match="that requires gradients, and writing into it"):
            transform(lambda x: view(x).mul_(2))(tg.ones(2, 2, requires_grad=True))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_differentiable_function_writes_its_arguments_too(backend):
    w, seen = tg.tensor([2.0, 3.0], requires_grad=True), tg.zeros(2)

    def f(x):
        out = (x * x * w).sum()
        seen.data.add_(x)
        w.data.mul_(0.5)
        x.data.add_(1)
        return out + (x * w).sum()

    found = []
    for transform in (lambda f: f, lambda f: compile(f, backend=backend)):
        w.data.copy_(tg.tensor([2.0, 3.0]))
        seen.zero_()
        x, g = tg.tensor([1.0, 2.0], requires_grad=True), transform(f)
        found.append([g(x).item(), g(x).item(), *x.tolist(), *w.tolist(), *seen.tolist()])
    assert found[0] == found[1]
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    w.data.copy_(tg.tensor([2.0, 3.0]))
    compile(f, backend=backend)(x).backward()           # of x and w as they were when they were read
    assert x.grad.tolist() == [2 * 1 * 2 + 1.0, 2 * 2 * 3 + 1.5] and w.grad.tolist() == [1 + 2, 4 + 3]


def test_a_history_does_not_outlive_the_trace():
    w, total = tg.ones(2, requires_grad=True), tg.zeros(2)

    @compile
    def f():
        total.add_(w * 2)
        return (total * 1).detach()

    with pytest.warns(TraceWarning, match="total was written with values that gradients pass through"):
        assert f().tolist() == [2, 2]
    assert f().tolist() == [4, 4] and total.tolist() == [4, 4] and not total.requires_grad


def test_what_cannot_be_written_is_told():
    with pytest.raises(StaticError, match="writing into a expand of a tensor cannot be traced"):
        compile(lambda x: (x * 1).expand(3, 2).add_(1))(tg.ones(1, 2))
    w = tg.ones(2)

    def swaps_memory():
        w.data = w * 2
        return w * 1

    with pytest.raises(StaticError, match=r"t.data.copy_\(value\)"):
        compile(swaps_memory)()
    assert w.tolist() == [1, 1]


def test_detached_tensors_of_a_graph_by_hand():
    with Graph() as graph:
        x = placeholder((2, 2), name="x")
        y = x * 2
        seen = y.detach()
        y[0] = 7.0
        seen.t()[1].add_(1)
    found = Session(graph).run([y, seen], {x: [[1, 2], [3, 4]]})
    assert [v.tolist() for v in found] == [[[7, 8], [6, 9]]] * 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_handed_out_is_no_part_of_the_plan(backend):
    """A tensor that a function makes is a constant of its graph: who gets it may write into it."""
    def f(x):
        made = tg.ones(3)
        return made, made.reshape(3, 1), x + made

    compiled = compile(f, backend=backend)
    for _ in range(3):
        for t in compiled(tg.ones(3)):
            t.fill_(9.0)
    assert [t.reshape(-1).tolist() for t in compiled(tg.ones(3))] == [[1] * 3, [1] * 3, [2] * 3]


@pytest.mark.parametrize("backend", BACKENDS)
def test_bodies_see_what_was_written_before_them(backend):
    outside = tg.ones(3)

    def f(x):
        total = tg.zeros(3)
        total += x
        outside.add_(x)
        chosen = cond(x.sum() > 0, lambda: total * 2 + outside, lambda: x * 1)
        return chosen, *scan(lambda s, r: (s + r * outside.sum() + total[0], s), tg.tensor(0.0), x)

    found = []
    for transform in (lambda f: f, lambda f: compile(f, backend=backend)):
        outside.fill_(1.0)
        g = transform(f)
        for k in range(3):
            found.append([t.tolist() for t in g(tg.tensor([1.0, 2.0, 3.0]) * (k + 1))])
            outside.mul_(2)
    assert found[:3] == found[3:]


def test_a_reshape_of_a_tensor_from_outside_that_has_to_copy():
    for lies in (lambda a: a.T, lambda a: a[:, ::2], lambda a: a):
        results = []
        for compiled in (False, True):
            v = tg.from_numpy(lies(np.zeros((4, 6), np.float32)))

            def step(x, v=v):
                y = v.reshape(-1)
                v.add_(x)
                return y * 1

            results.append((compile(step) if compiled else step)(tg.ones(1)).tolist())
        assert results[0] == results[1]
