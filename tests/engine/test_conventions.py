"""The edges where engines differ: ties, infinities, whole numbers, nothing at all, and every way to say an argument.

Each line is one program, run by this engine and by PyTorch; values, dtypes and first gradients must agree.
"""
from __future__ import annotations

import numpy as np
import pytest

import tinygrad_core as tg
from tinygrad_core.errors import DTypeError, EngineError, ShapeError, ZeroDivision

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

PROGRAMS = """
    T.sqrt(T.relu(-k - 1))   T.sqrt(T.clamp(-k - 1, min=0))   T.sqrt(F.relu6(-k - 1))   T.log(T.relu(a))
    T.sqrt(T.maximum(-k - 1, T.zeros_like(k)))   T.maximum(b, T.tensor([float("nan"), float("inf"), 0.0]))
    T.atan2(k, T.zeros_like(k))   T.clamp(k, T.tensor(1.0), T.tensor(3.0))   T.clamp(a, b, b + 1)
    T.clamp(I, -1.5, 2.5)
    T.median(k)   T.median(T.tensor([1.0, float("nan"), 2.0]))   T.median(T.zeros(0))   T.linalg.vector_norm(kk, 0.5)
    T.norm(kk, -1)   T.norm(kk, 0.5, 1)   T.linalg.norm(a, 1)   T.linalg.norm(a, float("inf"))
    T.linalg.norm(c, -1, dim=(0, 2))
    T.tensor([16777217, 2**53 + 1]) // 1   T.div(I, -3, rounding_mode="trunc")   T.div(I, 2, rounding_mode="floor")
    T.div(T.tensor([1.0]), 0.1, rounding_mode="floor")   T.tensor([float("inf"), -1.0]) // T.tensor([2.0, float("inf")])
    T.tensor([1, 200], dtype=T.uint8) + -1   T.tensor([1, 5], dtype=T.int8) * 300   2.0 ** I   T.add(I, 2.5, alpha=2)
    T.sign(m)   T.square(m)   T.triu(m)   T.nan_to_num(T.tensor([float("nan"), float("inf"), -float("inf")]))
    T.amax(z, 0)   T.argmax(z, 0)   T.max(z, dim=0)   T.logsumexp(z, 0)   T.logsumexp(z, 1)   T.logsumexp(I, 0)
    T.prod(z)
    T.std(a, 0, False)   T.std(a, False)   a.var(1, True, True)   T.std_mean(a, unbiased=False)
    T.var_mean(a, 1, correction=0)
    T.max(a, other=b)   T.prod(s, 0, True)   T.argsort(s)   T.topk(s, 1)   T.norm(b, dtype=T.float64)
    T.unique(T.tensor([[3, 1], [3, 1], [0, 5]]), dim=0, return_inverse=True, return_counts=True)
    T.searchsorted(T.tensor([1, 3, 5]), T.tensor([1, 3]), side="right", out_int32=True)
    T.searchsorted(T.tensor([5, 1, 3]), T.tensor([1, 3]), sorter=T.tensor([1, 2, 0]))
    T.arange(end=3)   T.arange(T.tensor(4))   T.ones(size=(2, 3))   T.normal(T.ones(3), 0.0)   T.cat([T.tensor([]), b])
    T.flip(a, dims=[1])   c.permute(dims=(2, 0, 1))   a.repeat(repeats=(2, 2))   T.tile(a, dims=(2, 2))
    T.reshape(a, shape=(6,))
    T.ones(2, dtype=float)   T.zeros(2, dtype=int)   a.to(bool)
    b.broadcast_to(2, 3)   a.expand(size=(2, 2, 3))   T.gather(s, 0, T.tensor([0]))   T.index_select(a, 0, T.tensor(1))
    T.scatter(a, 1, T.tensor([[0], [2]]), value=5.0)   T.scatter(s, 0, T.tensor(0), 2.0)
    T.scatter_add(s, 0, T.tensor(0), s)
    T.take_along_dim(a, T.tensor([[-1]]), 1)   T.addmm(T.tensor([float("nan")] * 3), a, q, beta=0)   T.dot(b, tensor=b)
    T.einsum(a, [0, 1], q, [1, 2], [0, 2])   a.where(m, b)   +a   T.split(T.zeros(0, 2), 0)
    c[0, :, T.tensor([1, 2])]   c[T.tensor([0, 1]), :, 1]   c[1, None, [0, 1]]   c[:, T.tensor(0), T.tensor([0, 1])]   a[[]]
    c[0, ..., m[0], 1]   c[T.tensor([0, 1]), None, 1]
    F.softmax(s, 0)   F.log_softmax(s, -1)   F.prelu(s, b[:1])   F.hardtanh(I)   F.linear(a, b)
    F.huber_loss(a, b.expand(2, 3), "sum")
    F.mse_loss(a, b.expand(2, 3), weight=a * a)   F.l1_loss(a, b.expand(2, 3), weight=a * a)
    F.huber_loss(a, b.expand(2, 3), weight=a * a)   F.kl_div(a, b.expand(2, 3))   F.kl_div(z, z, reduction="batchmean")
    F.scaled_dot_product_attention(c, c[:, :0], c[:, :0])
""".split("\n")
WRITES = [
    "x = q.clone(); x.diagonal().add_(b)", "x = q.clone(); x.T.diagonal(1).mul_(2)",
    "x = c.clone(); x[0, :, [1, 2]] = b[0]",
    "x = c.clone(); x[1, None, T.tensor([0, 2])] *= 3", "x = a.clone(); x[0, 1] = b[:1]", "x = s.clone(); x[...] = 2.0",
    "x = s.clone(); x[()] += 1", "x = b.clone(); y = x[1]; x.mul_(3); x = x + y",
    "x = T.zeros(3, 3); x.diagonal().fill_(1.0)",
    "x = m.clone(); x &= m[0]", "x = T.zeros(2); x[0] = T.ones(1)",
    "x = a.clone(); x.scatter_(1, T.tensor([[0], [2]]), value=7.0)"]


def _inputs(T):
    rng = np.random.default_rng(1)

    def drawn(*shape):
        return T.tensor(rng.uniform(-1.5, 1.5, shape).astype("float32"), requires_grad=True)

    names = {"T": T, "F": T.nn.functional, "np": np, "a": drawn(2, 3), "b": drawn(3), "c": drawn(2, 3, 4), "q": drawn(3, 3),
             "s": drawn(), "z": drawn(2, 0), "k": T.tensor([1.0, 1.0, 3.0, 3.0, 0.0, 0.0], requires_grad=True),
             "kk": T.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]], requires_grad=True)}
    leaves = list(names.values())[3:]
    names |= {"m": T.tensor([[True, False, True], [False, True, True]]),
              "I": T.tensor(np.arange(12).reshape(3, 4) - 5)}
    return names, leaves


def _outcome(T, program):
    names, leaves = _inputs(T)
    if program.startswith("x ="):
        exec(program, names)
        out = names["x"]
    else:
        out = eval(program, names)
    results = list(out) if isinstance(out, tuple) else [out]
    found = [np.asarray(r.detach().numpy()) for r in results]
    wanted = [(r * r).sum() for r in results if r.requires_grad]
    if wanted:
        grads = T.autograd.grad(wanted, leaves, allow_unused=True)
        found += [np.zeros(tuple(x.shape), "float32") if g is None else np.asarray(g.numpy())
                  for x, g in zip(leaves, grads, strict=True)]
    return found


@pytest.mark.parametrize("program", [p.strip() for line in PROGRAMS for p in line.split("   ") if p.strip()] + WRITES)
def test_the_same_as_pytorch(program):
    mine, theirs = _outcome(tg, program), _outcome(torch, program)
    assert len(mine) == len(theirs)
    for ours, expected in zip(mine, theirs, strict=True):
        assert (ours.shape, ours.dtype) == (expected.shape, expected.dtype)
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("program", "kind", "words"), [
    ("T.tensor([1, 2]) // 0", ZeroDivision, "cannot be divided by 0"),
    ("I % 0", ZeroDivision, "cannot be divided by 0"),
    ("2 ** I", DTypeError, "use a float tensor"), ("T.gather(a, 1, T.tensor([[-1]]))", ShapeError, "index -1"),
    ("T.index_select(a, 0, T.tensor([2]))", ShapeError, "from 0 to 1"),
    ("T.masked_fill(I, I > 0, float('inf'))", DTypeError, "fit"),
    ("T.masked_select(a, m.long())", DTypeError, "bool"), ("T.where(m, a)", DTypeError, "one of the two"),
    ("T.arange(5, 0)", ShapeError, "never arrives"), ("T.bernoulli(T.tensor([1.5]))", DTypeError, "between 0 and 1"),
    ("a.reshape(3, -2)", ShapeError, "-1"), ("T.topk(a, 4)", ShapeError, "4"), ("T.cat(a)", DTypeError, "list"),
    ("F.cross_entropy(a, T.tensor([0, 1]), b[:2])", ShapeError, "each class"), ("F.prelu(c, b[:2])", ShapeError, "channel"),
    ("F.embedding(T.tensor([0]), a, padding_idx=2)", ShapeError, "no row"),
    ("T.meshgrid(a, b)", ShapeError, "vectors"), ("T.amax(z)", ShapeError, "no elements")])
def test_what_has_no_answer_is_refused_in_words(program, kind, words):
    with pytest.raises(kind, match=words) as caught:
        eval(program, _inputs(tg)[0])
    assert isinstance(caught.value, EngineError)


@pytest.mark.parametrize("other", [[1.0, 2.0], 2.0])
def test_gradients_come_back_in_half_precision(other):
    def run(T):
        x = T.tensor(np.array([1.5, 2.0], "float16"), requires_grad=True)
        y = T.tensor(other, requires_grad=True)
        out = x * y
        out.sum().backward()
        return [str(t.dtype).removeprefix("torch.") for t in (out, x.grad, y.grad)]

    assert run(tg) == run(torch)


def test_memory_goes_to_another_library_and_comes_back():
    x = tg.arange(3.0)
    array = np.from_dlpack(x)
    array[0] = 7
    assert x.tolist() == [7.0, 1.0, 2.0]
    assert tg.from_dlpack(x).tolist() == torch.from_dlpack(x).tolist() == [7.0, 1.0, 2.0]
