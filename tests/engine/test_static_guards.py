"""What a traced function notices: whatever it reads from outside, and memory that two of its tensors share."""

import collections
import copy
import functools
import sys
import types
import warnings

import numpy as np
import pytest

import tinygrad_core as tg
from tinygrad_core import nn, optim
from tinygrad_core.errors import ShapeError
from tinygrad_core.static import Graph, Session, StaticError, TraceWarning, Variable, assign, compile, placeholder

BACKENDS = ["interpreter", "numpy", "c"]
factor = 2.0
table = np.ones(3, np.float32)
shift = tg.ones(3)


class Settings:
    depth = 2


class Slotted:
    __slots__ = ("rate",)

    def __init__(self, rate):
        self.rate = rate

    @functools.cached_property
    def never_asked(self):
        raise AssertionError("a walk must not run properties")

    @property
    def doubled(self):
        return self.rate * 2

    def scaled(self, x):
        return x * factor


class Scaling(nn.Module):
    power = 1.0

    def __init__(self):
        super().__init__()
        self.rate = 2.0

    def forward(self, x):
        return x * factor * self.rate * self.power


settings, slotted, scaling = Settings(), Slotted(3.0), Scaling()


@pytest.fixture
def config(monkeypatch):
    """A Python module of settings, with a function that reads one."""
    module = types.ModuleType("a_config")
    exec("lr = 0.5\nscale = 3.0\ndef scaled(x):\n    return x * scale\n", vars(module))
    monkeypatch.setitem(sys.modules, "a_config", module)
    return module


def run(function, change, told, *, backend="numpy"):
    """Call a traced function before and after a change: it must see it, and say so."""
    compiled = compile(function, backend=backend)
    x = tg.ones(3)
    for _ in range(2):
        assert compiled(x).tolist() == function(x).tolist()
    assert len(compiled.graphs) == 1, compiled.explain()
    change()
    for _ in range(2):
        assert compiled(x).tolist() == function(x).tolist()
    assert len(compiled.graphs) == 2 and told in compiled.explain(), compiled.explain()


def test_attributes_of_python_modules(config):
    run(lambda x: x * config.lr, lambda: setattr(config, "lr", 0.25),
        "config (of the enclosing function).lr was 0.5 and is 0.25 (read at test_static_guards.py, line")


def test_globals_of_functions_of_other_modules(config):
    run(lambda x: config.scaled(x), lambda: setattr(config, "scale", 5.0), "global scale was 3.0 and is 5.0")


def test_what_is_imported_inside(config):
    def f(x):
        import a_config
        return x * a_config.lr
    run(f, lambda: setattr(config, "lr", 4.0), "lr was 0.5 and is 4.0")


def test_attributes_of_classes(monkeypatch):
    run(lambda x: x * Settings.depth, lambda: monkeypatch.setattr(Settings, "depth", 3), "Settings.depth was 2 and is 3")
    run(lambda x: x * settings.depth, lambda: monkeypatch.setattr(Settings, "depth", 4), "settings.depth was 3 and is 4")
    run(lambda x: x * settings.depth, lambda: monkeypatch.setattr(settings, "depth", 5, raising=False),
        "settings.depth was 4 and is 5")


def test_slots_properties_and_what_methods_read(monkeypatch):
    run(lambda x: x * slotted.rate, lambda: monkeypatch.setattr(slotted, "rate", 4.0), "slotted.rate was 3.0 and is 4.0")
    run(lambda x: x * slotted.doubled, lambda: monkeypatch.setattr(slotted, "rate", 5.0), "slotted.rate was 4.0 and is 5.0")
    run(lambda x: slotted.scaled(x), lambda: monkeypatch.setitem(globals(), "factor", 7.0), "factor was 2.0 and is 7.0")
    run(lambda x: getattr(slotted, "ra" + "te") * x, lambda: monkeypatch.setattr(slotted, "rate", 6.0), "was 5.0 and is 6.0")


def test_methods_and_properties_that_are_replaced(monkeypatch):
    class Thing:
        rate = property(lambda self: 2.0)

        def scaled(self, x):
            return x * 3

    thing = Thing()
    run(lambda x: x * thing.rate, lambda: monkeypatch.setattr(Thing, "rate", property(lambda self: 5.0)), "rate is another")
    run(lambda x: thing.scaled(x), lambda: monkeypatch.setattr(Thing, "scaled", lambda self, x: x * 7), "scaled is another")


def test_what_a_modules_forward_reads(monkeypatch):
    run(scaling, lambda: monkeypatch.setitem(globals(), "factor", 3.0), "global factor was 2.0 and is 3.0")
    run(scaling, lambda: monkeypatch.setattr(scaling, "rate", 3.0), "rate was 2.0 and is 3.0")
    run(scaling, lambda: monkeypatch.setattr(Scaling, "power", 2.0), "power was 1.0 and is 2.0")


def test_a_module_and_an_object_that_are_passed():
    f = compile(lambda net, s, x: net(x) * s.rate)
    net, s, x = nn.Dropout(1.0), Slotted(2.0), tg.ones(2)
    assert f(net, s, x).tolist() == [0, 0]
    net.eval()
    assert f(net, s, x).tolist() == [2, 2]
    s.rate = 3.0
    assert f(net, s, x).tolist() == [3, 3]


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_numbers_in_numpy_arrays(monkeypatch, backend):
    own = table.copy()
    monkeypatch.setitem(globals(), "table", own)
    run(lambda x: x * table, lambda: own.__setitem__(1, 4.0), "global table[1] was", backend=backend)
    run(lambda x: x * float(table[0]), lambda: own.__setitem__(0, 5.0), "global table[0] was", backend=backend)
    run(lambda x: x * table, lambda: monkeypatch.setitem(globals(), "table", own + 1), "global table was", backend=backend)


def test_a_large_array_is_refused_with_advice(monkeypatch):
    monkeypatch.setitem(globals(), "table", np.ones((300, 300)))
    with pytest.raises(StaticError, match=r"global table is a NumPy array of 720,000 bytes.*\n?.*from_numpy"):
        compile(lambda x: x + table[0, 0])(tg.ones(3))
    shared = tg.from_numpy(table)
    f = compile(lambda x: x + shared[0, :3])
    assert f(tg.ones(3).double()).tolist() == [2, 2, 2]
    table[0, 0] = 5
    assert f(tg.ones(3).double()).tolist() == [6, 2, 2] and len(f.graphs) == 1


def test_another_tensor_under_the_same_name(monkeypatch):
    run(lambda x: x + shift, lambda: monkeypatch.setitem(globals(), "shift", tg.ones(3) * 2), "shift is another Tensor")
    held = {"b": tg.ones(3)}
    run(lambda x: x + held["b"], lambda: held.update(b=tg.ones(3) * 3), "['b'] is another Tensor")
    layer = nn.Linear(3, 3)
    run(layer, lambda: setattr(layer, "weight", nn.Parameter(tg.ones(3, 3))), "self['weight'] is another Parameter")


@pytest.mark.parametrize("backend", BACKENDS)
def test_another_shape_or_dtype_of_a_tensor_outside(backend):
    b = tg.ones(2)
    f = compile(lambda x: (x + b).sum() * 1, backend=backend)
    for values in (b, tg.ones(3) * 7, tg.ones(1), tg.ones(3).double()):
        b.data = values
        for _ in range(2):
            assert f(tg.ones(1)).tolist() == (1 + values).sum().tolist()
    assert "'b' was float32 [2] and is float32 [3]" in f.explain()


def test_a_session_refuses_another_kind_of_variable():
    storage = tg.ones(2)
    with Graph() as graph:
        y = Variable(storage, name="w") * 2
    session = Session(graph)
    assert session.run(y).tolist() == [2, 2]
    storage.data = tg.ones(3)
    with pytest.raises(StaticError, match=r"'w' was float32 \[2\] and is float32 \[3\]: .*define it anew"):
        session.run(y)


def test_partial_functions_and_what_is_bound_in_them(monkeypatch):
    def scaled(k, x):
        return x * factor * k.rate
    bound = functools.partial(scaled, slotted)
    run(lambda x: bound(x), lambda: monkeypatch.setitem(globals(), "factor", 9.0), "global factor was 2.0 and is 9.0")
    run(lambda x: bound(x), lambda: monkeypatch.setattr(slotted, "rate", 8.0), "rate was 3.0 and is 8.0")


def test_hooks_and_the_default_dtype():
    layer = nn.Linear(3, 3)
    run(layer, lambda: layer.register_forward_hook(lambda module, args, out: out * 2), "_hooks was None")
    try:
        run(lambda x: x + tg.zeros(3), lambda: tg.set_default_dtype(tg.float64), "the default dtype was")
    finally:
        tg.set_default_dtype(tg.float32)


def test_a_layer_that_is_frozen_and_thawed():
    def training(transform):
        tg.manual_seed(0)
        net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
        optimizer, seen = optim.SGD(net.parameters(), lr=0.1), []

        def step(x):
            optimizer.zero_grad()
            loss = (net(x) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        f = transform(step)
        for learns in (True, False, False, True):
            net[0].weight.requires_grad_(learns)
            net[0].weight.grad = None
            f(tg.ones(5, 3))
            seen.append(net[0].weight.detach().numpy().copy())
        return f, seen

    (_, expected), (compiled, seen) = training(lambda f: f), training(compile)
    np.testing.assert_allclose(seen, expected, rtol=1e-5)
    assert np.array_equal(seen[0], seen[2]) and not np.array_equal(seen[2], seen[3])
    assert "whether 0.weight requires gradients was True and is False" in compiled.explain()


def test_what_nobody_reads_may_change():
    class Trainer:
        def __init__(self):
            self.rate, self.epoch = 2.0, 0

        def step(self, x):
            return x * self.rate

    trainer = Trainer()
    f = compile(trainer.step)
    for trainer.epoch in range(4):
        f(tg.ones(1))
    assert len(f.graphs) == 1, f.explain()


def test_writing_an_attribute_is_told_with_its_line():
    class Counter:
        n = 0

    counter = Counter()

    @compile
    def f(x):
        counter.n += 1
        return x * counter.n

    with pytest.warns(TraceWarning) as caught:
        found = [f(tg.ones(1)).item() for _ in range(40)]
    assert found == list(range(1, 41))              # the numbers are right all the same
    words = " ".join(str(w.message) for w in caught)
    assert "counter (of the enclosing function).n was written" in words and "counter.n += 1" in words
    assert "runs uncompiled, because it was traced 32 times for arguments alike" in words


def test_a_generator_of_ones_own_is_told():
    rng = np.random.default_rng(0)
    with pytest.warns(TraceWarning, match="rng .* was used"):
        compile(lambda x: x * float(rng.random()))(tg.ones(1))


def test_arguments_that_are_one_tensor_are_told_apart():
    f, x = compile(lambda a, b: a * 2 + b * 3), tg.ones(1)
    assert [f(x, x).item(), f(x, x * 10).item(), f(x, x).item()] == [5, 32, 5]
    g = compile(lambda a, b: a.add_(1) + b)
    assert g(tg.ones(1), tg.ones(1)).item() == 3
    x = tg.ones(1)
    assert g(x, x).item() == 4 and x.item() == 2


def test_a_gradient_is_left_with_the_argument_of_the_call():
    @compile
    def f(x):
        (x * x).sum().backward()

    leaves = [tg.tensor([float(k)], requires_grad=True) for k in (1, 2, 3)]
    for x in (*leaves, *leaves):
        x.grad = None
        f(x)
    assert [x.grad.item() for x in leaves] == [2, 4, 6]


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_argument_that_the_function_also_writes_from_outside(backend):
    def training():
        w = tg.tensor([1.0, 2.0], requires_grad=True)
        optimizer = optim.SGD([w], lr=0.25)

        def step(x):
            optimizer.zero_grad()
            (w * x).sum().backward()
            optimizer.step()
            return x * 1
        return w, step

    (eager, now), (traced, later) = training(), training()
    later = compile(later, backend=backend)
    for k in range(3):
        for a, b in ((tg.ones(2), tg.ones(2)), (eager, traced), (eager.detach(), traced.detach())):
            assert now(a).tolist() == later(b).tolist(), k
            assert eager.tolist() == traced.tolist(), k
    with pytest.raises(StaticError, match=r"share memory.*clone\(\)"):
        later(traced.detach()[:2])


@pytest.mark.parametrize("backend", BACKENDS)
def test_parts_of_one_block_are_things_of_their_own(backend):
    block = np.ones(6, np.float32)
    w, x = tg.from_numpy(block[:3]), tg.from_numpy(block[3:])
    f = compile(lambda x: w.add_(x) * 1, backend=backend)
    assert [f(x).tolist() for _ in range(2)] == [[2] * 3, [3] * 3] and block.tolist() == [3, 3, 3, 1, 1, 1]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_view_that_is_written_tells_its_base(backend):
    block = tg.ones(6)
    part = block[1:3]
    f = compile(lambda x: (part.add_(x) * 1, block * 1), backend=backend)
    for k in (2, 3):
        assert [t.tolist() for t in f(tg.ones(2))] == [[k, k], [1, k, k, 1, 1, 1]] and block.tolist() == [1, k, k, 1, 1, 1]


def test_a_view_of_what_is_written_is_refused():
    w = tg.ones(4)
    part = w[1:3]

    def f(x):
        w.add_(x)
        return part * 1

    with pytest.raises(StaticError, match="'w' and 'part' share memory"):
        compile(f)(tg.ones(4))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_feed_that_is_a_variables_memory_is_its_value_before_the_run(backend):
    storage = tg.ones(3)
    with Graph() as graph:
        w, x = Variable(storage, name="w", trainable=False), placeholder((3,), name="x")
        y = assign(w, w + x)
        z = x + y * 0
    session = Session(graph, backend)
    for k in (1, 2, 4):
        assert session.run([y, z], {x: storage.array})[1].tolist() == [k] * 3
    assert storage.tolist() == [8] * 3


def test_nothing_is_retraced_in_a_plain_training_loop():
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1))
    optimizer = optim.Adam(net.parameters())

    @compile
    def step(x):
        optimizer.zero_grad()
        loss = net(x).mean()
        loss.backward()
        optimizer.step()
        return loss

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(4):
            step(tg.randn(5, 3))
    assert len(step.graphs) == 1, step.explain()


class TestWhatComesAndGoes:
    def changes(self, f, change):
        compiled, x = compile(f), tg.tensor([1.0, 2.0])
        assert compiled(x).tolist() == f(x).tolist()
        before = f(x).tolist()
        change()
        assert compiled(x).tolist() == f(x).tolist() != before
        assert compiled(x).tolist() == f(x).tolist()
        assert len(compiled.history) == 2, compiled.explain()

    def test_the_keys_of_a_dictionary_with_equal_values(self):
        found = {"relu": True}
        self.changes(lambda x: x * 2 if "relu" in found else x * 3, lambda: (found.clear(), found.update(tanh=True)))

    def test_the_items_of_a_queue(self):
        queue = collections.deque([2.0], maxlen=1)
        self.changes(lambda x: x * queue[0], lambda: queue.append(3.0))

    @pytest.mark.parametrize("thing", [types.SimpleNamespace(), Settings(), nn.ReLU()])
    def test_an_attribute_that_was_not_there(self, thing):
        self.changes(lambda x: x * getattr(thing, "strength", 5.0), lambda: setattr(thing, "strength", 6.0))
        del thing.strength
        self.changes(lambda x: x * 3 if hasattr(thing, "strength") else x, lambda: setattr(thing, "strength", 6.0))


class Doubling(nn.Module):
    def scaled(self, x, by=2.0, *, shift=0.0):
        return x * by + shift

    def forward(self, x):
        return self.scaled(x)


class TestFunctionsThatAreExchanged:
    @pytest.fixture
    def net(self):
        return nn.Sequential(Doubling(), nn.Identity())

    def test_a_method_of_an_object(self, net, monkeypatch):
        run(lambda x: net(x), lambda: monkeypatch.setattr(net[0], "forward", lambda x: x * 3, raising=False),
            "forward was its class's and is the object's own")
        run(lambda x: net(x), lambda: monkeypatch.setattr(net[1], "forward", lambda x: x * 5, raising=False), "forward")
        run(lambda x: net(x), lambda: monkeypatch.setattr(net, "forward", lambda x: x * 7, raising=False), "forward")

    def test_a_method_of_a_class(self, net, monkeypatch):
        run(lambda x: net(x), lambda: monkeypatch.setattr(Doubling, "scaled", lambda self, x: x * 3), "Doubling.scaled")

    @pytest.mark.parametrize(("part", "value"), [
        ("__defaults__", (4.0,)), ("__kwdefaults__", {"shift": 1.0}),
        ("__code__", (lambda self, x, by=2.0, *, shift=0.0: x * by + shift + 1).__code__)])
    def test_what_a_function_is_made_of(self, net, monkeypatch, part, value):
        run(lambda x: net(x), lambda: monkeypatch.setattr(Doubling.scaled, part, value), f"scaled.{part}")

    def test_a_default_by_name_that_is_written(self, net, monkeypatch):
        run(lambda x: net(x), lambda: monkeypatch.setitem(Doubling.scaled.__kwdefaults__, "shift", 1.0), "was 0.0 and is 1.0")

    def test_the_code_of_the_function_itself(self):
        def f(x):
            return x * 2

        run(f, lambda: setattr(f, "__code__", (lambda x: x * 3).__code__), "f.__code__")


@pytest.mark.parametrize("name", ["rate", "a rate", "class", "\N{LATIN SMALL LIGATURE FI}", "x\n    or print('called')"])
def test_an_attribute_of_any_name(name):
    class Named:
        fi = 5.0

    setattr(Named, name, 2.0)
    named, x = Named(), tg.ones(2)
    f = compile(lambda x: x * getattr(named, name))
    for _ in range(3):
        assert f(x).tolist() == [2, 2]
    setattr(Named, name, 3.0)
    assert f(x).tolist() == [3, 3]


class TestMemoryThatIsExchanged:
    """Tensors whose memory was given them later: of another kind, somebody else's, or another variable's."""

    @pytest.mark.parametrize("backend", BACKENDS)
    @pytest.mark.parametrize("later", [tg.tensor(2.5), tg.tensor([2.5]), tg.tensor(2.5, dtype=tg.float64)])
    def test_a_number_of_another_kind(self, backend, later):
        s, x = tg.tensor(2), tg.tensor([1, 2, 3])
        f = compile(lambda x: x * s, backend=backend)
        for _ in range(3):
            f(x)
        s.data = later
        for _ in range(3):
            assert f(x).tolist() == [2.5, 5, 7.5] and f(x).dtype == (x * s).dtype

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_memory_that_nobody_may_write(self, backend):
        numbers = bytes(400)
        w = tg.from_numpy(np.frombuffer(numbers, np.float32))
        f = compile(lambda x: w.add_(x), backend=backend)
        for _ in range(2):
            with pytest.raises(ShapeError, match="cannot be written into"):
                f(tg.ones(100))
        assert numbers == bytes(400)

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_the_same_memory_for_two(self, backend):
        v, w = tg.zeros(3), tg.ones(3)

        def step(x):
            v.add_(x)
            return w * 3

        f = compile(step, backend=backend)
        for _ in range(2):
            assert f(tg.ones(3)).tolist() == [3, 3, 3]
        w.data = v
        assert f(tg.ones(3)).tolist() == [9, 9, 9]
        w.data = tg.ones(3)
        assert f(tg.ones(3)).tolist() == [3, 3, 3]
        w.data = v.detach()[:]
        with pytest.raises(StaticError, match="share memory"):
            f(tg.ones(3))

    def test_one_memory_that_becomes_two(self):
        v = tg.ones(3)
        w = v.detach()
        f = compile(lambda x: v + 2 * w + x)
        assert [f(tg.zeros(3)).tolist() for _ in range(2)] == [[3, 3, 3]] * 2
        w.data = tg.zeros(3)
        assert f(tg.zeros(3)).tolist() == [1, 1, 1]


@pytest.mark.parametrize("forget", [lambda state, p: state.clear(), lambda state, p: state.pop(p)])
def test_an_optimiser_that_forgets(forget):
    def trained(compiled):
        p = tg.tensor([1., 2., 3.], requires_grad=True)
        optimizer = optim.Adam([p], lr=0.1)

        def step():
            optimizer.zero_grad()
            (p * p).sum().backward()
            optimizer.step()

        f = compile(step) if compiled else step
        for k in range(6):
            f()
            if k == 2:
                forget(optimizer.state, p)
        return p.detach().numpy(), optimizer.state[p]["step"]

    (ours, steps), (wanted, count) = trained(True), trained(False)
    np.testing.assert_allclose(ours, wanted, rtol=1e-5)
    assert steps == count == 3


def test_an_optimiser_that_takes_over_what_was_saved():
    def trained(compiled):
        p = tg.tensor([1., 2., 3.], requires_grad=True)
        optimizer = optim.SGD([p], lr=0.1, momentum=0.9)

        def step(x):
            optimizer.zero_grad()
            loss = ((p * x) ** 2).sum()
            loss.backward()
            optimizer.step()
            return loss

        f = compile(step) if compiled else step
        for _ in range(3):
            f(tg.ones(3))
        saved = copy.deepcopy(optimizer.state_dict())
        saved["param_groups"][0]["lr"] = 0.01
        f(tg.ones(3))
        optimizer.load_state_dict(saved)
        for _ in range(3):
            f(tg.ones(3))
        return p.detach().numpy(), np.asarray(optimizer.state[p]["momentum_buffer"])

    for ours, wanted in zip(trained(True), trained(False), strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=1e-5)


class TestDelicateNumbers:
    def test_zero_has_a_sign(self, monkeypatch):
        monkeypatch.setitem(globals(), "factor", 0.0)
        run(lambda x: 1 / (x * factor), lambda: monkeypatch.setitem(globals(), "factor", -0.0), "was 0.0 and is -0.0")
        f = compile(lambda x, k: 1 / (x * k))
        assert [f(tg.ones(1), k).item() for k in (0.0, -0.0, np.float32(-0.0), 0.0)] == [np.inf, -np.inf, -np.inf, np.inf]
        assert "an argument was 0.0 and is -0.0" in f.explain()

    @pytest.mark.parametrize("kind", [float, np.float32])
    def test_not_a_number_is_like_itself(self, monkeypatch, kind):
        monkeypatch.setitem(globals(), "factor", kind("nan"))
        f = compile(lambda x, k: x * factor + k)
        for _ in range(3):
            f(tg.ones(1), kind("nan"))
            factor_again = kind("nan")
            monkeypatch.setitem(globals(), "factor", factor_again)
        assert len(f.graphs) == 1, f.explain()


@pytest.mark.parametrize(("module", "name", "value"), [
    (nn.Dropout(0.5), "p", 0.0), (nn.LeakyReLU(0.1), "negative_slope", 0.5), (nn.Softmax(dim=0), "dim", 1),
    (nn.MaxPool1d(2), "stride", 1),
], ids=["dropout", "leaky", "softmax", "pool"])
def test_settings_of_modules_that_are_one_function(module, name, value):
    f, x = compile(lambda x: module(x)), tg.tensor([[1.0, -2.0, 3.0, -4.0], [5.0, 6.0, -7.0, 8.0]])
    f(x)
    setattr(module, name, value)
    np.testing.assert_allclose(f(x).numpy(), module(x).numpy(), rtol=1e-5)
    assert f"module (of the enclosing function).{name} was" in f.explain()


def test_a_second_hook_and_one_that_is_taken_off():
    net, x = nn.Linear(2, 1), tg.ones(1, 2)
    f, handles = compile(lambda x: net(x)), []
    for _ in range(3):
        assert f(x).tolist() == net(x).tolist()
        handles.append(net.register_forward_hook(lambda module, args, out: out * 2))
    for handle in handles:
        assert f(x).tolist() == net(x).tolist()
        handle.remove()
    assert f(x).tolist() == net(x).tolist()


@pytest.mark.parametrize("reset", [
    lambda o: o.state.clear(), lambda o: setattr(o, "state", {}),
    lambda o: setattr(o, "param_groups", [{**group, "lr": 0.01} for group in o.param_groups]),
], ids=["cleared", "another", "groups"])
def test_an_optimiser_that_begins_anew(reset):
    curves = []
    for compiled in (False, True):
        net = nn.Linear(2, 1)
        nn.init.constant_(net.weight, 0.5)
        nn.init.zeros_(net.bias)
        optimizer = optim.Adam(net.parameters(), lr=0.1)

        def step(x, net=net, optimizer=optimizer):
            optimizer.zero_grad()
            loss = (net(x) ** 2).sum()
            loss.backward()
            optimizer.step()
            return loss

        run, x = compile(step) if compiled else step, tg.tensor([[1.0, 3.0]])
        losses = [run(x).item() for _ in range(3)]
        reset(optimizer)
        curves.append(losses + [run(x).item() for _ in range(3)])
    np.testing.assert_allclose(*curves, rtol=1e-3)
