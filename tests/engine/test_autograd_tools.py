"""What is built on the backward pass: hooks, custom functions, checkpoints, gradcheck, functions of functions."""
import gc
import weakref

import numpy as np
import pytest

import tinygrad_core as tg
from tinygrad_core.autograd import Function, checkpoint, functional, grad, gradcheck, gradgradcheck
from tinygrad_core.errors import GradError, ShapeError


def leaf(value):
    return tg.tensor(value, dtype=tg.float64, requires_grad=True)


# ---- hooks
def test_a_hook_sees_and_may_replace_a_gradient():
    x = leaf([1.0, 2.0])
    seen = []
    y = x * 3.0
    handle = y.register_hook(lambda g: seen.append(g.tolist()))
    doubler = x.register_hook(lambda g: g * 2.0)
    y.sum().backward()
    assert seen == [[1.0, 1.0]] and x.grad.tolist() == [6.0, 6.0]
    handle.remove()
    doubler.remove()
    (x * 3.0).sum().backward()
    assert seen == [[1.0, 1.0]] and x.grad.tolist() == [9.0, 9.0]


def test_retain_grad_keeps_a_gradient_in_the_middle():
    x = leaf([1.0, 2.0])
    y = x * 3.0
    assert y.grad is None
    y.retain_grad()
    (y * y).sum().backward()
    assert y.grad.tolist() == [6.0, 12.0]


@pytest.mark.parametrize("again", ["grad", "backward"])
def test_a_hook_may_walk_the_graph_that_is_being_walked(again):
    torch = pytest.importorskip("torch")
    seen = []
    for T in (tg, torch):
        x, w = (T.tensor(v, dtype=T.float64, requires_grad=True) for v in ([2.0, 3.0], [1.0, 5.0]))
        a = x * w
        b = a * a

        def hook(g, T=T, a=a, x=x):
            with T.enable_grad():
                inner = (a * a * a).sum()
            if again == "backward":
                inner.backward(retain_graph=True)
                return g * 2
            d, = T.autograd.grad(inner, x, retain_graph=True)
            return g * d

        b.register_hook(hook)
        (b.sum() + (x * 3).sum() + a.sum()).backward(retain_graph=True)
        seen.append([x.grad.tolist(), w.grad.tolist()])
    assert seen[0] == seen[1]


# ---- custom functions
class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        x, = ctx.saved_tensors
        return g * 3.0 * x * x


class Split(Function):
    @staticmethod
    def forward(ctx, x):
        sign = x.sign()
        ctx.mark_non_differentiable(sign)
        ctx.save_for_backward(sign)
        return x.abs(), sign

    @staticmethod
    def backward(ctx, g, _):
        sign, = ctx.saved_tensors
        return g * sign


def test_a_result_marked_so_carries_no_gradient():
    x = leaf([2.0, -3.0])
    size, sign = Split.apply(x)
    assert size.requires_grad and not sign.requires_grad
    (size * sign).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


class Exp(Function):
    @staticmethod
    def forward(ctx, x):
        out = x.exp()
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx, g):
        out, = ctx.saved_tensors
        return g * out


class SumAndDifference(Function):
    @staticmethod
    def forward(x, y, scale):
        return (x + y) * scale, x - y

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.scale = inputs[2]

    @staticmethod
    def backward(ctx, gs, gd):
        return gs * ctx.scale + gd, gs * ctx.scale - gd, None


@pytest.mark.parametrize("function", [Cube.apply, Exp.apply])
def test_custom_functions_to_second_order(function):
    assert gradcheck(function, leaf([0.5, -1.0, 2.0])) and gradgradcheck(function, leaf([0.5, -1.0, 2.0]))


def test_a_custom_function_with_several_results():
    x, y = leaf([1.0, 2.0]), leaf([3.0, 5.0])
    assert gradcheck(lambda a, b: SumAndDifference.apply(a, b, 3.0), [x, y])
    total, _ = SumAndDifference.apply(x, y, 3.0)         # one result unused: its gradient is zero
    total.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_a_custom_function_that_keeps_its_result_leaks_nothing():
    gc.collect()
    gc.disable()
    try:
        y = Exp.apply(leaf([1.0]))
        node = weakref.ref(y.node)
        del y
        assert node() is None
    finally:
        gc.enable()


def test_custom_functions_say_what_is_wrong():
    class TooFew(SumAndDifference):
        @staticmethod
        def backward(ctx, gs, gd):
            return gs

    with pytest.raises(GradError, match="returned 1 gradients, and its forward took 3"):
        TooFew.apply(leaf([1.0]), leaf([1.0]), 2.0)[0].sum().backward()
    x = leaf([1.0, 2.0])
    y = x * 1.0
    z = Cube.apply(y).sum()
    y.mul_(2.0)
    with pytest.raises(GradError, match=r"Cube saved .* changed in place"):
        z.backward()


# ---- checkpoints
def test_a_checkpoint_gives_the_same_gradients_and_runs_twice():
    calls = []

    def block(x, w):
        calls.append(1)
        return ((x @ w).tanh() @ w).tanh()

    w, x = leaf(np.full((3, 3), 0.3)), leaf([[1.0, 2.0, 3.0]])
    block(x, w).sum().backward()
    plain = w.grad.clone(), x.grad.clone()
    w.grad = x.grad = None
    calls.clear()
    checkpoint(block, x, w).sum().backward()
    assert len(calls) == 2
    assert w.grad.tolist() == plain[0].tolist() and x.grad.tolist() == plain[1].tolist()


def test_a_checkpoint_reaches_parameters_that_are_no_arguments_and_second_order():
    w = leaf([0.5, -0.5])

    def block(x):
        return (x * w).exp()

    x = leaf([1.0, 2.0])
    first, = grad(checkpoint(block, x).sum(), w, create_graph=True)
    second, = grad(first.sum(), w)
    expected, = grad(grad(block(x).sum(), w, create_graph=True)[0].sum(), w)
    assert second.tolist() == expected.tolist()


def test_a_checkpoint_holds_no_activations():
    held = []

    def block(x):
        y = x.exp()
        held.append(weakref.ref(y.array))
        return (y * y).sum()

    out = checkpoint(block, leaf([1.0, 2.0]))
    assert held[0]() is None
    out.backward()


def test_a_checkpoint_draws_the_same_random_numbers_again():
    x = leaf(np.ones(1000))

    def block(x):
        return x * tg.rand(1000, dtype=tg.float64)

    y = checkpoint(block, x)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy())


# ---- gradcheck
def test_gradcheck_finds_wrong_gradients():
    class Wrong(Cube):
        @staticmethod
        def backward(ctx, g):
            x, = ctx.saved_tensors
            return g * 2.0 * x * x

    with pytest.raises(GradError, match=r"d out\[\d\] / d in\[\d\]"):
        gradcheck(Wrong.apply, leaf([1.0, 2.0]))
    assert not gradcheck(Wrong.apply, leaf([1.0, 2.0]), raise_exception=False)
    with pytest.raises(GradError, match="float64"):
        gradcheck(tg.exp, tg.tensor([1.0], requires_grad=True))


# ---- functions of functions
def function(x, y):
    return (x * x).sum() * y.exp() + x * y[0]


X, Y = [1.0, -2.0, 0.5], [0.3, 0.7, -0.2]


def test_products_with_the_jacobian_agree_with_the_whole():
    x, y = tg.tensor(X, dtype=tg.float64), tg.tensor(Y, dtype=tg.float64)
    jx, jy = functional.jacobian(function, (x, y))
    rng = np.random.default_rng(0)
    u, v, w = (tg.tensor(rng.standard_normal(3)) for _ in range(3))
    _, (vx, vy) = functional.vjp(function, (x, y), u)
    np.testing.assert_allclose(vx.numpy(), u.numpy() @ jx.numpy())
    np.testing.assert_allclose(vy.numpy(), u.numpy() @ jy.numpy())
    _, moved = functional.jvp(function, (x, y), (v, w))
    np.testing.assert_allclose(moved.numpy(), jx.numpy() @ v.numpy() + jy.numpy() @ w.numpy())


def test_hessians():
    x = tg.tensor(X, dtype=tg.float64)

    def cubic(x):
        return (x ** 3).sum() + x[0] * x[1]

    h = functional.hessian(cubic, x)
    expected = np.diag(6 * np.array(X))
    expected[0, 1] = expected[1, 0] = 1
    np.testing.assert_allclose(h.numpy(), expected)
    v = tg.tensor([1.0, 2.0, 3.0], dtype=tg.float64)
    np.testing.assert_allclose(functional.hvp(cubic, x, v)[1].numpy(), expected @ v.numpy())
    assert functional.hessian(lambda x: x.sum(), x).tolist() == np.zeros((3, 3)).tolist()


def test_vmap_is_the_loop():
    xs = tg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    w = tg.tensor([1.0, 10.0])
    out = functional.vmap(lambda x, w: (x * w).sum(), in_dims=(0, None))(xs, w)
    assert out.tolist() == [21.0, 43.0]
    out.sum().backward()
    assert xs.grad.tolist() == [[1.0, 10.0], [1.0, 10.0]]
    with pytest.raises(ShapeError, match="one size"):
        functional.vmap(lambda x, y: x)(xs, tg.ones(3))


def test_no_grad_holds_in_a_generator_only_while_it_runs():
    x = tg.ones(2, requires_grad=True)

    @tg.no_grad
    def doubled():
        factor = 2
        while factor:
            factor = yield x * factor

    steps = doubled()
    assert [next(steps).requires_grad, (x * 2).requires_grad, steps.send(3).requires_grad] == [False, True, False]
    with pytest.raises(StopIteration):
        steps.send(0)
    with tg.inference_mode(False):
        assert (x * 2).requires_grad


def test_backward_adds_to_tensors_that_are_no_leaves_where_asked():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = x * 3
    (y * y).sum().backward(inputs=[y])
    (y * 2).sum().backward(inputs=[y])
    assert (x.grad, y.grad.tolist()) == (None, [8.0, 14.0])
    zero, = tg.autograd.grad((x * 2).sum(), [tg.ones(2, requires_grad=True)], materialize_grads=True)
    assert zero.tolist() == [0.0, 0.0]


def test_gradients_of_a_wrong_shape_are_refused_where_they_come_from():
    class Wrong(tg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g[:1]

    x = tg.ones(3, requires_grad=True)
    with pytest.raises(GradError, match=r"Wrong\.backward returned a gradient of shape \(1,\) for input 0"):
        Wrong.apply(x).sum().backward()
    y = x * 2
    y.register_hook(lambda g: g[:1])
    with pytest.raises(GradError, match=r"a hook got a gradient of shape \(3,\)"):
        y.sum().backward()


def test_a_function_that_writes_into_its_input():
    def run(T):
        class Double(T.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.mark_dirty(x)
                ctx.set_materialize_grads(False)
                return x.mul_(2), x.sum()

            @staticmethod
            def backward(ctx, g, of_sum):
                assert of_sum is None
                return g * 2

        x = T.tensor([1.0, 2.0], requires_grad=True)
        y = x * 1
        out, _ = Double.apply(y)
        (out * out).sum().backward()
        with pytest.raises(RuntimeError, match="leaf"):
            Double.apply(x)
        return out is y, y.tolist(), x.grad.tolist()

    torch = pytest.importorskip("torch")
    assert run(tg) == run(torch)


def test_functions_of_functions_take_and_give_several_tensors():
    torch = pytest.importorskip("torch")

    def run(T):
        x, y, m = T.tensor([1.0, 2.0]), T.tensor([3.0, -1.0]), T.tensor([[1.0, 2.0], [3.0, 4.0]])
        of = T.autograd.functional
        blocks = of.jacobian(lambda a, b: (a * b, a.sum()), (x, y))
        value, product = of.vhp(lambda a: (a ** 3).sum(), x, y)
        rows = T.vmap(lambda a: (a, a.sum()), in_dims=1, out_dims=(1, 0))(m)
        return [t.tolist() for row in blocks for t in row], value.tolist(), product.tolist(), [r.tolist() for r in rows]

    assert run(tg) == run(torch)


def test_memory_seen_several_times_is_not_written_into():
    x = tg.zeros(3, 1).expand(3, 3)
    with pytest.raises(tg.errors.ShapeError, match="clone"):
        x.add_(1)
    with pytest.raises(GradError, match="none to keep"):
        tg.zeros(3).retain_grad()
