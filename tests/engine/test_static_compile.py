"""Traced functions: equal to eager mode, guarded, in pieces where Python needs a number, and honest about side effects."""

import copy
import random
import subprocess
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import tinygrad_core as tg
from tinygrad_core import nn, optim
from tinygrad_core.errors import ShapeError
from tinygrad_core.static import Graph, GraphBreakError, Session, StaticError, TraceWarning, compile, toolchain

BACKENDS = ["interpreter", "numpy", "c"]
scale = 2.0
counter = 0


@pytest.fixture(params=BACKENDS)
def backend(request):
    return request.param


def close(a, b, **tolerance):
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), **{"rtol": 5e-5, "atol": 1e-6, **tolerance})


def mlp():
    return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.LayerNorm(16), nn.Linear(16, 4))


def cnn():
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 4))


def normed():
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.GELU(), nn.Dropout(0.3), nn.Linear(8, 4))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.lstm, self.out = nn.Embedding(9, 5), nn.LSTM(5, 7), nn.Linear(7, 4)

    def forward(self, x):
        return self.out(self.lstm(self.table(x))[0][-1])


def attention():
    return nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)


MODELS = {
    "mlp": (mlp, lambda r: r.standard_normal((5, 6)).astype(np.float32)),
    "cnn": (cnn, lambda r: r.standard_normal((3, 1, 6, 6)).astype(np.float32)),
    "normed": (normed, lambda r: r.standard_normal((7, 6)).astype(np.float32)),
    "lstm": (Recurrent, lambda r: r.integers(0, 9, (6, 3))),
    "attention": (attention, lambda r: r.standard_normal((2, 5, 8)).astype(np.float32)),
}


@pytest.mark.parametrize("name", MODELS)
# Adam's eps is large here because some gradients are zero but for rounding, which a small eps would blow up to full steps.
@pytest.mark.parametrize("make", [lambda p: optim.SGD(p, lr=0.05, momentum=0.9),
                                  lambda p: optim.Adam(p, lr=0.01, eps=1e-3)], ids=["sgd", "adam"])
def test_a_whole_training_step_gives_eager_modes_weights(name, make, backend):
    model, batch = MODELS[name]
    rng = np.random.default_rng(0)
    tg.manual_seed(0)
    eager = model()
    traced = copy.deepcopy(eager)
    optimizers = make(eager.parameters()), make(traced.parameters())

    def step(net, optimizer, x):
        optimizer.zero_grad()
        loss = (net(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    compiled = compile(lambda x: step(traced, optimizers[1], x), backend=backend)
    for k in range(4):
        x = tg.tensor(batch(rng))
        tg.manual_seed(k)
        wanted = step(eager, optimizers[0], x)
        tg.manual_seed(k)
        close(compiled(x), wanted, rtol=1e-4)
    assert len(compiled.graphs) == 1, compiled.explain()
    for p, q in zip(eager.parameters(), traced.parameters(), strict=True):
        close(p, q, rtol=2e-4, atol=2e-5)
    for a, b in zip(eager.buffers(), traced.buffers(), strict=True):
        close(a, b)
    assert all(p.grad is None for p in traced.parameters())


@pytest.mark.parametrize("forget", [None, "before", "after", "module"])
def test_gradients_that_nobody_forgets_add_up_as_in_eager_mode(forget, backend):
    curves = []
    for compiled in (False, True):
        tg.manual_seed(0)
        net = nn.Linear(2, 1)
        optimizer = optim.SGD(net.parameters(), lr=0.1)

        def step(x, net=net, optimizer=optimizer):
            if forget == "before":
                optimizer.zero_grad()
            elif forget == "module":
                net.zero_grad()
            loss = (net(x) ** 2).sum()
            loss.backward()
            optimizer.step()
            if forget == "after":
                optimizer.zero_grad()
            return loss

        run = compile(step, backend=backend) if compiled else step
        curves.append([run(tg.tensor([[1.0, 0.5]])).item() for _ in range(5)])
        if forget is None:
            curves[-1] += net.weight.grad.flatten().tolist()
    close(*map(tg.tensor, curves), rtol=1e-5)
    assert len(run.graphs) == (2 if forget is None else 1), run.explain()


@pytest.mark.parametrize("make", [lambda p: optim.Adam(p, lr=0.1), lambda p: optim.SGD(p, lr=0.1, momentum=0.9)],
                         ids=["adam", "sgd"])
@pytest.mark.parametrize("way", ["compile", "session"])
def test_a_state_that_is_loaded_is_what_the_next_step_begins_with(way, make, backend):
    net = nn.Linear(2, 1)
    optimizer = make(net.parameters())
    data = tg.tensor([[1.0, 0.5]])

    def loss_of(x):
        return (net(x) ** 2).sum()

    if way == "compile":
        @compile(backend=backend)
        def step():
            optimizer.zero_grad()
            loss = loss_of(data)
            loss.backward()
            optimizer.step()
            return loss
    else:
        with Graph() as graph:
            loss = loss_of(data)
            train = optimizer.minimize(loss)
        session = Session(graph, backend)

        def step():
            return session.run([loss, train])[0]

    for before in (0, 3):
        for _ in range(before):
            step()
        saved = copy.deepcopy((net.state_dict(), optimizer.state_dict()))
        goes_on = [float(step()) for _ in range(3)]
        optimizer.param_groups[0]["lr"] = 5.0
        net.load_state_dict(saved[0])
        optimizer.load_state_dict(saved[1])
        close(tg.tensor([float(step()) for _ in range(3)]), tg.tensor(goes_on), rtol=1e-6)
    assert {state["step"] for state in optimizer.state.values()} == {9}


@pytest.mark.parametrize("shape", [(), (3,)])
def test_numpy_in_the_middle_breaks_into_pieces(shape, backend):
    f = compile(lambda x: tg.from_numpy(np.asarray(np.sin((x * 2).numpy()))) + x, backend=backend)
    for k in (1.0, 2.0):
        close(f(tg.full(shape, k)), tg.full(shape, float(np.sin(2 * k) + k)))


OPTIMIZERS = {
    "SGD": {"lr": 0.1, "momentum": 0.9, "dampening": 0.1, "weight_decay": 0.01}, "Adam": {"lr": 0.01, "amsgrad": True},
    "AdamW": {"lr": 0.01, "maximize": True}, "Adamax": {}, "NAdam": {"decoupled_weight_decay": True, "weight_decay": 0.1},
    "RAdam": {"lr": 0.01}, "Adagrad": {"lr_decay": 0.1}, "Adadelta": {}, "RMSprop": {"centered": True, "momentum": 0.5},
    "Rprop": {}, "Muon": {"lr": 0.02},
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizers_rule_computes_now_and_later(name, backend):
    eager = nn.Sequential(nn.Linear(6, 5, bias=False), nn.Tanh(), nn.Linear(5, 2, bias=False))
    traced = copy.deepcopy(eager)
    x, y = tg.randn(8, 6), tg.randint(0, 2, (8,))

    def training(net):
        optimizer = getattr(optim, name)(net.parameters(), **OPTIMIZERS[name])
        schedule = optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.9 ** epoch)

        def step():
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
            return loss
        return step, schedule, optimizer

    (now, decay, _), (later, other, optimizer) = training(eager), training(traced)
    later = compile(later, backend=backend)
    for _ in range(7):
        close(later(), now(), rtol=1e-4)
        decay.step()
        other.step()
    for p, q in zip(eager.parameters(), traced.parameters(), strict=True):
        close(p, q, rtol=1e-4, atol=1e-5)
        assert optimizer.state[q]["step"] == 7


def test_a_cycled_momentum_is_read_at_every_run(backend):
    eager = nn.Linear(3, 2)
    traced = copy.deepcopy(eager)
    x = tg.randn(4, 3)

    def training(net):
        optimizer = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        schedule = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.5, total_steps=10)

        def step():
            optimizer.zero_grad()
            (net(x) ** 2).mean().backward()
            optimizer.step()
        return step, schedule

    (now, first), (later, second) = training(eager), training(traced)
    later = compile(later, backend=backend)
    for _ in range(8):
        now()
        later()
        first.step()
        second.step()
    assert len(later.graphs) == 1, later.explain()
    close(traced.weight, eager.weight)


def test_an_optimizer_of_ones_own_is_a_rule(backend):
    class SignDescent(optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        def numbers(self, group, state):
            return (group["lr"],)

        def rule(self, F, p, g, state, numbers):
            p -= F.sign(g) * numbers[0]

    w = tg.tensor([1.0, -2.0], requires_grad=True)
    optimizer = SignDescent([w], lr=0.25)

    def step():
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()

    step()
    assert w.tolist() == [0.75, -1.75]
    compile(step, backend=backend)()
    assert w.tolist() == [0.5, -1.5]


def test_a_compiled_model_can_be_differentiated_outside(backend):
    net = mlp()
    compiled = compile(net, backend=backend)
    x = tg.randn(5, 6, requires_grad=True)
    found = []
    for run in (compiled, net, compiled):
        (run(x) ** 2).sum().backward()
        found.append([t.grad for t in (x, *net.parameters())])
        for t in (x, *net.parameters()):
            t.grad = None
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            close(a, b, rtol=1e-4, atol=1e-5)


def test_gradients_that_wait_are_added_to(backend):
    w = tg.tensor([1.0, 2.0], requires_grad=True)

    @compile(backend=backend)
    def accumulate(x):
        (w * x).sum().backward()

    for k in range(1, 4):
        accumulate(tg.tensor([1.0, 10.0]))
        assert w.grad.tolist() == [k, 10.0 * k]


def test_nested_arguments_and_results(backend):
    @compile(backend=backend)
    def f(pair, *, options):
        a, b = pair
        return {"sum": a + b, "rest": (a * options["k"], "text", 3)}

    found = f((tg.ones(2), tg.ones(2)), options={"k": 3})
    assert found["sum"].tolist() == [2, 2] and found["rest"][0].tolist() == [3, 3] and found["rest"][1:] == ("text", 3)


class TestGuards:
    """What a trace depends on."""

    def test_dtype_rank_and_numbers(self):
        f = compile(lambda x, k: x * k)
        for x, k in ((tg.ones(2), 2), (tg.ones(2), 2), (tg.ones(2), 3), (tg.ones(2, 2), 3), (tg.ones(2).double(), 3)):
            assert f(x, k).dtype == x.dtype and float(f(x, k).sum()) == k * x.numel()
        text = f.explain()
        assert text.startswith("<lambda>: 4 traces") and "an argument was 2 and is 3" in text
        assert "was a float32 tensor with 1 dims and is a float32 tensor with 2 dims" in text

    def test_globals_and_enclosing_variables(self):
        global scale
        offset = 1.0

        @compile
        def f(x):
            return x * scale + offset

        assert f(tg.ones(1)).item() == 3
        scale, offset = 5.0, 2.0
        try:
            assert f(tg.ones(1)).item() == 7
            assert "global scale was 2.0 and is 5.0" in f.explain() or "offset" in f.explain()
        finally:
            scale = 2.0

    def test_the_mode_of_modules(self):
        net = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
        f = compile(lambda x: net(x))
        f(tg.ones(3, 2))
        net.eval()
        close(f(tg.ones(3, 2)), net(tg.ones(3, 2)))
        assert "training was True and is False" in f.explain()

    def test_a_learning_rate_is_read_at_every_run(self):
        w = tg.tensor([1.0], requires_grad=True)
        optimizer = optim.SGD([w], lr=0.5)

        @compile
        def step():
            optimizer.zero_grad()
            (w * 1.0).sum().backward()
            optimizer.step()

        step()
        optimizer.param_groups[0]["lr"] = 0.25
        step()
        assert w.item() == pytest.approx(0.25) and len(step.graphs) == 1

    def test_a_tensor_in_a_closure_is_read_anew(self):
        shift = tg.tensor([1.0])
        f = compile(lambda x: x + shift)
        assert f(tg.ones(1)).item() == 2
        shift.data = tg.tensor([10.0])
        assert f(tg.ones(1)).item() == 11 and len(f.graphs) == 1

    def test_a_second_size_is_left_unknown(self, backend):
        f = compile(lambda x: nn.functional.softmax(x @ x.T, 1).mean(0).sum(), backend=backend)
        for n in (3, 4, 5, 9):
            x = tg.randn(n, 2)
            close(f(x), nn.functional.softmax(x @ x.T, 1).mean(0).sum())
        assert len(f.graphs) == 2

    def test_dynamic_from_the_start(self, backend):
        f = compile(lambda x: (x * x).sum(0) / x.shape[0], backend=backend, dynamic=True)
        for n in (3, 4, 5):
            x = tg.randn(n, 2)
            close(f(x), (x * x).sum(0) / n)
        assert len(f.graphs) == 1

    @pytest.mark.parametrize("chosen", [
        lambda n: n == 4, lambda n: n < 100, lambda n: n in (4, 6), lambda n: n % 2, lambda n: n // 50, lambda n: max(n, 20)])
    def test_a_choice_by_a_size_is_made_anew(self, chosen):
        def f(x):
            return x * 2 * int(chosen(x.shape[0])) + x[:1]

        compiled = compile(f)
        for rows in (3, 5, 4, 200, 6, 3):
            x = tg.randn(rows, 3)
            close(compiled(x), f(x))
        with pytest.raises(StaticError, match="with dynamic=True every size is left unknown, and Python needs"):
            compile(f, dynamic=True)(tg.randn(4, 3))

    def test_unknown_sizes_are_told_apart(self, backend):
        def f(x, y):
            z = (x.t() * 2).reshape(-1).reshape(x.shape[1], x.shape[0])
            total = z.mean(1) + y
            return total, *tg.autograd.grad((total * total).sum(), [x, y])

        compiled = compile(f, dynamic=True, backend=backend)
        for rows, columns, of_y in ((4, 4, 4), (3, 4, 4), (5, 2, 2), (4, 3, 1), (2, 3, 1)):
            x, y = tg.randn(rows, columns, requires_grad=True), tg.randn(of_y, requires_grad=True)
            for now, expected in zip(compiled(x, y), f(x, y), strict=True):
                close(now, expected)

    def test_a_size_that_python_needs_is_not_left_unknown(self):
        @compile
        def f(x):
            total = x[0]
            for k in range(1, x.shape[0]):
                total = total * x[k]
            return total

        for n in (2, 3, 4):
            assert f(tg.full((n,), 2.0)).item() == 2.0 ** n
        assert "Python needs one as a number" in f.explain()


class TestPieces:
    """Where Python needs a number, the function breaks into pieces."""

    def test_a_branch(self, backend):
        def f(x, w):
            y = (x * w).sum()
            noise = tg.rand(3).sum()
            if y > 0:
                return y * 2 + noise
            return y * 3 - noise

        compiled, w = compile(f, backend=backend), tg.tensor([1.0, 2.0, 3.0])
        for k, sign in enumerate((1, -1, 1, -1, 2, -2)):
            x = tg.ones(3) * sign
            tg.manual_seed(k)
            wanted = f(x, w)
            tg.manual_seed(k)
            close(compiled(x, w), wanted)
        assert len(compiled.history) == 2 and "breaks into pieces" in compiled.explain()
        assert "if y > 0" in compiled.explain()

    def test_a_loop_whose_length_depends_on_the_numbers(self, backend):
        def f(x):
            while x.sum() < 100:
                x = x * 2
            return x

        compiled = compile(f, backend=backend)
        for start in (1.0, 30.0, 200.0, 1.0):
            close(compiled(tg.full((2,), start)), f(tg.full((2,), start)))

    def test_updates_happen_once(self, backend):
        w = tg.tensor([1.0, 1.0], requires_grad=True)
        optimizer = optim.SGD([w], lr=1.0)

        @compile(backend=backend)
        def step(x):
            optimizer.zero_grad()
            loss = (w * x).sum()
            if loss > 0:
                loss.backward()
                optimizer.step()
            return loss

        for wanted in ([0.0, 0.0], [0.0, 0.0], [0.0, 0.0]):
            step(tg.ones(2))
            assert w.tolist() == wanted

    def test_a_number_that_is_never_the_same_runs_uncompiled(self):
        f = compile(lambda x: x * x.sum().item())
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for k in range(12):
                x = tg.tensor([1.0, float(k)])
                close(f(x), x * x.sum().item())
        assert any("runs uncompiled" in str(w.message) for w in caught)

    def test_fullgraph_is_an_error_with_the_line(self):
        f = compile(lambda x: x * x.sum().item(), fullgraph=True)
        with pytest.raises(GraphBreakError, match=r"asked for its number by item\(\)") as caught:
            f(tg.ones(2))
        assert "lambda x: x * x.sum().item()" in str(caught.value)


class TestSideEffects:
    """What a trace does not do again is said, in plain words."""

    def warned(self, function, *args):
        with pytest.warns(TraceWarning) as caught:
            function(*args)
        return " ".join(str(w.message) for w in caught)

    def test_print(self, capsys):
        @compile
        def f(x):
            print("hello")
            return x

        words = self.warned(f, tg.ones(1))
        f(tg.ones(1))
        assert capsys.readouterr().out == "hello\n" and 'print("hello")' in words

    def test_a_list_that_grows(self):
        seen = []

        @compile
        def f(x):
            seen.append(1)
            return x

        assert "seen" in self.warned(f, tg.ones(1)) and "a list, was changed" in " ".join(f.effects)

    def test_python_and_numpy_random_numbers(self):
        assert "Python's `random` was used" in self.warned(compile(lambda x: x * random.random()), tg.ones(1))
        assert "NumPy's global random numbers" in self.warned(
            compile(lambda x: x * float(np.random.rand())), tg.ones(1))

    def test_a_global_that_is_written(self):
        @compile
        def f(x):
            global counter
            counter = counter + 1
            return x

        assert "the global 'counter' was written" in self.warned(f, tg.ones(1))

    def test_a_variable_of_the_enclosing_function_that_is_written(self):
        calls = 0

        def f(x):
            nonlocal calls
            calls += 1
            return x * 2

        with pytest.warns(TraceWarning, match=r"'calls' of the enclosing function was written at .*calls \+= 1"):
            compile(f)(tg.ones(2))

    def test_a_quiet_function_warns_of_nothing(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compile(lambda x: x + 1)(tg.ones(1))


def test_in_place_writes_reach_what_they_were_done_to(backend):
    total = tg.zeros(2)

    @compile(backend=backend)
    def f(x):
        total.add_(x)
        x[0] = 5.0
        return total * 1

    x = tg.tensor([1.0, 2.0])
    assert f(x).tolist() == [1, 2] and x.tolist() == [5, 2] and total.tolist() == [1, 2]
    assert f(x).tolist() == [6, 4] and total.tolist() == [6, 4]


def _swapped(a, b):
    t = a.clone()
    a.copy_(b)
    b.copy_(t + 1)
    return t


def _as_it_was(a, b):
    old, part = a.clone(), a.clone()[::2]
    a.add_(b)
    return old, part


def _seen_from_a_view(a, b):
    view = a.t()
    row = a[1:]
    a.add_(1)
    row.mul_(3)
    return view, row, a.flip(0).sort(0)[0]


def _picked_is_a_copy(a, b):
    picked = a[[0, 1]]
    picked.mul_(3)
    return picked, a[:2].t().reshape(-1)


@pytest.mark.parametrize("given", [False, True], ids=["closure", "argument"])
@pytest.mark.parametrize("write", [_swapped, _as_it_was, _seen_from_a_view, _picked_is_a_copy])
def test_in_place_writes_and_what_is_read_of_the_same_memory(write, given, backend):
    def run(transform):
        a, b = tg.arange(12.0).reshape(3, 4).clone(), tg.arange(12.0).reshape(3, 4) * 3 + 1
        f, seen = transform(write if given else lambda: write(a, b)), []
        for _ in range(3):
            found = f(*((a, b) if given else ()))
            seen += [t.numpy().copy() for t in (*(found if isinstance(found, tuple) else [found]), a, b)]
        return seen

    for now, expected in zip(run(lambda f: compile(f, backend=backend)), run(lambda f: f), strict=True):
        np.testing.assert_array_equal(now, expected)


def test_gradients_pass_through_a_part_that_is_written(backend):
    def f(x):
        y = x * 2
        whole = y.t()
        y[0].mul_(3)
        return tg.autograd.grad((y * y).sum() + whole.sum(), [x])[0]

    x = tg.arange(6.0).reshape(2, 3).clone().requires_grad_()
    close(compile(f, backend=backend)(x), f(x))


@pytest.mark.parametrize("dynamic", [None, True])
@pytest.mark.parametrize("classes, ignored", [(3, -1), (3, -100), (200, -100), (3, 1)])
def test_labels_to_ignore_may_come_at_any_call(classes, ignored, dynamic, backend):
    torch = pytest.importorskip("torch")

    def f(x, labels):
        loss = nn.functional.cross_entropy(x, labels, ignore_index=ignored)
        return loss, *tg.autograd.grad(loss, [x])

    compiled, x = compile(f, backend=backend, dynamic=dynamic), tg.randn(4, classes, requires_grad=True)
    for labels in ([0, 2, 0, 2], [0, ignored, 2, ignored], [ignored, 2, 2, 0], [ignored] * 4):
        twin = torch.tensor(x.detach().numpy(), requires_grad=True)
        loss = torch.nn.functional.cross_entropy(twin, torch.tensor(labels), ignore_index=ignored)
        loss.backward()
        for found in (f, compiled):
            value, gradient = found(x, tg.tensor(labels))
            np.testing.assert_allclose(value.detach().numpy(), loss.item(), rtol=1e-5)
            np.testing.assert_allclose(gradient.numpy(), twin.grad.numpy(), atol=1e-6)
    for wrong in (-2, -classes, classes, 1 << 40):
        with pytest.raises(ShapeError, match=r"out of (range|bounds)(.|\n)*cross_entropy"):
            compiled(x, tg.tensor([0, wrong, 2, 0]))


def test_places_to_ignore_in_images_of_labels(backend):
    def f(x, labels):
        loss = nn.functional.cross_entropy(x, labels)
        return loss, *tg.autograd.grad(loss, [x])

    compiled, x = compile(f, backend=backend), tg.randn(2, 3, 4, requires_grad=True)
    for labels in ([[0, 1, 2, 0]] * 2, [[0, -100, 2, 1], [-100, 2, 2, -100]]):
        for dtype in (tg.int64, tg.int32, np.int8):
            for now, expected in zip(compiled(x, tg.tensor(labels, dtype=dtype)), f(x, tg.tensor(labels)), strict=True):
                close(now, expected)


INDEXED = {
    "embedding": lambda x, i: nn.functional.embedding(i, x), "one_hot": lambda x, i: nn.functional.one_hot(i, 4) * 1.0,
    "nll_loss": lambda x, i: nn.functional.nll_loss(x, i), "rows": lambda x, i: x[i], "places": lambda x, i: x[i, i],
    "columns": lambda x, i: x[:, i], "gather": lambda x, i: tg.gather(x, 0, i[:, None]),
    "scatter_add": lambda x, i: tg.scatter_add(x * 1, 0, i[:, None], x[:, :1]),
    "scatter": lambda x, i: tg.scatter(x * 1, 0, i[:, None], x[:, :1]),
}


@pytest.mark.parametrize("name", INDEXED)
def test_an_index_out_of_range_stops_a_step_before_it_changes_anything(name, backend):
    table = tg.randn(4, 4, requires_grad=True)
    optimizer = optim.SGD([table], lr=1.0)

    @compile(backend=backend)
    def step(i):
        optimizer.zero_grad()
        loss = (INDEXED[name](table * 2, i) ** 2).sum() + table.sum()
        loss.backward()
        optimizer.step()
        return loss

    step(tg.tensor([0, 3, 1, 2]))
    before = table.detach().numpy().copy()
    for wrong in (4, -5, 1 << 40, *([-1] if name in ("embedding", "one_hot", "nll_loss") else [])):
        with pytest.raises(ShapeError, match=r"out of (range|bounds)(.|\n)*defined at test_static_compile"):
            step(tg.tensor([0, 3, wrong, 2]))
        assert np.array_equal(table.detach().numpy(), before)
    step(tg.tensor([0, 0, 1, 2]))
    assert not np.array_equal(table.detach().numpy(), before)


def test_truth_values_are_added_as_in_eager_mode(backend):
    def f(a, b):
        return (a + b) == b, (a + b).sum(), a * b

    a, b = tg.tensor([True, False, True]), tg.tensor([True, True, False])
    for now, expected in zip(compile(f, backend=backend)(a, b), f(a, b), strict=True):
        assert now.tolist() == expected.tolist()


def test_a_window_that_meets_nothing_but_padding_has_no_gradient(backend):
    def f(x):
        out = nn.functional.max_pool2d(x, 2, 1, 1, 4)
        return out, *tg.autograd.grad((out.clamp(-9, 9) * out.clamp(-9, 9)).sum(), [x])

    x = tg.randn(2, 3, 3, 5, requires_grad=True)
    for now, expected in zip(compile(f, backend=backend)(x), f(x), strict=True):
        close(now, expected)
    with tg.no_grad():
        x[0, 0, 0, 0] = np.nan              # eager mode looks for the places then, too
    assert np.nan_to_num(f(x)[1].numpy())[1].tolist() == f(x.detach()[1:].requires_grad_())[1][0].tolist()


def test_numpy_arrays_are_refused_with_advice():
    with pytest.raises(StaticError, match="from_numpy"):
        compile(lambda x: x)(np.ones(2))


def test_a_recording_of_a_compiled_call_is_valid():
    import jsonschema

    from tinygrad_core.recording import Recording, record, schema
    f = compile(lambda x: tg.exp(x).sum())
    with record() as rec:
        f(tg.ones(2))
    f(tg.ones(2))
    jsonschema.validate(rec.to_dict(), schema())
    Recording.from_json(rec.to_json())
    kinds = [e["type"] for e in rec.events]
    assert "trace" in kinds and "feed" in kinds and kinds.count("execute") == 2


def test_source_names_the_learners_lines():
    f = compile(lambda x: tg.tanh(x * 2), backend="c")
    f(tg.ones(3))
    assert "test_static_compile.py" in f.source()
    assert "tanhf" in f.source() or toolchain.compiler(quiet=True) is None


@pytest.mark.skipif(toolchain.compiler(quiet=True) is None, reason="no C compiler")
def test_each_loop_of_the_source_names_its_lines():
    def program(x):
        a = tg.tanh(x * 2)
        return a @ a.T
    f = compile(program, backend="c")
    f(tg.ones(3, 3))
    above = f.source().partition("static __attribute__((noinline)) void k0")[0]
    assert above.endswith("a = tg.tanh(x * 2) */\n")


def test_a_compiled_function_does_not_depend_on_itself(backend):
    class Trainer:
        def __init__(self):
            self.scale = 2.0

            @compile(backend=backend)
            def train(x):
                return x * self.scale
            self.train = train

    trainer = Trainer()
    for _ in range(4):
        assert trainer.train(tg.ones(2)).tolist() == [2, 2]
    (entries,) = trainer.train.entries.values()
    assert not [g.what for g in entries[0].guards if ".train." in g.what]
    trainer.scale = 3.0
    assert trainer.train(tg.ones(2)).tolist() == [3, 3]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_of_all_shapes_and_layouts(dtype):
    rng = np.random.default_rng(0)
    sizes = [1, 2, 7, 8, 9, 16, 17, 31, 33, 65, 330]
    for m, k, n in [*[tuple(rng.choice(sizes, 3)) for _ in range(30)], (300, 700, 130), (1, 400, 5), (6, 400, 1)]:
        for flip in range(4):
            a = tg.tensor(rng.standard_normal((k, m) if flip & 1 else (m, k)).astype(dtype))
            b = tg.tensor(rng.standard_normal((n, k) if flip & 2 else (k, n)).astype(dtype))
            product = compile(lambda a, b, flip=flip: (a.t() if flip & 1 else a) @ (b.t() if flip & 2 else b), backend="c")
            wanted = (a.numpy().T if flip & 1 else a.numpy()) @ (b.numpy().T if flip & 2 else b.numpy())
            np.testing.assert_allclose(product(a, b).numpy(), wanted, rtol=1e-4, atol=1e-4)


def test_a_stack_of_products_is_added_up(backend):
    a, b = tg.randn(3, 2, 4, 5), tg.randn(2, 5, 6)
    for dim, keepdim in ((0, False), (0, True), ((0, 1), False), (1, True)):
        close(compile(lambda a, b, dim=dim, keepdim=keepdim: (a @ b).sum(dim, keepdim), backend=backend)(a, b),
              (a @ b).sum(dim, keepdim), rtol=1e-4)


def test_a_maximum_equals_the_element_it_came_from(backend):
    for seed in range(20):
        values = np.random.default_rng(seed).standard_normal((2, 2)).astype(np.float32)
        found = []

        def step(x):
            y = x / (abs(x) + 1)
            return tg.autograd.grad(((y.amax(1, keepdim=True) - y) ** 2).sum(), x)[0]

        for f in (step, compile(step, backend=backend)):
            found.append(f(tg.tensor(values, requires_grad=True)))
        close(found[1], found[0], atol=1e-5)


def test_tensors_without_rows_and_very_long_rows(backend):
    for shape in ((0, 5), (5, 0), (0, 0), (1, 300_000)):
        x = tg.randn(*shape)
        for f in (lambda x: x * 2 + 1, lambda x: (x * 2 + 1).sum(), lambda x: nn.functional.softmax(x * 2, 1) + x):
            close(compile(f, backend=backend)(x), f(x), rtol=1e-4)


def test_an_object_is_not_taken_for_one_that_is_gone():
    class Scale:
        def __init__(self, k):
            self.k = k

    compiled = compile(lambda x, scale: x * scale.k)
    assert [compiled(tg.ones(()), Scale(float(k))).item() for k in range(8)] == list(range(8))


@pytest.mark.parametrize("lr", [1, 1.0, np.float32(1)])
def test_a_learning_rate_of_any_kind_of_number_is_read_anew(lr):
    w = tg.ones(1, requires_grad=True)
    optimizer = optim.SGD([w], lr=lr)

    @compile
    def step():
        optimizer.zero_grad()
        w.sum().backward()
        optimizer.step()

    step()
    optimizer.param_groups[0]["lr"] = 0.25
    step()
    assert w.item() == -0.25


def test_what_is_added_to_a_list_is_seen(backend):
    factors = [2.0]

    @compile(backend=backend)
    def scaled(x):
        for factor in factors:
            x = x * factor
        return x

    assert scaled(tg.ones(1)).item() == 2
    factors.append(3.0)
    assert scaled(tg.ones(1)).item() == 6

    class Stack(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = nn.ModuleList([nn.Identity()])

        def forward(self, x):
            for part in self.parts:
                x = part(x)
            return x

    net = Stack()
    compiled = compile(net, backend=backend)
    assert compiled(-tg.ones(1)).item() == -1
    net.parts.append(nn.ReLU())
    assert compiled(-tg.ones(1)).item() == 0


def test_two_threads_may_call_one_compiled_function(backend):
    compiled = compile(lambda x: (x * 2 + 1).sum(), backend=backend)
    wanted = [float(10 * (2 * k + 1)) for k in range(40)]
    compiled(tg.ones(10))
    with ThreadPoolExecutor(2) as threads:
        assert [r.item() for r in threads.map(lambda k: compiled(tg.ones(10) * k), range(40))] == wanted


def test_two_steps_in_one_call_carry_numbers_on(backend):
    def training():
        w = tg.tensor([1.0, 2.0], requires_grad=True)
        optimizer = optim.NAdam([w], lr=0.1)

        def steps():
            for _ in range(2):
                optimizer.zero_grad()
                (w * w).sum().backward()
                optimizer.step()
        return w, steps

    (eager, now), (traced, later) = training(), training()
    later = compile(later, backend=backend)
    for _ in range(3):
        now()
        later()
    close(traced, eager)


def test_products_by_blas_where_vectors_are_short(monkeypatch, tmp_path):
    if toolchain.compiler(quiet=True) is None:
        pytest.skip("no C compiler works here")
    monkeypatch.setenv("TINYGRAD_CORE_CACHE", str(tmp_path))
    monkeypatch.setattr(toolchain, "FAST", (*toolchain.FAST, "-U__AVX512F__"))
    toolchain._product_library.cache_clear()
    try:
        a, b = tg.randn(4, 33, 300), tg.randn(4, 300, 20)
        close(compile(lambda a, b: (a @ b).sum(0), backend="c")(a, b), (a @ b).sum(0), rtol=1e-4, atol=1e-3)
        assert not toolchain.own_products() and not tg.use_compiled_products()
    finally:
        toolchain._product_library.cache_clear()


def test_a_broken_library_in_the_cache_is_made_anew(monkeypatch, tmp_path):
    if toolchain.compiler(quiet=True) is None:
        pytest.skip("no C compiler works here")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINYGRAD_CORE_CACHE", "cache")      # a folder beside where one works
    code = "int answer(void) { return 42; }"
    assert toolchain.load(code).answer() == 42
    made, = (tmp_path / "cache").iterdir()
    made.unlink()                                           # a loaded library must not be written over
    made.write_bytes(b"")
    assert toolchain.load(code + " ").answer() == 42 and toolchain.load(code).answer() == 42
    with pytest.raises(subprocess.SubprocessError, match="unknown type name"):
        toolchain.load("unheard of;")
