"""The CUDA back end: its kernels run emulated on the CPU, or on a GPU (`--device cuda`), and NVIDIA's compiler takes them."""

import ast
import copy
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import tinygrad_core as tg
from tests.engine import emulated_cuda, emulated_cupy, nvrtc
from tests.engine.test_static_c import BINARY, INTEGERS, LAYOUTS, REDUCTIONS, SPECIAL, UNARY
from tests.engine.test_static_compile import MODELS, OPTIMIZERS
from tests.engine.test_static_passes import programs
from tinygrad_core import nn, optim
from tinygrad_core.device import place
from tinygrad_core.errors import DeviceError, ShapeError
from tinygrad_core.static import Graph, Session, Variable, assign, compile, gradients, group, placeholder
from tinygrad_core.static.backends import compiled, cuda_device
from tinygrad_core.static.backends.cuda import generated
from tinygrad_core.static.program import specialise

F = tg.nn.functional
devices = []                            # the emulated ones, in the order in which plans were made


@pytest.fixture
def gpu(request, monkeypatch):
    """A GPU, emulated where the tests do not run on one; tensors are made there."""
    if request.config.getoption("--device") == "cuda":
        return
    if emulated_cuda.compiler() is None:
        pytest.skip("there is no C++ compiler here to emulate CUDA with")
    emulated_cupy.use(monkeypatch, "emulated")
    devices.clear()
    monkeypatch.setattr(cuda_device, "Device", emulated)


def emulated():
    devices.append(emulated_cuda.Device())
    return devices[-1]


def on_cpu(value):
    return place(value.detach().array if isinstance(value, tg.Tensor) else value, "cpu")


def close(a, b, rtol=5e-5, atol=1e-6):
    np.testing.assert_allclose(on_cpu(a), on_cpu(b), rtol=rtol, atol=atol)


def program_of(functions, *arrays):
    """One program that computes all these functions of the arrays: it is compiled once."""
    with Graph():
        xs = [placeholder(a.shape, a.dtype, f"x{k}") for k, a in enumerate(arrays)]
        outs = [out for f in functions for out in f(*xs)] if callable(functions[0]) else functions
        return specialise([out.array for out in outs], {x.array: a.shape for x, a in zip(xs, arrays, strict=True)})


def same(functions, *arrays, rtol=2e-6, atol=1e-7):
    """The back end gives what the interpreter gives, at the first run, when it captures, and when it replays."""
    program = program_of([lambda *xs, f=f: [f(*xs)] if isinstance(f(*xs), tg.Tensor) else f(*xs) for f in functions], *arrays)
    arrays = [tg.tensor(a).array for a in arrays]
    with np.errstate(all="ignore"):
        wanted = [on_cpu(v) for v in compiled(program, "interpreter")(arrays)[0]]
    run = compiled(program, "cuda")
    first = [on_cpu(v) for v in run(arrays)[0]]
    for k, (found, value) in enumerate(zip(first, wanted, strict=True)):
        assert np.asarray(found).dtype == np.asarray(value).dtype and np.shape(found) == np.shape(value)
        np.testing.assert_allclose(found, value, rtol=rtol, atol=atol, err_msg=f"result {k}")
    for _ in range(2):
        for found, value in zip(run([a.copy() for a in arrays])[0], first, strict=True):
            np.testing.assert_array_equal(on_cpu(found), value)         # the same bits every time


class Block(nn.Module):
    """Causal attention and two linear layers, each after a normalisation and beside a residual connection."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.before, self.between = heads, nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x):
        n, t, width = x.shape
        q, k, v = (y.reshape(n, t, self.heads, -1).transpose(1, 2) for y in self.qkv(self.before(x)).chunk(3, 2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(n, t, width))
        return x + self.mlp(self.between(x))


class GPT(nn.Module):
    """Two blocks of a language model, and its loss."""

    def __init__(self):
        super().__init__()
        self.table, self.place = nn.Embedding(11, 16), nn.Embedding(6, 16)
        self.blocks, self.out = nn.Sequential(Block(16, 2), Block(16, 2)), nn.Linear(16, 11)

    def forward(self, x):
        h = self.blocks(self.table(x) + self.place(tg.arange(x.shape[1])))
        return F.cross_entropy(self.out(h).reshape(-1, 11), x.reshape(-1))


ALL = {**MODELS, "gpt": (GPT, lambda r: r.integers(0, 11, (3, 6)))}


def training(model, make):
    """A training step as a function of a batch, and its model."""
    optimizer = make(model.parameters())

    def step(x):
        optimizer.zero_grad()
        out = model(x)
        loss = out if out.ndim == 0 else (out ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss
    return step


# Adam's eps is large here because some gradients are zero but for rounding, which a small eps would blow up to full steps.
@pytest.mark.parametrize("name", ALL)
def test_a_whole_training_step_gives_eager_modes_weights(name, gpu):
    make, batch = ALL[name]
    rng = np.random.default_rng(0)
    tg.manual_seed(0)
    eager = make()
    traced = copy.deepcopy(eager)
    now, later = (training(m, lambda p: optim.Adam(p, lr=0.01, eps=1e-3)) for m in (eager, traced))
    later = compile(later, backend="cuda")
    for k in range(4):
        x = tg.tensor(batch(rng))
        tg.manual_seed(k)
        wanted = now(x)
        tg.manual_seed(k)
        close(later(x), wanted, rtol=1e-4)
    for p, q in zip([*eager.parameters(), *eager.buffers()], [*traced.parameters(), *traced.buffers()], strict=True):
        close(p, q, rtol=2e-4, atol=2e-5)
    if devices:
        assert [d.captures for d in devices] == [1], "the step, without its random numbers, is one graph"


def test_every_optimizers_rule_computes_now_and_later(gpu):
    x, y = tg.randn(8, 6), tg.randint(0, 2, (8,))
    start = nn.Sequential(nn.Linear(6, 5, bias=False), nn.Tanh(), nn.Linear(5, 2, bias=False))
    nets = [[copy.deepcopy(start) for _ in OPTIMIZERS] for _ in range(2)]

    def steps(nets):
        optimizers = [getattr(optim, name)(net.parameters(), **options)
                      for net, (name, options) in zip(nets, OPTIMIZERS.items(), strict=True)]

        def step():
            losses = []
            for net, optimizer in zip(nets, optimizers, strict=True):
                optimizer.zero_grad()
                losses.append(F.cross_entropy(net(x), y))
                losses[-1].backward()
                optimizer.step()
            return losses
        return step

    now, later = steps(nets[0]), compile(steps(nets[1]), backend="cuda")
    for _ in range(4):
        for name, a, b in zip(OPTIMIZERS, later(), now(), strict=True):
            np.testing.assert_allclose(on_cpu(a), on_cpu(b), rtol=1e-4, err_msg=name)
    for name, a, b in zip(OPTIMIZERS, *nets, strict=True):
        for p, q in zip(a.parameters(), b.parameters(), strict=True):
            np.testing.assert_allclose(on_cpu(p), on_cpu(q), rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_special_values(dtype, gpu):
    values = SPECIAL.astype(dtype)
    rows = np.stack([values, values[::-1], np.zeros_like(values)])
    unary = [getattr(tg, name) for name in UNARY if name not in ("sin", "cos")]     # the sine of 1e30 is anybody's guess
    rtol = 1e-5 if dtype is np.float32 else 1e-12
    same([lambda x, y: [f(x) for f in unary], lambda x, y: [tg.sin(x[:-2]), tg.cos(x[:-2])],
                   lambda x, y: [f(y) for f in REDUCTIONS]], values, rows, rtol=rtol)
    a, b = map(np.ascontiguousarray, np.meshgrid(values, values))
    same([getattr(tg, name) for name in BINARY], a, b, rtol=2e-5)


def test_integers_and_layouts(gpu):
    same(INTEGERS, np.array([1, 2, 3, 8, 0]))
    same(LAYOUTS, np.arange(12, dtype=np.float32).reshape(4, 3), rtol=1e-5)


def test_large_sums_in_several_blocks_and_rounds(gpu):
    rng = np.random.default_rng(0)
    tall, long, deep = (rng.standard_normal(n).astype(np.float32) for n in ((300, 37), (2, 1100), (40, 12, 30)))
    many = rng.standard_normal(600_001).astype(np.float32)
    same([lambda t, *_: [(t * 2).sum(0), t.sum(), F.layer_norm(t, (37,)), t.mean(0) + t.sum(1, keepdim=True)],
                   lambda _, x, *__: [F.softmax(x, 1), F.log_softmax(x, 1).sum(0), x.amax(1), (x * x).sum(1)],
                   lambda _, __, d, m: [d.sum(0), (d * 2).sum((0, 1)), d.sum((0, 2)), d.sum(1), d[:, :, :1].sum(0)],
                   lambda _, __, d, m: [abs(m), (m[:70_000] * 2).mean()]], tall, long, deep, many, rtol=1e-4, atol=1e-4)


def test_no_elements(gpu):
    nothing = np.zeros((0, 3), np.float32)
    same([lambda x: [x * 2, x.sum(), x.sum(0), x.sum(1), tg.cat([x, x])], lambda x: x.T @ x], nothing)


@pytest.mark.parametrize("stride, padding, dilation", [(1, 0, 1), (2, 1, 1), (1, 2, 2)])
def test_windows_and_their_gradients(stride, padding, dilation, gpu):
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 4, 9, 8)).astype(np.float32), rng.standard_normal((6, 2, 3, 3)).astype(np.float32)

    def outputs(x, w):
        outs = [F.conv2d(x, w, stride=stride, padding=padding, dilation=dilation, groups=2),
                F.max_pool2d(x, 3, stride, min(padding, 1), dilation), F.avg_pool2d(x, 2, stride)]
        return [*outs, *gradients(sum([(o * o).sum() for o in outs]), [x, w])]
    same([outputs], x, w, rtol=1e-3, atol=1e-3)


def test_rows_that_are_picked_more_than_once_add_up_in_their_order(gpu):
    rng = np.random.default_rng(0)
    table, rows = rng.standard_normal((7, 5)).astype(np.float32), rng.integers(-7, 7, 300)

    def outputs(t, r):
        picked = [t[r], t[r, tg.tensor([1, 0, 1]).repeat(100)]]
        return [*picked, *gradients(sum([(p * p).sum() for p in picked]), [t])]
    same([outputs], table, rows, rtol=1e-5, atol=1e-4)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(made=programs())
def test_random_graphs_give_the_interpreters_values(gpu, made):
    program, feeds = made[0], [tg.tensor(a).array for a in made[1]]
    with np.errstate(all="ignore"):
        wanted = [on_cpu(v) for v in compiled(program, "interpreter")(feeds)[0]]
        run = compiled(program, "cuda")
        for _ in range(3):
            for a, b in zip(run(feeds)[0], wanted, strict=True):
                np.testing.assert_allclose(on_cpu(a), b, rtol=2e-4, atol=2e-4 * max(1.0, float(np.max(np.abs(b), initial=0))))


def test_inputs_that_move_and_weights_that_are_replaced(gpu):
    layer = nn.Linear(3, 2)
    f = compile(lambda x: layer(x).sum(), backend="cuda")
    for k in range(5):
        x = tg.randn(4, 3)
        if k > 2:
            layer.weight.data = tg.randn(2, 3)
        with tg.no_grad():
            close(f(x), layer(x).sum())


def test_arrays_that_are_not_contiguous_are_fed_and_updated(gpu):
    storage = tg.tensor(np.arange(6, dtype=np.float32).reshape(2, 3)).T     # its memory runs down the columns
    with Graph() as graph:
        x, v = placeholder((2, 3), name="x"), Variable(storage, name="v", trainable=False)
        new = assign(v, v * 2 + x.T)
    fed = np.arange(6, dtype=np.float32).reshape(3, 2).T
    session, wanted = Session(graph, "cuda"), on_cpu(storage).copy()
    for _ in range(3):
        session.run(group(new), {x: fed})
        wanted = wanted * 2 + fed.T
        assert np.array_equal(on_cpu(storage), wanted)


def test_an_index_out_of_range_is_an_error_with_the_line(gpu):
    with Graph() as graph:
        table, rows = placeholder((3, 2), name="table"), placeholder((2,), tg.int64, name="rows")
        picked = table[rows]
    session = Session(graph, "cuda")
    for _ in range(3):
        with pytest.raises(ShapeError, match="out of range for a table of shape") as caught:
            session.run(picked, {table: np.zeros((3, 2)), rows: [0, 3]})
        assert "picked = table[rows]" in str(caught.value)
        assert session.run(picked, {table: np.ones((3, 2)), rows: [-1, 2]}).tolist() == [[1, 1], [1, 1]]


def test_without_capturing_the_kernels_are_started_one_by_one(gpu, monkeypatch):
    monkeypatch.setattr(emulated_cuda.Device, "can_capture", False)
    f = compile(lambda x: tg.softmax(x @ x.T, 1), backend="cuda")
    x = tg.randn(3, 3)
    for _ in range(3):
        close(f(x), tg.softmax(x @ x.T, 1))


def test_the_back_end_goes_by_where_the_tensors_lie(gpu):
    tg.set_default_device("cpu")
    layer, x = nn.Linear(3, 2), tg.randn(4, 3)
    wanted = layer(x)
    with pytest.raises(DeviceError, match=r"lies on the CPU.*\.to\(\"cuda\"\)"):
        compile(lambda x: layer(x).sum(), backend="cuda")(x)
    layer.to("cuda")
    with pytest.raises(DeviceError, match='write backend="cuda"'):
        compile(lambda x: layer(x), backend="numpy")(x.cuda())
    f = compile(lambda x: layer(x))
    close(f(x.cuda()), wanted)
    assert f.backend == "cuda" and f(x.cuda()).device == "cuda:0"


def test_the_source_shows_the_learners_lines(gpu):
    f = compile(lambda x: tg.tanh(x).sum(1), backend="cuda")
    f(tg.ones(2, 3))
    kernel = re.search(r"/\* (.*) \*/\nextern \"C\" __global__ void k0", f.source())
    assert "test_static_cuda.py" in kernel[1] and "tg.tanh(x)" in kernel[1]
    assert "k0<<<2, 32>>>(input0 + 0, block + 0)" in f.source()


def test_without_a_gpu_it_is_said_what_to_do():
    if tg.cuda.is_available():
        pytest.skip("there is a GPU")
    for ask in (lambda: compile(lambda x: x, backend="cuda"), lambda: Session(Graph(), "cuda")):
        with pytest.raises(DeviceError, match='stay on device="cpu"'):
            ask()


class TestTheEmulation:
    """What it is trusted to find."""

    def launch(self, body, threads=64):
        if emulated_cuda.compiler() is None:
            pytest.skip("there is no C++ compiler here to emulate CUDA with")
        device, out = emulated_cuda.Device(), emulated_cupy.ndarray(np.zeros(threads, np.float32))
        device.compile(f'extern "C" __global__ void k0(float *o) {{ /* all< */ {body} }}\n')
        device.launch("k0", 1, threads, device.address(out))
        return out.inner

    def test_threads_meet_and_hand_values_on(self):
        assert np.array_equal(self.launch("o[threadIdx.x] = __shfl_xor_sync(~0u, (float)threadIdx.x, 1);"), np.arange(64) ^ 1)
        reverse = ("__shared__ float s[64]; s[threadIdx.x] = threadIdx.x; __syncthreads(); "
                   "o[threadIdx.x] = s[63 - threadIdx.x];")
        assert np.array_equal(self.launch(reverse), np.arange(64)[::-1])

    @pytest.mark.parametrize("body", ["if (threadIdx.x < 40) __syncthreads();",
                                      "if (threadIdx.x % 2) __shfl_xor_sync(~0u, 1, 1);"])
    def test_a_barrier_that_not_all_threads_reach_is_found(self, body):
        with pytest.raises(AssertionError, match="wait for others that never come"):
            self.launch(body)


@pytest.mark.skipif(nvrtc.library() is None, reason="NVRTC is not here: pip install nvidia-cuda-nvrtc-cu12")
@pytest.mark.parametrize("name", [*ALL, "optimizers", "operations"])
def test_nvidias_compiler_takes_every_kernel(name):
    for architecture in ("sm_80", "sm_90"):
        for code in sources(name):
            assert nvrtc.errors(code, architecture) == ""


def sources(name):
    """The kernels of a model's training step, of all optimisers' steps, or of many operations."""
    if name == "operations":
        special, square, whole = SPECIAL, np.ones((4, 3), np.float32), np.arange(5)
        return [generated(program_of([lambda x, f=f: [f(x)] for f in functions], values)).code for functions, values in (
            ([getattr(tg, n) for n in UNARY], special), ([getattr(tg, n) for n in UNARY], special.astype(np.float64)),
            (REDUCTIONS, np.stack([special, special])), (INTEGERS, whole), (LAYOUTS, square))]
    if name == "optimizers":
        made = [(lambda p, n=n, o=o: getattr(optim, n)(p, **o)) for n, o in OPTIMIZERS.items()]
        model, batch = lambda: nn.Linear(6, 5, bias=False), MODELS["mlp"][1]
    else:
        made, (model, batch) = [optim.Adam], ALL[name]
    found = []
    for make in made:
        step = compile(training(model(), make), backend="interpreter")
        step(tg.tensor(batch(np.random.default_rng(0))))
        plan = next(p for entries in step.entries.values() for e in entries for p in e.plans.values())
        found.append(generated(plan.program).code)
    return found


def attributes(source, root):
    """Every dotted name behind `root` in a piece of Python, such as "cuda.Stream" behind `self.xp`."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        text = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
        if re.fullmatch(rf"{re.escape(root)}(\.\w+)+", text):
            found.add(text.removeprefix(root + "."))
    return found


def test_what_is_asked_of_cupy_is_there():
    """CuPy can be imported, and looked at, without a GPU."""
    cupy = pytest.importorskip("cupy", reason="CuPy is not here: pip install .[gpu]")
    used = attributes(Path(cuda_device.__file__).read_text(encoding="utf-8"), "self.xp")
    package = Path(tg.__file__).parent
    for file in package.rglob("*.py"):
        if "static" not in file.parts:
            used |= attributes(file.read_text(encoding="utf-8"), "xp")
    missing = []
    for name in sorted(used - {"__name__"}):
        thing = cupy
        for part in name.split("."):
            thing = getattr(thing, part, None)
        if thing is None or (name.endswith((".reduce", ".accumulate")) and name.split(".")[0] not in ("add", "multiply")):
            missing.append(name)
    missing += [name for name in (*emulated_cupy.METHODS, *emulated_cupy.VALUES) if not hasattr(cupy.ndarray, name)]
    missing += [name for name in ("random", "standard_normal", "integers") if not hasattr(cupy.random.Generator, name)]
    assert not missing
