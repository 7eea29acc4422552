"""Module and the containers: what counts as a part, names, state, modes, hooks, and the words for mistakes."""
from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

import tinygrad_core as tg
import tinygrad_core.nn as nn
from tests.engine.against_torch import torch

BOTH = [tg, torch]


def _net(T: Any) -> Any:
    """One network in either engine: nested, with a shared part, a buffer and a missing bias."""
    N = T.nn

    class Block(N.Module):
        def __init__(self, size: int, shared: Any):
            super().__init__()
            self.linear = N.Linear(size, size, bias=False)
            self.shared = shared
            self.scale = N.Parameter(T.ones(size))
            self.register_buffer("seen", T.zeros(1))
            self.register_buffer("scratch", T.zeros(2), persistent=False)
            self.nothing = None

        def forward(self, x: Any) -> Any:
            return self.shared(self.linear(x)) * self.scale

    class Net(N.Module):
        def __init__(self) -> None:
            super(Net, self).__init__()         # noqa: UP008 (the old spelling is what articles print)
            shared = N.Linear(4, 4)
            self.blocks = N.ModuleList([Block(4, shared), Block(4, shared)])
            self.named = N.ModuleDict({"a": N.ReLU(), "b": N.Sequential(OrderedDict(first=N.Linear(4, 2)))})
            self.weight = N.Parameter(T.zeros(2))

        def forward(self, x: Any) -> Any:
            for block in self.blocks:
                x = block(x)
            return self.named["b"](self.named["a"](x)) + self.weight

    return Net()


def _names(items: Any) -> list[str]:
    return [name for name, _ in items]


def test_parts_have_pytorchs_names() -> None:
    ours, theirs = _net(tg), _net(torch)
    for listing in ("named_parameters", "named_buffers", "named_modules", "named_children"):
        assert _names(getattr(ours, listing)()) == _names(getattr(theirs, listing)()), listing
    assert _names(ours.named_parameters(remove_duplicate=False)) == _names(
        theirs.named_parameters(remove_duplicate=False))
    assert _names(ours.named_parameters(prefix="p", recurse=False)) == ["p.weight"]
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert len(list(ours.modules())) == len(list(theirs.modules()))
    assert repr(ours) == repr(theirs).replace("_net.<locals>.", "")
    assert ours.get_submodule("blocks.1.linear") is ours.blocks[1].linear
    assert ours.get_parameter("blocks.0.scale") is ours.blocks[0].scale


def test_pytorchs_state_loads_by_name() -> None:
    ours, theirs = _net(tg), _net(torch)
    assert repr(ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})) == (
        "<All keys matched successfully>")
    x = np.random.default_rng(0).standard_normal((3, 4)).astype("float32")
    np.testing.assert_allclose(ours(tg.tensor(x)).detach().numpy(), theirs(torch.tensor(x)).detach().numpy(), atol=1e-6)
    twin = _net(tg)
    twin.load_state_dict(ours.state_dict())
    for a, b in zip(twin.parameters(), ours.parameters(), strict=True):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


def test_state_that_does_not_fit_names_every_key() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    state = net.state_dict()
    before = state["0.bias"].numpy().copy()
    wrong = {"0.weight": np.zeros((3, 5)), "0.bias": np.ones(3), "extra": np.zeros(1), "1.bias": np.zeros(1)}
    with pytest.raises(RuntimeError) as error:
        net.load_state_dict(wrong)
    words = str(error.value)
    assert 'missing: "1.weight"' in words and 'unexpected: "extra"' in words
    assert '"0.weight" has shape (3, 5)' in words and "(3, 2) in the module" in words
    np.testing.assert_array_equal(net[0].bias.detach().numpy(), before)         # nothing was loaded
    del wrong["0.weight"]
    keys = net.load_state_dict(wrong, strict=False)
    assert keys.missing_keys == ["0.weight", "1.weight"] and keys.unexpected_keys == ["extra"]
    assert (net[0].bias.detach().numpy() == 1).all()
    with pytest.raises(RuntimeError, match="has shape"):
        net.load_state_dict({"0.weight": np.zeros(1)}, strict=False)


def test_loading_writes_in_place_and_is_noticed() -> None:
    layer = nn.Linear(2, 2)
    weight, memory = layer.weight, layer.weight.array
    out = layer(tg.ones(1, 2, requires_grad=True)).sum()
    layer.load_state_dict({"weight": np.ones((2, 2)), "bias": np.zeros(2)})
    assert layer.weight is weight and weight.array is memory and weight.dtype == tg.float32
    with pytest.raises(tg.errors.GradError, match="changed in place"):
        out.backward()


def test_assignment_decides_what_a_part_is() -> None:
    m = nn.Module()
    m.p = nn.Parameter(tg.ones(2))
    m.q = m.p
    m.t = tg.ones(2)                    # a plain tensor is no parameter
    assert [n for n, _ in m.named_parameters()] == ["p"] and isinstance(m.p, tg.Tensor) and m.p.is_leaf
    m.p = None
    assert m.p is None and [n for n, _ in m.named_parameters()] == ["q"]
    m.register_buffer("b", tg.zeros(1))
    m.b = tg.ones(1)
    assert m.state_dict()["b"].item() == 1
    m.b = nn.Linear(1, 1)               # a module takes the buffer's place
    assert "b.weight" in m.state_dict() and "b" not in m.state_dict()
    del m.b, m.q
    assert not m.state_dict() and not hasattr(m, "q")
    with pytest.raises(TypeError, match="can be assigned a module or None"):
        m.c = nn.ReLU()
        m.c = 3
    assert "c" in dir(m)
    m._parameters["direct"] = nn.Parameter(tg.ones(1))
    assert m.direct.item() == 1


def test_parameter() -> None:
    t = tg.ones(3)
    p = nn.Parameter(t)
    assert p.array is t.array and p.requires_grad and not t.requires_grad
    assert not nn.Parameter(t, requires_grad=False).requires_grad
    assert repr(p).startswith("Parameter containing:\ntensor([1., 1., 1.]")
    assert type(p * 2) is tg.Tensor and nn.Parameter([1.0, 2.0]).shape == (2,)
    with pytest.raises(tg.errors.DTypeError, match="floating-point"):
        nn.Parameter(tg.tensor([1, 2]))


def test_modes_dtypes_and_gradients() -> None:
    net = _net(tg)
    assert net.eval() is net and not any(m.training for m in net.modules())
    assert all(m.training for m in net.train().modules())
    net(tg.ones(1, 4)).sum().backward()
    assert net.weight.grad is not None
    net.double()
    assert all(p.dtype == tg.float64 for p in net.parameters()) and net.weight.grad.dtype == tg.float64
    assert all(b.dtype == tg.float64 for b in net.buffers())
    net.zero_grad(set_to_none=False)
    assert not net.weight.grad.numpy().any()
    net.zero_grad()
    assert net.weight.grad is None
    assert not any(p.requires_grad for p in net.requires_grad_(False).parameters())
    assert net.to("cpu", tg.float32).weight.dtype == tg.float32
    norm = nn.BatchNorm1d(2).double()
    assert norm.num_batches_tracked.dtype == tg.int64
    with pytest.raises(TypeError, match="floating-point"):
        net.to(tg.int64)
    order: list[str] = []
    nn.Sequential(nn.ReLU(), nn.Tanh()).apply(lambda m: order.append(type(m).__name__))
    assert order == ["ReLU", "Tanh", "Sequential"]


@pytest.mark.parametrize("T", BOTH)
def test_containers(T: Any) -> None:
    N = T.nn
    layers = [N.Linear(1, 1), N.ReLU(), N.Tanh()]
    seq = N.Sequential(*layers)
    assert len(seq) == 3 and seq[0] is layers[0] and seq[-1] is layers[2] and list(seq) == layers
    assert list(seq[1:]) == layers[1:]
    seq.append(N.Sigmoid())
    seq[1] = N.ELU()
    del seq[0]
    assert [type(m).__name__ for m in seq] == ["ELU", "Tanh", "Sigmoid"] and list(seq._modules) == ["0", "1", "2"]
    seq.insert(1, N.GELU())
    seq.extend([N.Mish()])
    assert [type(m).__name__ for m in seq] == ["ELU", "GELU", "Tanh", "Sigmoid", "Mish"]
    with pytest.raises(IndexError):
        seq[7]
    several = N.ModuleList(layers)
    several += [N.Sigmoid()]
    assert len(several) == 4 and "0.weight" in several.state_dict()
    by_name = N.ModuleDict({"x": layers[0]})
    by_name["y"] = layers[1]
    by_name.update({"z": layers[2]})
    assert list(by_name) == ["x", "y", "z"] and "y" in by_name and by_name.pop("y") is layers[1]
    assert list(by_name.keys()) == ["x", "z"] and len(by_name) == 2
    by_name.clear()
    assert len(by_name) == 0 and by_name != N.ModuleDict() and by_name in {by_name}
    with pytest.raises(KeyError):
        by_name["gone"]


@pytest.mark.parametrize("T", BOTH)
def test_forward_hooks(T: Any) -> None:
    layer, seen = T.nn.Tanh(), []
    before = layer.register_forward_pre_hook(lambda m, args: seen.append("before") or (args[0] * 0,))
    after = layer.register_forward_hook(lambda m, args, out: seen.append(args[0].sum().item()) or out + 1)
    keyed = layer.register_forward_hook(lambda m, args, kwargs, out: seen.append(len(kwargs)), with_kwargs=True)
    assert layer(T.ones(2)).sum().item() == 2 and seen == ["before", 0, 0]
    before.remove(), keyed.remove()
    assert layer(T.zeros(2)).sum().item() == 2
    after.remove()
    assert layer(T.zeros(2)).sum().item() == 0


@pytest.mark.filterwarnings("ignore:Full backward hook")
@pytest.mark.parametrize("T", BOTH)
@pytest.mark.parametrize("input_wants", [True, False])
def test_backward_hooks(T: Any, input_wants: bool) -> None:
    layer, seen = T.nn.Linear(2, 3), []
    handle = layer.register_full_backward_hook(lambda m, gi, go: seen.append((m, gi, go)))
    x = T.ones(1, 2, requires_grad=input_wants)
    layer(x).sum().backward()
    (m, grad_input, grad_output), = seen
    assert m is layer and len(grad_input) == len(grad_output) == 1
    assert grad_output[0].tolist() == [[1, 1, 1]]
    if input_wants:
        np.testing.assert_allclose(grad_input[0].numpy(), x.grad.numpy())
        handle.remove()
        layer.register_full_backward_hook(lambda m, gi, go: (gi[0] * 0,))
        x.grad = None
        layer(x).sum().backward()
        assert not x.grad.numpy().any() and layer.weight.grad is not None
    else:
        assert grad_input[0] is None


@pytest.mark.parametrize("T", BOTH)
def test_backward_hooks_see_all_inputs_at_once(T: Any) -> None:
    layer, seen = T.nn.Bilinear(2, 2, 1), []
    layer.register_full_backward_hook(lambda m, gi, go: seen.append(gi))
    a, b = T.ones(1, 2, requires_grad=True), T.ones(1, 2, requires_grad=True)
    layer(a, b).sum().backward()
    assert len(seen) == 1 and len(seen[0]) == 2
    for grad, t in zip(seen[0], (a, b), strict=True):
        np.testing.assert_allclose(grad.numpy(), t.grad.numpy())


def test_a_recording_knows_the_module_of_an_operation() -> None:
    from tinygrad_core.recording import record

    net = nn.Sequential(OrderedDict(body=nn.Sequential(nn.Linear(2, 2), nn.Tanh()), head=nn.Linear(2, 1)))
    with record() as recording:
        net(tg.ones(1, 2))
    defined = [e for e in recording.events if e["type"] == "define" and e["kind"] == "operation"]
    operations = [(e["op"], e["module"]) for e in defined]
    assert operations == [("linear", "body.0"), ("tanh", "body.1"), ("linear", "head")]


class _NoSuper(nn.Module):
    def __init__(self) -> None:
        self.layer = nn.Linear(1, 1)


class _NothingAssigned(nn.Module):
    def __init__(self) -> None:
        pass


@pytest.mark.parametrize(("code", "kind", "words"), [
    (lambda: _NoSuper(), AttributeError, "call super().__init__() as the first line"),
    (lambda: _NothingAssigned()(1), AttributeError, "must call super().__init__() first"),
    (lambda: _NothingAssigned().parameters().__next__(), AttributeError, "must call super().__init__() first"),
    (lambda: nn.Linear(1, 1).wieght, AttributeError, "'Linear' object has no attribute 'wieght'"),
    (lambda: nn.Module()(1), NotImplementedError, "def forward(self, x)"),
    (lambda: nn.Module().register_parameter("w", tg.ones(1)), TypeError, "must be an nn.Parameter"),
    (lambda: nn.Module().register_buffer("b", 1.0), TypeError, "must be a tensor"),
    (lambda: nn.Module().add_module("m", 3), TypeError, "must be a module"),
    (lambda: nn.Module().add_module("a.b", nn.ReLU()), KeyError, "without dots"),
    (lambda: nn.Module().register_buffer("forward", tg.ones(1)), KeyError, "has an attribute 'forward' already"),
    (lambda: nn.Sequential(nn.ReLU()).get_submodule("0.x"), AttributeError, "has no module 'x'"),
    (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError, "multiples of groups"),
    (lambda: nn.BatchNorm2d(3)(tg.ones(2, 3, 4)), ValueError, "needs an input of 4 dims with 3 channels"),
    (lambda: nn.LSTM(3, 2)(tg.ones(2, 2, 4)), ValueError, "whose last is 3, its input_size"),
    (lambda: nn.LSTM(3, 2)(tg.ones(2, 2, 3), tg.ones(1, 2, 2)), ValueError, "needs two states of shape (1, 2, 2)"),
    (lambda: nn.MultiheadAttention(6, 4), ValueError, "must be a multiple of num_heads"),
    (lambda: nn.RNN(1, 1, nonlinearity="sigmoid"), ValueError, "'tanh' or 'relu'"),
    (lambda: nn.MaxPool2d(), TypeError, "missing a required argument: 'kernel_size'"),
    (lambda: nn.ReLU(slope=1), TypeError, "ReLU(inplace=False): got an unexpected"),
])
def test_mistakes_are_explained(code: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind) as error:
        code()
    assert words in str(error.value)


def test_the_program_of_every_article() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super(Net, self).__init__()         # noqa: UP008
            self.fc1 = nn.Linear(784, 128)
            self.fc2 = nn.Linear(128, 10)

        def forward(self, x: Any) -> Any:
            x = tg.flatten(x, 1)
            x = self.fc1(x)
            x = tg.relu(x)
            x = self.fc2(x)
            return tg.log_softmax(x, dim=1)

    tg.manual_seed(0)
    net, criterion = Net(), nn.CrossEntropyLoss()
    inputs, labels = tg.rand(16, 1, 28, 28), tg.tensor(np.arange(16) % 10)
    losses = []
    for _ in range(5):
        net.zero_grad()
        loss = criterion(net(inputs), labels)
        loss.backward()
        for p in net.parameters():
            p.data = p.detach() - p.grad * 0.1
        losses.append(loss.item())
    assert losses == sorted(losses, reverse=True)


@pytest.mark.parametrize(("expression", "shape", "paths"), [
    ("nn.LSTM(3, 4, 2, bidirectional=True)", (5, 2, 3), {""}),
    ("nn.TransformerEncoderLayer(4, 2, 8)", (5, 2, 4), {"self_attn", "self_attn.out_proj", "norm1", "linear2"}),
    ("nn.Sequential(nn.Conv2d(1, 2, 3, stride=2), nn.BatchNorm2d(2), nn.GELU(), nn.MaxPool2d(2), nn.Flatten(), "
     "nn.Linear(2, 3))", (2, 1, 6, 6), {"0", "1", "2", "3", "4", "5"})])
def test_modules_can_be_recorded(expression: str, shape: tuple[int, ...], paths: set[str]) -> None:
    from tinygrad_core.recording import record, validate

    module = eval(expression)
    with record() as recording:
        out = module(tg.rand(*shape))
        (out[0] if isinstance(out, tuple) else out).sum().backward()
    validate(recording.to_dict())
    assert paths <= {e["module"] for e in recording.events if e["type"] == "define"}


def test_hooks_in_front_of_others_and_before_the_backward_pass():
    torch = pytest.importorskip("torch")

    def run(T):
        log, module = [], T.nn.Linear(2, 2)
        module.register_forward_hook(lambda *_: log.append("after"))
        module.register_forward_hook(lambda *_: log.append("first after"), prepend=True)
        module.register_full_backward_hook(lambda m, inner, outer: log.append([tuple(g.shape) for g in outer]))
        module.register_full_backward_pre_hook(lambda m, outer: (outer[0] * 3,))
        T.nn.init.ones_(module.weight)
        x = T.ones(1, 2, requires_grad=True)
        module(x).sum().backward()
        return log, x.grad.tolist()

    assert run(tg) == run(torch)


def test_a_state_dict_taken_over_and_collected():
    layer = nn.Linear(2, 2)
    weight = tg.ones(2, 2, dtype=tg.float64)
    layer.load_state_dict({"weight": weight, "bias": tg.zeros(2)}, assign=True)
    weight[0, 0] = 5.0
    assert layer.weight.dtype == tg.float64 and layer.weight[0, 0].item() == 5.0 and layer.weight.requires_grad
    found: dict = {}
    assert layer.state_dict(destination=found, prefix="a.") is found and list(found) == ["a.weight", "a.bias"]
    assert nn.BatchNorm1d(2).get_buffer("running_var").tolist() == [1.0, 1.0]
