"""The short way through a call: it is taken where nothing has changed, and left for everything that may change."""

import numpy as np
import pytest

import tinygrad_core as tg
from tinygrad_core import nn, optim
from tinygrad_core.errors import EngineError, GradError
from tinygrad_core.recording import record
from tinygrad_core.static import Graph, Session, compile, placeholder
from tinygrad_core.static.shortcut import MISS


@pytest.fixture(params=["c", "numpy"])
def backend(request):
    """A back end whose code reads where arrays lie, and one that is given arrays."""
    return request.param


def taken(f, *args):
    """The result of a call, and whether it went the short way; the function must be one that can be called once more."""
    found = f.shortcut(args) if f.shortcut is not None else MISS
    return (f(*args), False) if found is MISS else (found, True)


def known(f, *args):
    """The function after it was traced and run once more, which is when the short way is made."""
    f(*args)
    f(*args)
    return f


def training(backend="c"):
    """A training step, compiled, and the same one as it is, on equal weights."""
    def make():
        tg.manual_seed(0)
        net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
        optimizer = optim.SGD(net.parameters(), lr=0.1)

        def step(x, y):
            loss = ((net(x) - y) ** 2).mean()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            return loss
        return net, optimizer, step

    (net, optimizer, step), other = make(), make()
    return (net, optimizer, compile(step, backend=backend)), other


def batch(seed, dtype=np.float32):
    r = np.random.default_rng(seed)
    return tg.from_numpy(r.standard_normal((5, 3)).astype(dtype)), tg.from_numpy(r.standard_normal((5, 1)).astype(dtype))


def agree(ours, other, *args, short):
    """One step of both: the same loss and weights, by the way that was expected."""
    (net, _, f), (twin, _, step) = ours, other
    expected = step(*args)
    loss, was_short = taken(f, *args)
    assert was_short is short or f.backend == "numpy"       # which is given arrays, and does not care where they lie
    np.testing.assert_allclose(loss.item(), expected.item(), rtol=1e-5)
    for p, q in zip(net.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-5, atol=1e-6)
        assert p.grad is None


def test_calls_alike_go_the_short_way_with_the_same_or_other_memory(backend):
    ours, other = training(backend)
    x, y = batch(0)
    for _ in range(2):                          # traced, and run
        agree(ours, other, x, y, short=False)
    for _ in range(3):
        agree(ours, other, x, y, short=True)
    for seed in range(1, 4):
        agree(ours, other, *batch(seed), short=True)


def test_options_and_weights_that_were_exchanged(backend):
    ours, other = training(backend)
    x, y = batch(0)
    for _ in range(2):
        agree(ours, other, x, y, short=False)
    for _, optimizer, _ in (ours, other):
        optimizer.param_groups[0]["lr"] = 0.01          # a number that is read anew
    agree(ours, other, x, y, short=True)
    for net, _, _ in (ours, other):
        net[0].weight.data = tg.ones(4, 3)              # memory of its own: the long way, once
    agree(ours, other, x, y, short=False)
    agree(ours, other, x, y, short=True)
    for net, _, _ in (ours, other):
        with tg.no_grad():
            net[0].weight.fill_(0.5)                    # the same memory
    agree(ours, other, x, y, short=True)
    for _, optimizer, _ in (ours, other):
        optimizer.param_groups[0]["momentum"] = 0.9     # a guard
    agree(ours, other, x, y, short=False)


def test_a_gradient_that_waits(backend):
    ours, other = training(backend)
    x, y = batch(0)
    for _ in range(2):
        (ours[2](x, y), other[2](x, y))
    for net, _, _ in (ours, other):
        net(x).sum().backward()
    agree(ours, other, x, y, short=False)
    assert "grad" in ours[2].explain()


def test_how_operations_run_is_asked(backend):
    ours, _ = training(backend)
    x, y = batch(0)
    f = known(ours[2], x, y)
    assert f.shortcut((x, y)) is not MISS
    with tg.no_grad():
        assert f.shortcut((x, y)) is MISS
    with record():
        assert f.shortcut((x, y)) is MISS
    g = compile(lambda x: x * 2, backend=backend)
    with tg.no_grad():
        known(g, x)
        assert g.shortcut((x,)) is not MISS
    assert g.shortcut((x,)) is MISS


def test_arguments_of_another_kind(backend):
    f = compile(lambda x, y, k: (x * y).sum() * k, backend=backend, dynamic=False)
    x, y = tg.ones(2, 3), tg.ones(2, 3)
    known(f, x, y, 2.0)
    assert taken(f, x, y, 2.0) == (12, True)
    assert taken(f, x, x, 2.0) == (12, False)           # one tensor in two places
    f(x, y, 2.0)
    others = [(tg.ones(3, 2), tg.ones(3, 2), 2.0), (x.double(), y.double(), 2.0), (x, y, 3.0), (x, y, 2),
              (tg.ones(2, 3, requires_grad=True), y, 2.0), (nn.Parameter(tg.ones(2, 3), requires_grad=False), y, 2.0),
              *[(tg.ones(3, 2).T, y, 2.0)] * (backend == "c")]
    for args in others:
        assert f.shortcut(args) is MISS
        assert known(f, *args)(*args).item() == 6 * args[2]
        f(x, y, 2.0)
    assert f.shortcut((x, y)) is MISS
    memory = np.ones((2, 3), np.float32)
    shared = tg.from_numpy(memory)
    f(shared, y, 2.0)
    shared.array.resize((3, 2))                         # the same object, with another shape
    assert f.shortcut((shared, y, 2.0)) is MISS


def test_one_tensor_in_two_places_has_both_gradients(backend):
    def slope(x, y):
        return tg.autograd.grad((x * y).sum(), [x, y])[0]

    f = compile(slope, backend=backend)
    x, y = tg.tensor([1., 2.], requires_grad=True), tg.tensor([3., 4.], requires_grad=True)
    for args in ((x, y), (x, y), (x, x), (y, x)):
        assert f(*args).tolist() == slope(*args).tolist()


def test_numbers_without_dims(backend):
    f = compile(lambda x, k: x * k, backend=backend)
    x = tg.ones(2)
    known(f, x, tg.tensor(2.0))
    assert taken(f, x, tg.tensor(3.0))[0].tolist() == [3, 3]
    assert taken(f, x, tg.tensor(3.0))[1] is True
    assert f.shortcut((x, tg.tensor(3.0, dtype=tg.float64))) is MISS
    assert f(x, tg.tensor(3)).tolist() == [3, 3]


def test_an_argument_that_looks_into_memory_that_is_written(backend):
    w = tg.ones(4)

    def step(x):
        w.add_(x)
        return w.sum()

    f = compile(step, backend=backend)
    x = tg.ones(4)
    known(f, x)
    assert taken(f, x)[1] is True
    assert f.shortcut((w.detach(),)) is MISS
    block = tg.ones(8)
    w.data = block[:4]
    f(x)
    assert taken(f, block[4:])[1] is True               # beside it in one block
    assert f.shortcut((block[2:6],)) is MISS


def test_methods_and_several_results_go_the_short_way_too(backend):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(tg.ones(3))

        @compile(backend=backend)
        def both(self, x):
            return {"sum": (x * self.w).sum(), "parts": [x * self.w, self.w]}

    model, x = Model(), tg.ones(3)
    f = Model.both
    with tg.no_grad():
        known(f, model, x)
        found, short = taken(f, model, x)
        assert short and found["sum"] == 3 and found["parts"][0].tolist() == [1, 1, 1]
        assert found["parts"][1].array is not model.w.array     # nothing that is handed out lies in a weight's memory
        other = Model()
        other.w.fill_(2.)
        assert f.shortcut((other, x)) is MISS
        assert f(other, x)["sum"] == 6


def test_a_gradient_that_is_left_and_no_result(backend):
    w = tg.ones(2, requires_grad=True)
    f = compile(lambda x: (x * w).sum().backward(), backend=backend)
    x = tg.tensor([1., 2.])
    f(x)
    w.grad = None
    f(x)
    w.grad = None
    assert f.shortcut((x,)) is None and w.grad.tolist() == [1, 2]
    assert f.shortcut((x,)) is MISS             # a gradient waits now
    f(x)
    assert w.grad.tolist() == [2, 4]


def test_writes_are_counted_and_noticed_by_backward(backend):
    ours, _ = training(backend)
    net, _, f = ours
    x, y = batch(0)
    known(f, x, y)
    before = net[0].weight._version
    later = (net[2].weight * net[2].weight).sum()
    assert taken(f, x, y)[1] is True
    assert net[0].weight._version == before + 1
    with pytest.raises(GradError, match="in place"):
        later.backward()


def test_an_index_out_of_range_is_told_on_the_short_way_and_leaves_it_usable(backend):
    table = tg.arange(6.0).reshape(3, 2)
    f = compile(lambda i: table[i].sum(), backend=backend)
    assert known(f, tg.tensor([0, 2]))(tg.tensor([0, 2])) == 10
    assert taken(f, tg.tensor([0, 1])) == (6, True)
    with pytest.raises(EngineError, match=r"out of (range|bounds)"):
        f.shortcut((tg.tensor([0, 7]),))
    assert taken(f, tg.tensor([0, 1])) == (6, True)


@pytest.mark.parametrize("backend", ["interpreter", "numpy", "c"])
def test_random_numbers_are_drawn_on_the_short_way_too(backend):
    def draws(f):
        tg.manual_seed(0)
        return [f(tg.ones(9)).tolist() for _ in range(5)]

    f = compile(lambda x: nn.functional.dropout(x, 0.5), backend=backend)
    assert draws(f) == draws(lambda x: nn.functional.dropout(x, 0.5)) and taken(f, tg.ones(9))[1]


@pytest.mark.parametrize("backend", ["interpreter", "numpy", "c"])
def test_what_has_no_numbers_yet_becomes_part_of_its_graph(backend):
    f = compile(lambda x: x * 2, backend=backend)
    with Graph():
        p = placeholder((3,))
    first = f(p)
    known(f, tg.ones(3))
    for y in (first, f(p)):
        assert Session(p.array.operation.graph).run(y, {p: np.ones(3, np.float32)}).tolist() == [2, 2, 2]
    assert taken(f, tg.ones(3))[1]
