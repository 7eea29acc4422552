"""Plans on disk: found by all that they come from and nothing else, and run to the same bits in another process."""

import json
import os
import re
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygrad_core as tg
from tests.engine.test_static_passes import programs
from tinygrad_core.errors import ShapeError
from tinygrad_core.ops import OPS
from tinygrad_core.ops.core import primitive
from tinygrad_core.static import Graph, compile, placeholder, toolchain
from tinygrad_core.static.backends import c_plan, compiled
from tinygrad_core.static.backends.c import _Generated, _prepared
from tinygrad_core.static.passes import disable, enable
from tinygrad_core.static.program import Program, rewritten, specialise

pytestmark = pytest.mark.skipif(toolchain.compiler(quiet=True) is None, reason="there is no C compiler here")
F = tg.nn.functional


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """A cache of plans and libraries with nothing in it."""
    monkeypatch.setenv("TINYGRAD_CORE_CACHE", str(tmp_path))
    return tmp_path


def plan_of(f):
    """How a compiled function's latest call was run."""
    return f._plans()[-1]


def is_kept(f):
    """Whether the plan was found, and nothing generated."""
    return "made" not in vars(plan_of(f).code)


# ---- the same bits in another process
def models():
    """Compiled steps of many kinds, with what to call them with."""
    rng = np.random.default_rng(0)

    def t(*shape):
        return tg.tensor(rng.standard_normal(shape).astype(np.float32))

    def trained(model, x, optimiser=tg.optim.Adam, **options):
        opt = optimiser(model.parameters(), lr=1e-2)

        def step(x):
            opt.zero_grad()
            loss = (model(x) ** 2).mean()
            loss.backward()
            opt.step()
            return loss
        return compile(step, backend="c", **options), [x]

    nn = tg.nn
    yield "dropout", *trained(nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5), nn.Tanh(), nn.Linear(8, 2)), t(5, 6))
    yield "windows", *trained(nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2)), t(2, 1, 8, 8))
    yield "budget", *trained(nn.Sequential(*[nn.Sequential(nn.Linear(64, 64), nn.Tanh()) for _ in range(6)]), t(4096, 64),
                             tg.optim.SGD, memory_budget=0.5)
    mask = np.triu(np.full((5, 5), -np.inf, np.float32), 1)
    yield "constants", compile(lambda x: (F.softmax(x + tg.tensor(mask), 1) @ (tg.arange(5.0) * 3).reshape(5, 1), x[[0, 2]]),
                               backend="c"), [t(5, 5)]
    yield "numpy", compile(lambda x: (x.sort(0)[0], x.cumsum(1), tg.tanh(x).flip(0).sort(1)[0] + 1), backend="c"), [t(4, 5)]
    yield "views", compile(lambda x, y: (x.T, y, x[1:].reshape(-1), x * 2, y[:0]), backend="c"), [t(4, 5), tg.arange(6)]
    state = t(4, 4)

    def written(x):
        old = state * 1
        state.mul_(0.5).add_(x.T)
        return old, state.T, state[1]
    yield "updates", compile(written, backend="c"), [t(4, 4)]
    yield "doubles", compile(lambda x, n: (x / n, n + 1, (x > 0) & (n > 2)), backend="c"), \
        [tg.tensor(rng.standard_normal((3, 3))), tg.arange(9).reshape(3, 3)]


def ran():
    """What the models return in three runs, as bits, and whether their plans were found."""
    tg.manual_seed(0)
    results = {}
    for name, f, inputs in models():
        seen = []
        for _ in range(3):
            out = f(*inputs)
            seen += [t.detach().numpy() for t in (out if isinstance(out, tuple) else (out,))]
        results[name] = is_kept(f), [f"{a.dtype}{a.shape}{a.tobytes().hex()}" for a in seen]
        assert "step" in f.source() and "memory" in plan_of(f).memory()
    return results


def test_another_process_runs_kept_plans_to_the_same_bits(tmp_path):
    code = "import json; from tests.engine.test_static_kept import ran; print(json.dumps(ran()))"
    shutil.copy(toolchain._product_library()._name, tmp_path)          # it takes seconds to compile, and is no plan
    environment = {**os.environ, "TINYGRAD_CORE_CACHE": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    first, second = [json.loads(subprocess.run([sys.executable, "-W", "ignore", "-c", code], env=environment, check=True,
                                               capture_output=True, text=True).stdout) for _ in range(2)]
    assert not any(kept for kept, _ in first.values())
    assert [name for name, (kept, _) in second.items() if not kept] == []
    for name, (_, bits) in first.items():
        assert second[name][1] == bits, name


# ---- what a plan is found by
def made_of(program):
    """All that a run of a program uses: the recipe as it is kept, and the code without its comments."""
    made = _Generated(_prepared(program))
    return json.dumps(c_plan._written(made.recipe, program)), re.sub(r"/[*].*?[*]/", "", made.code, flags=re.DOTALL)


@st.composite
def altered(draw):
    """A random program, and the same with one operation that is another, reads something else or other numbers."""
    program, _ = draw(programs())
    chosen = draw(st.sampled_from(program.operations))
    other = draw(st.sampled_from(["tanh", "exp", "add", "mul", "sub", "maximum"]))

    def change(r, o):
        if o is not chosen:
            return None
        twin = r.keep(o)
        if len(o.sources) == 2 and o.op.broadcasts and o.sources[0].shape == o.sources[1].shape and o.op.name != other:
            twin.read(tuple(reversed(twin.inputs)))
        elif not o.attrs and o.op.broadcasts and len(o.inputs) == len(OPS[other].inputs) and len(o.sources) == len(o.inputs):
            twin.op = OPS[other]
        elif not o.attrs:
            twin.read(tuple([x + 1 if isinstance(x, (int, float)) else x for x in twin.inputs]))
        elif "keepdim" in o.attrs:
            twin.attrs = {**o.attrs, "dim": tuple(range(o.sources[0].ndim))} if o.results[0].shape == (1, 1) else o.attrs
        return twin.results
    return program, rewritten(program, change)


seen_plans: dict[str, tuple[str, str]] = {}


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(pair=altered(), budget=st.sampled_from([None, 0.5]))
def test_equal_keys_mean_equal_plans(pair, budget):
    for program in pair:
        program.budget = budget
        key, found = c_plan.key(program), made_of(program)
        assert key is not None and c_plan.key(program) == key
        assert seen_plans.setdefault(key, found) == found


CHANGES = {
    "an operation": lambda x, y: tg.exp(x) + y,
    "an operand": lambda x, y: tg.tanh(y) + y,
    "their order": lambda x, y: y + tg.tanh(x),
    "a number": lambda x, y: tg.tanh(x) + y + 0.5,
    "another number": lambda x, y: tg.tanh(x) + y + np.nextafter(0.5, 1),
    "an integer": lambda x, y: tg.tanh(x) + y + 1,
    "a float like it": lambda x, y: tg.tanh(x) + y + 1.0,
    "zero": lambda x, y: tg.tanh(x) + y + 0.0,
    "the other zero": lambda x, y: tg.tanh(x) + y + -0.0,
    "a constant": lambda x, y: tg.tanh(x) + y + tg.tensor([1.0, 2.0, 3.0]),
    "another constant": lambda x, y: tg.tanh(x) + y + tg.tensor([1.0, 2.0, 4.0]),
    "a dim": lambda x, y: (tg.tanh(x) + y).sum(0),
    "another dim": lambda x, y: (tg.tanh(x) + y).sum(1),
    "a slice": lambda x, y: (tg.tanh(x) + y)[1:],
    "another slice": lambda x, y: (tg.tanh(x) + y)[:-1],
    "two outputs": lambda x, y: (tg.tanh(x) + y, x),
    "exchanged": lambda x, y: (x, tg.tanh(x) + y),
}


def key_of(function, x=(3, 3), y=(3, 3), dtype="float32", budget=None, given_order=(0, 1)):
    with Graph():
        inputs = [placeholder(shape, dtype=getattr(tg, dtype)) for shape in (x, y)]
        out = function(*inputs)
    outputs = [t.array for t in (out if isinstance(out, tuple) else (out,))]
    program = specialise(outputs, {inputs[k].array: inputs[k].shape for k in given_order})
    program.budget = budget
    return c_plan.key(program)


def test_whatever_changes_a_plan_changes_its_key(monkeypatch):
    def plain(x, y):
        return tg.tanh(x) + y
    keys = {"plain": key_of(plain), **{name: key_of(f) for name, f in CHANGES.items()},
            "a shape": key_of(plain, y=(1, 3)), "a dtype": key_of(plain, dtype="float64"),
            "a budget": key_of(plain, budget=0.5), "another budget": key_of(plain, budget=1),
            "the order of inputs": key_of(plain, given_order=(1, 0))}
    disable("fuse")
    try:
        keys["a pass"] = key_of(plain)
    finally:
        enable()
    monkeypatch.setattr(toolchain, "FAST", (*toolchain.FAST, "-g"))
    keys["the compiler's options"] = key_of(plain)
    assert None not in keys.values() and len(set(keys.values())) == len(keys)
    monkeypatch.undo()
    assert key_of(lambda x, y: tg.tanh(x) + y) == keys["plain"]         # on another line


def test_updates_belong_to_the_key():
    with Graph():
        x, y = placeholder((3,)), placeholder((3,))
        a, b = x + 1, y + 2
    given = specialise([a.array, b.array], {x.array: (3,), y.array: (3,)})
    made = [c_plan.key(Program(given.graph, given.inputs, [], updates)) for updates in (
        [], [(given.inputs[0], given.outputs[0])], [(given.inputs[1], given.outputs[0])],
        [(given.inputs[0], given.outputs[1])], [*zip(given.inputs, given.outputs)],
        [*zip(given.inputs, given.outputs)][::-1])]
    assert len(set(made)) == len(made)


def test_a_learners_own_operation_is_not_kept():
    """Its name says nothing about what it computes in the next process."""
    def thrice(x):
        return tg.dispatch.apply(OPS["thrice"], x)
    primitive("thrice", lambda xp, x: x * 3)
    try:
        assert key_of(lambda x, y: thrice(x) + y) is None
        f = compile(lambda x: thrice(x) + 1, backend="c")
        np.testing.assert_array_equal(f(tg.ones(2)).numpy(), [4, 4])
    finally:
        del OPS["thrice"]


# ---- files that are not what they should be
def step(scale=2.0):
    return compile(lambda x: tg.exp(x * scale).sum(0), backend="c")


def test_a_plan_is_kept_as_json_and_found_again(cache):
    x, first, second = tg.ones(3, 4), step(), step()
    wanted = first(x).numpy()
    assert not is_kept(first)
    file, = cache.glob("*.json")
    body = file.read_text().partition("\n")[2]
    assert json.loads(body)["library"] + ".so" in {f.name for f in cache.iterdir()}
    np.testing.assert_array_equal(second(x).numpy(), wanted)
    assert is_kept(second)


@pytest.mark.parametrize("damage", [
    lambda text, other: "", lambda text, other: text[:-10], lambda text, other: text.replace("32,", "64,", 1) + " ",
    lambda text, other: text.partition("\n")[2], lambda text, other: other, lambda text, other: "\0" * 100])
def test_a_damaged_or_foreign_file_is_ignored_and_written_anew(cache, damage):
    x, changed = tg.ones(3, 32), step()
    wanted = changed(x).numpy()
    file, = cache.glob("*.json")
    whole = file.read_text()
    step(3.0)(x)
    other, = [f for f in cache.glob("*.json") if f != file]
    file.write_text(damage(whole, other.read_text()))
    again = step()
    np.testing.assert_array_equal(again(x).numpy(), wanted)
    assert not is_kept(again) and file.read_text() == whole


def test_a_plan_without_its_library_is_made_anew(cache):
    x = tg.ones(3, 4)
    wanted = step()(x).numpy()
    for file in cache.glob("*.so"):
        file.unlink()
    again = step()
    np.testing.assert_array_equal(again(x).numpy(), wanted)
    assert not is_kept(again)


def test_what_nobody_wants_for_long_goes_first(cache, monkeypatch):
    monkeypatch.setattr(toolchain, "MOST", 20)
    for k in range(20):
        toolchain.store(f"{k}.json", b"{}")
        os.utime(cache / f"{k}.json", (k, k))
    toolchain.kept("0.json")
    toolchain.store("new.json", b"{}")
    left = {f.name for f in cache.iterdir()}
    assert {"0.json", "new.json"} <= left and "1.json" not in left and len(left) <= 20


# ---- what is asked for later
def picking(table, index):
    return tg.tanh(table)[index] * 2


def test_a_kept_plan_explains_itself_like_a_new_one(cache):
    def told():
        f = tg.compile(deep, backend="c", memory_budget=0.5)
        f(x)
        kept, plan = is_kept(f), plan_of(f)
        return kept, [f.source(), f.explain(), plan.memory(), str(plan.program), str(f.graphs[0]), sorted(plan.recomputed)]
    w, x = tg.nn.Parameter(tg.eye(32) * 0.9), tg.ones(2048, 32)

    def deep(x):
        for _ in range(6):
            x = tg.tanh(x @ w) + x * 0.1
        return tg.autograd.grad(x.sum(), [w])[0]
    (_, wanted), (kept, found) = told(), told()
    assert kept and found == wanted and wanted[-1]


def test_passes_that_were_off_are_off_when_the_source_is_asked_for(cache):
    x = tg.ones(3, 4)
    disable("fuse")
    try:
        wanted, f = step(), step()
        wanted(x), f(x)
    finally:
        enable()
    assert is_kept(f) and f.source() == wanted.source() != (lambda g: g(x) is None or g.source())(step())


def test_an_index_out_of_range_is_told_with_its_line(cache):
    table = tg.ones(4, 3)
    for kept in (False, True):
        f = compile(picking, backend="c")
        f(table, tg.tensor([0, 3]))
        assert is_kept(f) is kept
        with pytest.raises((ShapeError, IndexError), match=r"out of (range|bounds)"):
            f(table, tg.tensor([0, 4]))
        np.testing.assert_allclose(f(table, tg.tensor([-1])).numpy(), np.tanh(np.ones((1, 3))) * 2, rtol=1e-6)


def test_who_listens_to_passes_hears_them(cache):
    from tinygrad_core.static.passes.rewrites import noting
    step()(tg.ones(3, 4))
    with noting() as found, warnings.catch_warnings():
        f = compile(lambda x: tg.exp(x * 2.0).sum(0) * 1, backend="c")
        f(tg.ones(3, 4))
    assert found and not is_kept(f)


def test_inputs_that_lie_oddly_and_empty_ones(cache):
    def outputs(x, y):
        return x[:, ::2], x.T, y, y[:0] * 2, x.sum(1)
    for _ in range(2):
        f = compile(outputs, backend="c")
        for x in (tg.arange(12.0).reshape(3, 4), tg.arange(12.0).reshape(4, 3).T, tg.arange(24.0).reshape(3, 8)[:, ::2]):
            for found, wanted in zip(f(x, tg.ones(2, 0)), outputs(x, tg.ones(2, 0)), strict=True):
                np.testing.assert_array_equal(found.numpy(), wanted.numpy())
    assert is_kept(f)


def test_compiled_takes_the_plan_of_a_program_that_was_not_traced(cache):
    with Graph():
        x = placeholder((2, 3))
        y = F.softmax(x * 3, 1)
    feed = np.arange(6, dtype=np.float32).reshape(2, 3)
    program = specialise([y.array], {x.array: (2, 3)})
    first, second = (compiled(program, "c") for _ in range(2))
    np.testing.assert_array_equal(first([feed])[0][0], second([feed])[0][0])
    assert "made" in vars(first) and "made" not in vars(second)


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_no_code_is_loaded_from_a_folder_that_others_may_write_into(cache, mode):
    cache.chmod(mode)
    try:
        with pytest.warns(UserWarning, match="nobody else may write"):
            toolchain._private_folder.cache_clear()
            found = toolchain.cache_folder()
        assert found != cache and not found.stat().st_mode & 0o077
        shutil.rmtree(found)
    finally:
        toolchain._private_folder.cache_clear()
        cache.chmod(0o700)
    assert toolchain.cache_folder() == cache


def test_a_disk_that_is_full_costs_the_next_process_only(cache, monkeypatch):
    store = toolchain.store

    def full(name, content):
        if name.endswith(".json"):
            raise OSError(28, "No space left on device")
        store(name, content)

    monkeypatch.setattr(toolchain, "store", full)
    assert compile(lambda x: tg.exp(x * 0) + 1, backend="c")(tg.ones(3)).tolist() == [2, 2, 2]
