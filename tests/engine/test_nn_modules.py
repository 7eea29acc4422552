"""Every module built in both engines from one expression: same names, same print, same values and gradients."""
from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import numpy as np
import pytest

import tinygrad_core as tg
from tests.engine.against_torch import compare

torch = pytest.importorskip("torch")

@pytest.fixture(autouse=True)
def _twice_differentiable() -> Any:
    """PyTorch's fast attention kernel has no second gradients; its plain one has."""
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        yield


A, B, C = (4, 6), (2, 4, 9), (2, 4, 8, 7)          # shapes of rows, sequences of channels, images
ONE_FUNCTION = [
    *[(f"nn.{name}()", [B]) for name in (
        "ReLU ReLU6 LeakyReLU ELU CELU SELU GELU SiLU Mish Sigmoid LogSigmoid Tanh Hardtanh Hardswish Softplus "
        "Softsign PReLU Identity Flatten").split()],
    ("nn.LeakyReLU(0.3)", [B]), ("nn.ELU(alpha=0.5)", [B]), ("nn.GELU('tanh')", [B]), ("nn.GLU(1)", [B]),
    ("nn.Softmax(dim=1)", [B]), ("nn.Softmin(1)", [B]), ("nn.LogSoftmax(-1)", [B]), ("nn.PReLU(4)", [B]),
    ("nn.Softplus(2.0, 1.0)", [B]), ("nn.Hardtanh(-0.5, 2.0)", [B]), ("nn.Flatten(0, 1)", [B]),
    ("nn.MaxPool1d(3, 2, 1)", [B]), ("nn.AvgPool1d(2)", [B]), ("nn.AdaptiveAvgPool1d(4)", [B]),
    ("nn.MaxPool2d(2)", [C]), ("nn.MaxPool2d((3, 2), stride=1, padding=1, ceil_mode=True)", [C]),
    ("nn.AvgPool2d(3, stride=2, padding=1)", [C]), ("nn.AdaptiveAvgPool2d((3, 2))", [C]),
    ("nn.Unfold((2, 3), stride=2)", [C]), ("nn.CosineSimilarity(dim=1)", [A, A]),
]
LAYERS = [
    ("nn.Linear(6, 3)", [A]), ("nn.Linear(9, 3, bias=False)", [B]), ("nn.Bilinear(6, 5, 3)", [A, (4, 5)]),
    ("nn.Bilinear(9, 5, 3, bias=False)", [B, (2, 4, 5)]),
    ("nn.Conv1d(4, 6, 3)", [B]), ("nn.Conv1d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2, bias=False)", [B]),
    ("nn.Conv1d(4, 2, 3, padding=1, padding_mode='circular')", [B]), ("nn.Conv2d(4, 6, 3)", [C]),
    ("nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), groups=2)", [C]),
    ("nn.Conv2d(4, 2, 3, padding='same', padding_mode='reflect')", [C]),
    ("nn.Conv2d(4, 2, 3, padding=(2, 1), padding_mode='replicate')", [C]), ("nn.Conv2d(4, 2, 3)", [C[1:]]),
    ("nn.ConvTranspose1d(4, 3, 3, stride=2)", [B]), ("nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, groups=2)", [C]),
    ("nn.LayerNorm(9)", [B]), ("nn.LayerNorm((8, 7), eps=1e-3)", [C]), ("nn.LayerNorm(9, bias=False)", [B]),
    ("nn.LayerNorm((4, 9), elementwise_affine=False)", [B]), ("nn.RMSNorm(9)", [B]), ("nn.RMSNorm((8, 7), 1e-3)", [C]),
    ("nn.GroupNorm(2, 4)", [C]), ("nn.GroupNorm(4, 4, affine=False)", [B]), ("nn.GroupNorm(1, 6)", [A]),
    ("nn.BatchNorm1d(6)", [A]), ("nn.BatchNorm1d(4)", [B]), ("nn.BatchNorm2d(4)", [C]),
    ("nn.BatchNorm2d(4, affine=False)", [C]), ("nn.BatchNorm2d(4, momentum=None)", [C]),
    ("nn.BatchNorm2d(4, track_running_stats=False)", [C]), ("nn.BatchNorm2d(4).eval()", [C]),
    ("nn.Sequential(nn.Conv2d(4, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(18, 2))", [C]),
]
RECURRENT = [
    (f"nn.{kind}(5, 3{settings})", [shape])
    for kind in ("RNN", "GRU", "LSTM")
    for settings, shape in (("", (6, 2, 5)), (", num_layers=2, bidirectional=True", (4, 2, 5)), ("", (6, 5)),
                            (", bias=False, batch_first=True", (2, 4, 5)), (", num_layers=3, dropout=0.0", (3, 2, 5)))
] + [
    (f"nn.LSTM(5, 4, proj_size=2{settings})", [shape])
    for settings, shape in (("", (6, 2, 5)), (", num_layers=2, bidirectional=True", (4, 2, 5)),
                            (", bias=False, batch_first=True", (2, 4, 5)))
] + [("nn.RNN(5, 3, 2, 'relu', False)", [(6, 2, 5)]), ("nn.RNN(5, 3)", [(6, 2, 5), (1, 2, 3)]),
     ("nn.GRU(5, 3, bidirectional=True)", [(6, 2, 5), (2, 2, 3)]), ("nn.GRU(5, 3)", [(6, 5), (1, 3)])] + [
    (f"nn.{kind}Cell(5, 3{settings})", [shape]) for kind in ("RNN", "GRU", "LSTM")
    for settings, shape in (("", (4, 5)), (", bias=False", (5,)))] + [
    ("nn.RNNCell(5, 3, nonlinearity='relu')", [(4, 5), (4, 3)]), ("nn.GRUCell(5, 3)", [(4, 5), (4, 3)])]
ATTENTION = [
    ("nn.MultiheadAttention(8, 2)", [(5, 2, 8), (3, 2, 8), (3, 2, 8)]),
    ("nn.MultiheadAttention(8, 4, bias=False, batch_first=True)", [(2, 5, 8), (2, 3, 8), (2, 3, 8)]),
    ("nn.MultiheadAttention(8, 2, kdim=5, vdim=3)", [(5, 2, 8), (3, 2, 5), (3, 2, 3)]),
    ("nn.MultiheadAttention(8, 2)", [(5, 8), (3, 8), (3, 8)]),
    ("nn.MultiheadAttention(8, 2, add_bias_kv=True)", [(5, 8), (3, 8), (3, 8)]),
    ("nn.MultiheadAttention(8, 2, add_zero_attn=True, kdim=5, vdim=3)", [(5, 2, 8), (3, 2, 5), (3, 2, 3)]),
    ("nn.MultiheadAttention(8, 2, 0.0, False, True, True, batch_first=True)", [(2, 5, 8), (2, 3, 8), (2, 3, 8)]),
    ("nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0)", [(5, 2, 8)]),
    ("nn.TransformerEncoderLayer(8, 2, 12, 0.0, 'gelu', batch_first=True, norm_first=True)", [(2, 5, 8)]),
    ("nn.TransformerEncoderLayer(8, 2, 12, 0.0, bias=False)", [(5, 2, 8)]),
    ("nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 12, 0.0, batch_first=True), 2, nn.LayerNorm(8))",
     [(2, 5, 8)]),
    ("nn.TransformerDecoderLayer(8, 2, 12, dropout=0.0)", [(5, 2, 8), (3, 2, 8)]),
    ("nn.TransformerDecoderLayer(8, 2, 12, 0.0, norm_first=True, batch_first=True)", [(2, 5, 8), (2, 3, 8)]),
    ("nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 12, 0.0), 2)", [(5, 2, 8), (3, 2, 8)]),
]


def _flat(result: Any) -> tuple[Any, ...]:
    """The tensors in a module's result, whatever tuples it comes in."""
    if isinstance(result, tuple):
        return tuple(t for part in result for t in _flat(part))
    return () if result is None else (result,)


def _pair(expression: str) -> tuple[Any, Any]:
    """PyTorch's module and ours, with the same state."""
    torch.manual_seed(0)
    theirs = eval(expression, {"nn": torch.nn})
    ours = eval(expression, {"nn": tg.nn})
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    return ours, theirs


@pytest.mark.filterwarnings("ignore:TF32 acceleration", "ignore:LSTM with projections")
@pytest.mark.parametrize(("expression", "shapes"), ONE_FUNCTION + LAYERS + RECURRENT + ATTENTION)
def test_same_values_and_gradients(expression: str, shapes: list[tuple[int, ...]]) -> None:
    ours, theirs = _pair(expression)
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal(s) for s in shapes]
    parameters = [p.detach().numpy().astype("float64") for p in theirs.parameters()]

    def code(T: Any, *tensors: Any) -> Any:
        module = copy.deepcopy(ours if T is tg else theirs)
        module.to(tensors[0].dtype)
        # The parameters become the compared inputs: their gradients are held against each other too.
        names = [n for n, _ in module.named_parameters()]
        for name, value in zip(names, tensors[len(inputs):], strict=True):
            path, _, last = name.rpartition(".")
            owner = module.get_submodule(path)
            if T is tg:
                owner._parameters[last] = value
                owner.__dict__[last] = value
            else:
                del owner._parameters[last]
                setattr(owner, last, value)
        given = tensors[:len(inputs)]
        return _flat(module(*given))

    recurrent = "Recurrent" in str(type(ours).__mro__)
    with torch.backends.mkldnn.flags(enabled=not recurrent):        # its recurrent layers have no second gradients
        compare(code, *inputs, *parameters)


@pytest.mark.parametrize("expression", [e for e, _ in LAYERS + RECURRENT + ATTENTION if "momentum=None" not in e])
def test_same_names_shapes_and_print(expression: str) -> None:
    torch.manual_seed(0)
    theirs, ours = eval(expression, {"nn": torch.nn}), eval(expression, {"nn": tg.nn})
    assert {k: tuple(v.shape) for k, v in ours.state_dict().items()} == {
        k: tuple(v.shape) for k, v in theirs.state_dict().items()}
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    assert sorted(n for n, _ in ours.named_modules()) == sorted(n for n, _ in theirs.named_modules())
    assert repr(ours) == repr(theirs).replace("NonDynamicallyQuantizableLinear", "Linear")


@pytest.mark.parametrize("expression", [e for e, _ in ONE_FUNCTION if "AvgPool1d(2" not in e and "Cosine" not in e])
def test_one_function_modules_print_the_same(expression: str) -> None:
    theirs, ours = eval(expression, {"nn": torch.nn}), eval(expression, {"nn": tg.nn})
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("name", ["LeakyReLU", "MaxPool2d", "Dropout", "CrossEntropyLoss", "Softplus"])
def test_what_an_editor_shows_has_pytorchs_names(name: str) -> None:
    mine, theirs = ([p for p in inspect.signature(getattr(T.nn, name)).parameters if p not in ("size_average", "reduce")]
                    for T in (tg, torch))
    assert set(mine) == set(theirs) and getattr(tg.nn, name).__doc__


@pytest.mark.parametrize("expression", [e for e, _ in LAYERS + RECURRENT + ATTENTION])
def test_default_starting_values_are_drawn_alike(expression: str) -> None:
    torch.manual_seed(0)
    tg.manual_seed(0)
    ours = eval(expression, {"nn": tg.nn})
    many = [eval(expression, {"nn": torch.nn}) for _ in range(20)]
    for name, p in ours.named_parameters():
        drawn = np.stack([dict(m.named_parameters())[name].detach().numpy() for m in many])
        mine = np.stack([dict(eval(expression, {"nn": tg.nn}).named_parameters())[name].detach().numpy()
                         for _ in range(20)])
        assert p.shape == drawn.shape[1:]
        if drawn.std() == 0:
            np.testing.assert_array_equal(mine, drawn)
        else:
            bound = np.abs(drawn).max()
            assert np.abs(mine).max() < bound * 1.5 and np.abs(mine).max() > bound / 1.5, name
            assert abs(mine.std() / drawn.std() - 1) < 0.35 and abs(mine.mean()) < drawn.std(), name


@pytest.mark.parametrize("settings", ["", ", momentum=None", ", momentum=0.3"])
def test_batch_norm_keeps_running_numbers(settings: str) -> None:
    ours, theirs = _pair(f"nn.BatchNorm1d(3{settings})")
    rng = np.random.default_rng(0)
    for _ in range(4):
        x = rng.standard_normal((6, 3)).astype("float32") * 2 + 1
        ours(tg.tensor(x)), theirs(torch.tensor(x))
    for name, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[name].numpy(), value.numpy(), rtol=1e-5)
    ours.eval(), theirs.eval()
    np.testing.assert_allclose(ours(tg.tensor(x)).detach().numpy(), theirs(torch.tensor(x)).detach().numpy(), rtol=1e-4,
                               atol=1e-5)


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("settings", ["", ", num_layers=2, bidirectional=True", ", batch_first=True", ", proj_size=1"])
@pytest.mark.parametrize("lengths", [[5, 4, 2, 2], [2, 5, 1, 4], [3, 3, 3, 3]])
def test_packed_sequences(kind: str, settings: str, lengths: list[int]) -> None:
    if "proj_size" in settings and kind != "LSTM":
        with pytest.raises(ValueError, match="for LSTM alone"):
            eval(f"nn.{kind}(3, 2{settings})", {"nn": tg.nn})
        return
    ours, theirs = _pair(f"nn.{kind}(3, 2{settings})")
    first = "batch_first" in settings
    x = np.random.default_rng(0).standard_normal((4, 5, 3) if first else (5, 4, 3))
    results = []
    for T, module in ((tg, ours), (torch, theirs)):
        rnn = T.nn.utils.rnn
        module = copy.deepcopy(module).double()
        t = T.tensor(x, requires_grad=True)
        packed = rnn.pack_padded_sequence(t, T.tensor(lengths), batch_first=first, enforce_sorted=False)
        out, state = module(packed)
        padded, sizes = rnn.pad_packed_sequence(out, batch_first=first, padding_value=7.0, total_length=6)
        states = state if isinstance(state, tuple) else (state,)
        loss = (padded * padded).sum() + sum((s * 2).sum() for s in states)
        loss.backward()
        results.append([a.detach().numpy() for a in (
            packed.data, packed.batch_sizes, packed.sorted_indices, padded, sizes, *states, t.grad,
            *(p.grad for p in module.parameters()))])
    for mine, expected in zip(*results, strict=True):
        np.testing.assert_allclose(mine, expected, atol=1e-10)


def test_pad_sequence_and_pack_sequence() -> None:
    rng = np.random.default_rng(0)
    parts = [rng.standard_normal((n, 2)) for n in (4, 2, 1)]
    for settings in ({}, {"batch_first": True}, {"padding_value": 3.0, "padding_side": "left"}):
        compare(lambda T, *a, s=settings: T.nn.utils.rnn.pad_sequence(list(a), **s), *parts)
    compare(lambda T, *a: T.nn.utils.rnn.pack_sequence(list(a)).data, *parts)
    with pytest.raises(tg.errors.ShapeError, match="longest sequence first"):
        tg.nn.utils.rnn.pack_padded_sequence(tg.zeros(3, 2, 1), [1, 3])


@pytest.mark.parametrize("need", [True, False])
@pytest.mark.parametrize("kind", ["bool", "float", "heads"])
@pytest.mark.parametrize("more", ["", ", add_bias_kv=True", ", add_zero_attn=True"])
def test_attention_masks(need: bool, kind: str, more: str) -> None:
    ours, theirs = _pair(f"nn.MultiheadAttention(8, 2{more})")
    rng = np.random.default_rng(0)
    hidden = np.triu(np.ones((5, 5), bool), 1)
    mask = {"bool": hidden, "float": np.where(hidden, -np.inf, rng.standard_normal((5, 5))),
            "heads": np.stack([hidden] * 6)}[kind]
    padding = np.zeros((3, 5), bool)
    padding[1, 3:] = padding[2, 4:] = True
    x = rng.standard_normal((5, 3, 8))

    def code(T: Any, x: Any) -> Any:
        module = copy.deepcopy(ours if T is tg else theirs).to(x.dtype)
        masks = {"attn_mask": T.tensor(mask), "key_padding_mask": T.tensor(padding)}
        if kind == "float":
            masks = {"attn_mask": T.tensor(mask).to(x.dtype),
                     "key_padding_mask": T.tensor(np.where(padding, -np.inf, 0.0)).to(x.dtype)}
        return _flat(module(x, x, x, need_weights=need, average_attn_weights=False, **masks))

    compare(code, x)


def test_decoder_masks() -> None:
    ours, theirs = _pair("nn.TransformerDecoderLayer(8, 2, 12, 0.0, batch_first=True)")
    hidden = np.triu(np.ones((5, 5), bool), 1)
    padding = np.array([[False, False, True], [False, False, False]])
    rng = np.random.default_rng(0)

    def code(T: Any, x: Any, memory: Any) -> Any:
        module = copy.deepcopy(ours if T is tg else theirs).to(x.dtype)
        return module(x, memory, tgt_mask=T.tensor(hidden), memory_key_padding_mask=T.tensor(padding))

    compare(code, rng.standard_normal((2, 5, 8)), rng.standard_normal((2, 3, 8)))


@pytest.mark.parametrize(("expression", "shape"), [
    ("nn.Embedding(7, 3)", (4, 2)), ("nn.Embedding(7, 3, padding_idx=2)", (10,)),
    ("nn.Embedding(7, 3, padding_idx=-1, max_norm=1.0)", (2, 6)),
    ("nn.Embedding(7, 3, max_norm=0.5, norm_type=1)", ()), ("nn.Embedding(7, 3, scale_grad_by_freq=True)", (4, 5)),
    ("nn.Embedding(7, 3, 1, scale_grad_by_freq=True)", (30,))])
def test_embedding(expression: str, shape: tuple[int, ...]) -> None:
    ours, theirs = _pair(expression)
    assert repr(ours) == repr(theirs)
    index = np.random.default_rng(0).integers(0, 7, shape)
    for T, module in ((tg, ours), (torch, theirs)):
        out = module(T.tensor(index))
        (out * out).sum().backward()
    np.testing.assert_allclose(ours.weight.detach().numpy(), theirs.weight.detach().numpy(), rtol=1e-5)
    np.testing.assert_allclose(ours.weight.grad.numpy(), theirs.weight.grad.numpy(), rtol=1e-5)


@pytest.mark.parametrize("freeze", [True, False])
def test_embedding_from_a_table_that_is_there(freeze: bool) -> None:
    table = np.random.default_rng(0).standard_normal((5, 3))
    for T in (tg, torch):
        module = T.nn.Embedding.from_pretrained(T.tensor(table), freeze, padding_idx=1)
        out = module(T.tensor([1, 4]))
        np.testing.assert_array_equal(out.detach().numpy(), table[[1, 4]])
        assert out.requires_grad is not freeze and module.weight.requires_grad is not freeze
        if not freeze:
            out.sum().backward()
            np.testing.assert_array_equal(module.weight.grad.numpy().sum(1), [0, 0, 0, 0, 3])


def test_batch_norm_forgets_the_batches_it_has_seen() -> None:
    module = tg.nn.BatchNorm1d(2)
    fresh = {k: v.numpy().copy() for k, v in module.state_dict().items()}
    module(tg.tensor([[1.0, 2.0], [3.0, 5.0]]))
    assert any((v.numpy() != fresh[k]).any() for k, v in module.state_dict().items())
    module.reset_running_stats()
    assert all((v.numpy() == fresh[k]).all() for k, v in module.state_dict().items())


@pytest.mark.parametrize("expression", ["nn.LSTM(3, 2, 2)", "nn.TransformerEncoderLayer(4, 2, 8)",
                                        "nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.2))"])
def test_pickle_and_deepcopy(expression: str) -> None:
    module = eval(expression, {"nn": tg.nn})
    for twin in (pickle.loads(pickle.dumps(module)), copy.deepcopy(module)):
        assert repr(twin) == repr(module)
        for (name, a), (other, b) in zip(module.state_dict().items(), twin.state_dict().items(), strict=True):
            assert name == other and a is not b
            np.testing.assert_array_equal(a.numpy(), b.numpy())
        p = next(twin.parameters())
        p.array[...] = 5
        assert not np.any(next(module.parameters()).detach().numpy() == 5)


@pytest.mark.parametrize(("expression", "shape"), [
    ("nn.Linear(3, 2)", (0, 3)), ("nn.LSTM(3, 2)", (4, 0, 3)), ("nn.GRU(3, 2)", (4, 0, 3)), ("nn.Softmax(0)", (0,)),
    ("nn.BatchNorm1d(3)", (0, 3)), ("nn.BatchNorm1d(3).eval()", (0, 3)), ("nn.LayerNorm(3)", (0, 3)),
    ("nn.GroupNorm(1, 3)", (0, 3, 2)), ("nn.Conv2d(3, 2, 3, stride=2)", (0, 3, 4, 4)), ("nn.MaxPool2d(2)", (0, 3, 4, 4)),
    ("nn.MaxPool2d(3, 1)", (0, 3, 4, 4)), ("nn.AvgPool2d(2)", (0, 3, 4, 4)), ("nn.AdaptiveAvgPool2d(2)", (0, 3, 4, 4)),
    ("nn.TransformerEncoderLayer(4, 2, 8, 0.0)", (3, 0, 4)), ("nn.Flatten()", (0, 2, 3)), ("nn.GLU()", (2, 0))])
def test_empty_batches(expression: str, shape: tuple[int, ...]) -> None:
    ours, theirs = _pair(expression)
    results = []
    for T, module in ((tg, ours), (torch, theirs)):
        x = T.zeros(shape, requires_grad=True)
        out = _flat(module(x))[0]
        out.sum().backward()
        results.append((tuple(out.shape), tuple(x.grad.shape), [p.grad.numpy() for p in module.parameters()],
                        [b.numpy() for b in module.buffers()]))
    assert results[0][:2] == results[1][:2]
    for k in (2, 3):
        for mine, expected in zip(results[0][k], results[1][k], strict=True):
            np.testing.assert_array_equal(mine, expected)


def test_pools_take_their_settings_in_pytorchs_order():
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 7)).astype("float32")
    mine, theirs = tg.nn.MaxPool2d(3, 2, 1, 1, True, True), torch.nn.MaxPool2d(3, 2, 1, 1, True, True)
    assert repr(mine) == repr(theirs)
    for ours, expected in zip(mine(tg.tensor(x)), theirs(torch.tensor(x)), strict=True):
        np.testing.assert_array_equal(ours.numpy(), expected.numpy())


def test_a_transposed_convolution_to_a_size_that_was_asked_for():
    x = np.random.default_rng(0).standard_normal((2, 4, 5, 6)).astype("float32")
    theirs = torch.nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1)
    mine = tg.nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1)
    mine.load_state_dict(theirs.state_dict())
    for size in ([9, 12], [2, 3, 10, 11]):
        expected = theirs(torch.tensor(x), output_size=size).detach().numpy()
        np.testing.assert_allclose(mine(tg.tensor(x), size).detach().numpy(), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(tg.errors.ShapeError, match="possible"):
        mine(tg.tensor(x), [20, 20])
