"""In-place forms: every one gives PyTorch's numbers, and leaves them in the same memory."""

import numpy as np
import pytest

import tinygrad_core as tg
from tinygrad_core.errors import GradError

torch = pytest.importorskip("torch")

NO_ARGUMENT = """abs acosh asinh atan atanh ceil cos cosh erf exp exp2 expm1 floor log log10 log1p log2 logical_not nan_to_num
neg reciprocal relu round rsqrt sigmoid sign sin sinh sqrt square tan tanh tril triu trunc acos asin""".split()
ONE_ARGUMENT = """add atan2 div eq floor_divide ge gt le logical_and logical_or logical_xor lt mul ne pow remainder
sub""".split()
SHAPES = [("squeeze", ()), ("squeeze", (0,)), ("unsqueeze", (1,)), ("transpose", (0, -1)), ("swapdims", (0, 1)),
          ("swapaxes", (1, 2))]


def pair(array):
    return tg.from_numpy(array.copy()), torch.from_numpy(array.copy())


@pytest.mark.parametrize("name", NO_ARGUMENT)
def test_without_argument(name):
    ours, theirs = pair(np.random.default_rng(0).uniform(0.1, 0.9, (3, 4)).astype(np.float32))
    memory = ours.array
    result = getattr(ours, name + "_")()
    getattr(theirs, name + "_")()
    assert result is ours and ours.array is memory
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name", ONE_ARGUMENT)
@pytest.mark.parametrize("other", ["tensor", "number"])
def test_with_another_operand(name, other):
    rng = np.random.default_rng(1)
    ours, theirs = pair(rng.integers(1, 4, (3, 4)).astype(np.float32))
    a, b = pair(rng.integers(1, 4, (1, 4)).astype(np.float32))
    if other == "number":
        if name in ("atan2", "logical_and", "logical_or", "logical_xor"):
            pytest.skip("takes tensors only in PyTorch")
        a = b = 2
    getattr(ours, name + "_")(a)
    getattr(theirs, name + "_")(b)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name, args", SHAPES)
def test_the_shape_changes_and_the_memory_stays(name, args):
    ours, theirs = pair(np.arange(12, dtype=np.float32).reshape(1, 3, 4))
    memory = ours.array
    assert getattr(ours, name + "_")(*args) is ours
    getattr(theirs, name + "_")(*args)
    assert ours.shape == tuple(theirs.shape) and np.shares_memory(ours.array, memory)
    assert np.array_equal(ours.numpy(), theirs.numpy())


def test_t_and_its_gradient():
    x = tg.tensor([[1.0, 2.0, 3.0]], requires_grad=True)
    y = x * 2
    y.t_()
    assert y.shape == (3, 1)
    (y * tg.tensor([[1.0], [10.0], [100.0]])).sum().backward()
    assert x.grad.tolist() == [[2, 20, 200]]


def test_a_leaf_keeps_its_shape():
    with pytest.raises(GradError, match="squeeze_ would change a leaf"):
        tg.ones(1, 2, requires_grad=True).squeeze_()


def test_drawn_numbers():
    x = tg.zeros(2000)
    memory = x.array
    tg.manual_seed(0)
    assert abs(x.normal_(3.0, 0.5).mean().item() - 3) < 0.1 and abs(x.std().item() - 0.5) < 0.1
    assert x.uniform_(2, 4).min().item() >= 2 and x.max().item() <= 4
    assert set(np.unique(x.bernoulli_(0.25).numpy())) == {0.0, 1.0} and abs(x.mean().item() - 0.25) < 0.1
    assert x.bernoulli_(tg.ones(2000)).sum().item() == 2000 and x.array is memory


def test_versions_count_writes_into_tensors_with_dims_and_without():
    for t in (tg.tensor(1.0), tg.tensor([1.0])):
        assert t._version == 0
        t += 1
        t.mul_(2)
        assert t._version == 2


def test_a_copy_picked_out_has_a_history_of_its_own():
    x = tg.ones(3, 2, requires_grad=True)
    for pick in (lambda y: y[[0, 1]], lambda y: y.t().reshape(-1)):
        y = x * 2
        pick(y).mul_(3)
        assert tg.autograd.grad(y.sum(), [x])[0].tolist() == [[2, 2]] * 3
        y = x * 2
        picked = pick(y)
        y.mul_(3)
        assert tg.autograd.grad(picked.sum(), [x])[0].max().item() == 2
