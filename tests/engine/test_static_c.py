"""The C back end on what compilers like to get wrong: special values, integers, double precision, masks, odd layouts."""

import re
import subprocess
import sys

import numpy as np
import pytest

import tinygrad_core as tg
from tinygrad_core.errors import ShapeError
from tinygrad_core.static import Graph, Session, Variable, assign, compile, group, placeholder, toolchain
from tinygrad_core.static.backends import compiled
from tinygrad_core.static.passes import disable, enable
from tinygrad_core.static.program import specialise

pytestmark = pytest.mark.skipif(toolchain.compiler(quiet=True) is None, reason="there is no C compiler here")

F = tg.nn.functional
UNARY = """abs acos acosh asin asinh atan atanh ceil cos cosh erf exp exp2 expm1 floor log log10 log1p log2 neg relu round
    rsqrt sigmoid sign sin sinh sqrt square tanh trunc isnan isinf isfinite logical_not reciprocal""".split()
BINARY = "add sub mul div maximum minimum eq ne lt le gt ge logical_and logical_or pow".split()
REDUCTIONS = [lambda x: x.amax(1), lambda x: x.sum(0), lambda x: x.sum(), lambda x: x.mean(1, keepdim=True),
              lambda x: tg.where(x > 0, x, -x), lambda x: tg.clamp(x, -1, 2), lambda x: x.sum((0, 1))]
INTEGERS = [
    lambda i: i + 3, lambda i: i * i - 2, lambda i: i > 2, lambda i: i == i.flip(0), lambda i: i.float() / 2, lambda i: -i,
    lambda i: i % 3, lambda i: i // 2, lambda i: i.sum(), lambda i: F.one_hot(i, 9).float().sum(0),
    lambda i: i.to(tg.int32) + 1]
LAYOUTS = [
    lambda x: x.T.reshape(-1) * 2, lambda x: x[::2, 1:].T @ x[::2, :1], lambda x: x.permute(1, 0).sum(0),
    lambda x: tg.cat([x.T, x.T * 2], 1).reshape(-1), lambda x: x[:, None, :] * x[None], lambda x: x.flip(0) + x,
    lambda x: tg.stack([x, x + 1]).permute(1, 2, 0).sum(2), lambda x: x.reshape(2, 2, 3).permute(2, 0, 1).reshape(3, 4) @ x,
    lambda x: F.pad(x, (1, 2, 0, 1), value=3.0), lambda x: x[1, 2] + x[0].sum(), lambda x: x[tg.tensor([2, 0, 2])],
    lambda x: x.cumsum(0), lambda x: tg.einsum("ij,kj->ik", x, x), lambda x: x.expand(2, 4, 3).sum(0)]
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -2.5, np.inf, -np.inf, np.nan, 1e-30, 1e30, 100.0], np.float32)


def both(function, *arrays):
    """What the interpreter and C give for a function of these arrays."""
    with Graph():
        xs = [placeholder(a.shape, a.dtype, f"x{k}") for k, a in enumerate(arrays)]
        out = function(*xs)
        program = specialise([out.array], {x.array: a.shape for x, a in zip(xs, arrays, strict=True)})
    with np.errstate(all="ignore"):
        return [compiled(program, backend)(list(arrays))[0][0] for backend in ("interpreter", "c")]


def same(function, *arrays, rtol=2e-6):
    wanted, found = both(function, *arrays)
    assert np.asarray(found).dtype == np.asarray(wanted).dtype
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", UNARY)
def test_special_values_of_one_operand(name, dtype):
    values = SPECIAL[:-2] if name in ("sin", "cos") else SPECIAL        # the sine of 1e30 is anybody's guess
    same(getattr(tg, name), values.astype(dtype), rtol=1e-5 if dtype is np.float32 else 1e-12)


@pytest.mark.parametrize("name", BINARY)
def test_special_values_of_two_operands(name):
    a, b = np.meshgrid(SPECIAL, SPECIAL)
    same(getattr(tg, name), np.ascontiguousarray(a), np.ascontiguousarray(b), rtol=2e-5)


@pytest.mark.parametrize("function", REDUCTIONS)
def test_special_values_in_reductions(function):
    same(function, np.stack([SPECIAL, SPECIAL[::-1], np.zeros_like(SPECIAL)]))


def test_masks_of_minus_infinity():
    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal((2, 3, 5, 4)).astype(np.float32) for _ in range(3))
    same(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), q, k, v, rtol=1e-5)
    scores = np.where(np.tril(np.ones((4, 4))) > 0, 1.0, -np.inf).astype(np.float32)
    same(lambda s: F.softmax(s, 1) + F.log_softmax(s, 1).exp(), scores)


@pytest.mark.parametrize("function", INTEGERS)
def test_integers(function):
    same(function, np.array([1, 2, 3, 8, 0]))


@pytest.mark.parametrize("function", LAYOUTS)
def test_layouts(function):
    same(function, np.arange(12, dtype=np.float32).reshape(4, 3), rtol=1e-5)


def laid_out(rng, dtype, *shape):
    """A matrix, or a stack of them, among others of the same numbers: as it is, transposed, with gaps, or one row for all."""
    how = rng.integers(5)
    if how == 0:
        return rng.standard_normal((*shape[:-2], shape[-1], shape[-2])).astype(dtype), lambda x: x.transpose(-1, -2)
    if how == 1:
        return rng.standard_normal((*shape[:-1], 2 * shape[-1])).astype(dtype), lambda x: x[..., ::2]
    if how == 2:
        return rng.standard_normal((*shape[:-2], shape[-2] + 3, shape[-1] + 1)).astype(dtype), lambda x: x[..., 3:, 1:]
    if how == 3:
        return rng.standard_normal((1, shape[-1])).astype(dtype), lambda x: x.expand(*shape)
    return rng.standard_normal(shape).astype(dtype), lambda x: x


@pytest.mark.parametrize("vectors", [(), ("-U__AVX512F__",), ("-U__AVX512F__", "-U__AVX__")])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_small_products_of_every_layout(dtype, vectors, monkeypatch, tmp_path):
    monkeypatch.setenv("TINYGRAD_CORE_CACHE", str(tmp_path))
    monkeypatch.setattr(toolchain, "FAST", (*toolchain.FAST, *vectors))
    rng = np.random.default_rng(len(vectors))
    pairs = []
    for _ in range(24):
        m, k, n = (int(rng.choice([1, 2, 7, 8, 15, 16, 17, 32, 40, rng.integers(1, 41)])) for _ in range(3))
        stacks = [((), ()), ((2,), (2,)), ((3, 1), (2,)), ((), (3,))][rng.integers(4)]
        pairs += [laid_out(rng, dtype, *stacks[0], m, k), laid_out(rng, dtype, *stacks[1], k, n)]
    views = [view for _, view in pairs]

    def program(*xs):
        seen = [view(x) for x, view in zip(xs, views, strict=True)]
        products = [x @ y for x, y in zip(seen[::2], seen[1::2], strict=True)]
        return [p.sum(0) if p.ndim == 3 and k % 2 else p for k, p in enumerate(products)]      # added up as they are computed

    xs = [tg.from_numpy(a) for a, _ in pairs]
    f = compile(program, backend="c")
    for found, wanted in zip(f(*xs), program(*xs), strict=True):
        assert found.dtype == wanted.dtype
        np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-4 if dtype is np.float32 else 1e-11, atol=1e-4)
    assert "small(" in f.source().partition("void k0")[2] and "product(" not in f.source().partition("void k0")[2]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows, columns", [(8, 2), (33, 10), (64, 7), (70, 31), (5, 10), (9, 17)])
def test_functions_over_short_rows(rows, columns, dtype):
    rng = np.random.default_rng(rows)
    x, b = rng.standard_normal((rows, columns)).astype(dtype), rng.standard_normal(columns).astype(dtype)
    x[3, 1], x[4] = np.inf, -np.inf
    x[0, 0] = np.nan
    rtol = 2e-5 if dtype is np.float32 else 1e-12
    same(lambda x, b: F.log_softmax(x + b, 1).exp() * x.T.reshape(x.shape), x, b, rtol=rtol)
    same(lambda x, b: F.softmax(x, 1).sum() + (x - b).tanh().amax(1, keepdim=True), x, b, rtol=rtol)
    same(lambda x, b: ((x > 0) & (x.exp() > b.exp())).to(x.dtype).sum(1), x, b, rtol=rtol)
    logits = x[5:] if rows > 6 else x
    same(lambda x, b: F.cross_entropy(x * b, tg.arange(len(logits)) % columns), logits, b, rtol=rtol)


@pytest.mark.parametrize("stride, padding, dilation", [(1, 0, 1), (2, 1, 1), (1, 2, 2)])
def test_windows(stride, padding, dilation):
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 4, 9, 8)).astype(np.float32), rng.standard_normal((6, 2, 3, 3)).astype(np.float32)
    same(lambda x, w: F.conv2d(x, w, stride=stride, padding=padding, dilation=dilation, groups=2), x, w, rtol=2e-4)
    same(lambda x, w: F.max_pool2d(x, 3, stride, min(padding, 1), dilation), x, w)
    same(lambda x, w: F.avg_pool2d(x, 2, stride), x, w, rtol=1e-5)


@pytest.mark.parametrize("off", ["", "tiles", "narrow"])
def test_windows_of_many_images_and_their_gradients(off):
    """Windows are unfolded and folded image by image, and never lie in memory as a whole."""
    rng = np.random.default_rng(1)
    x, w = (tg.tensor(rng.standard_normal(s).astype(np.float32)) for s in ((16, 8, 12, 12), (8, 4, 3, 3)))

    def step(x, w):
        x, w = x.clone().requires_grad_(), w.clone().requires_grad_()
        out = F.max_pool2d(F.conv2d(x, w, padding=1, groups=2).relu(), 2)
        up = F.conv_transpose2d(out, w.reshape(8, 4, 3, 3), stride=2, groups=2)
        return tg.autograd.grad((up * up).sum() + out.sum(), [x, w])

    wanted = step(x, w)
    disable(*off.split())
    try:
        f = compile(step, backend="c")
        for a, b in zip(f(x, w), wanted, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-3)
        run = next(iter(next(iter(f.entries.values()))[0].plans.values())).code
    finally:
        enable()
    assert (run.made.layout.plan.total < 16 * 8 * 9 * 144 * 4) == (off != "tiles")


def test_arrays_that_are_not_contiguous_are_fed_and_updated():
    start = np.arange(6, dtype=np.float32).reshape(2, 3).T
    storage = tg.from_numpy(start.copy().T.copy()).T        # its memory runs down the columns
    assert not storage.is_contiguous()
    with Graph() as graph:
        x, v = placeholder((2, 3), name="x"), Variable(storage, name="v", trainable=False)
        new = assign(v, v * 2 + x.T)
    fed = np.arange(6, dtype=np.float32).reshape(3, 2).T
    session, wanted = Session(graph, "c"), storage.numpy().copy()
    for _ in range(2):
        session.run(group(new), {x: fed})
        wanted = wanted * 2 + fed.T
        assert np.array_equal(storage.numpy(), wanted)


def test_an_index_out_of_range_is_an_error_with_the_line():
    with Graph() as graph:
        table, rows = placeholder((3, 2), name="table"), placeholder((2,), tg.int64, name="rows")
        picked = table[rows]
    session = Session(graph, "c")
    with pytest.raises(ShapeError, match="out of range for a table of shape") as caught:
        session.run(picked, {table: np.zeros((3, 2)), rows: [0, 3]})
    assert "picked = table[rows]" in str(caught.value)
    assert session.run(picked, {table: np.ones((3, 2)), rows: [-1, 2]}).tolist() == [[1, 1], [1, 1]]


def test_denormal_numbers_survive_in_the_whole_process():
    compile(lambda x: tg.exp(x), backend="c")(tg.ones(3))
    assert np.float32(1e-40) * np.float32(0.5) > 0


def test_compiled_code_is_kept_on_disk(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAD_CORE_CACHE", str(tmp_path))
    for _ in range(2):
        compile(lambda x: tg.exp(x) * 1.2345, backend="c")(tg.ones(3))
    assert len(list(tmp_path.glob("*.so"))) == 1


def test_without_a_compiler_numpy_takes_over_and_says_so_once():
    code = ("import warnings, tinygrad_core as tg; warnings.simplefilter('always');"
            "f = tg.compile(lambda x: x * 2, backend='c'); g = tg.compile(lambda x: x * 3, backend='c');"
            "print(f(tg.ones(1)).item(), g(tg.ones(1)).item())")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PATH": "/nowhere", "CC": ""},
                          check=False)
    assert done.stdout.split() == ["2.0", "3.0"], done.stderr
    assert done.stderr.count("there is no C compiler") == 1


def test_a_plan_shares_memory():
    f = compile(lambda x: tg.tanh(tg.tanh(tg.tanh(x).T @ x) @ x.T).sum(), backend="c")
    f(tg.ones(200, 200))
    run = next(iter(f.entries.values()))[0].plans
    layout = next(iter(run.values())).code.made.layout
    assert layout.plan.total < layout.plan.alone


def test_a_run_that_is_refused_leaves_what_it_would_have_written():
    """The write comes first in the function, and the index that is out of range after it."""
    table, w = tg.ones(5, 3), tg.zeros(3)

    def f(x, i):
        w.add_(x * 2)
        return table[i].sum()

    compiled, x = compile(f, backend="c"), tg.ones(3)
    assert compiled(x, tg.tensor([0])) == 3
    with pytest.raises(ShapeError, match="out of range"):
        compiled(x, tg.tensor([9]))
    assert w.tolist() == [2, 2, 2]


def test_memory_that_a_loop_writes_over_is_not_promised_to_be_apart():
    """What is read through a view lies where a result is written: `restrict` would let the compiler move the reading."""
    def f(x, w):
        product = x @ w
        seen = product.reshape(2, 4, 6)
        return (seen + 1).exp(), seen.tanh() * 2

    x, w = tg.randn(8, 5), tg.randn(5, 6)
    compiled = compile(f, backend="c")
    for now, expected in zip(compiled(x, w), f(x, w), strict=True):
        np.testing.assert_allclose(now.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)
    source, shared = compiled.source(), 0
    for name, given in re.findall(r"^  (k\d+)\((.*)\);$", source, re.M):
        parameters = re.search(rf"void {name}\(([^)]*)\)", source)[1].split(", ")
        places = given.split(", ")
        for place, parameter in zip(places, parameters, strict=True):
            if places.count(place) > 1:
                shared += 1
                assert "restrict" not in parameter, (place, parameter)
    assert shared
