"""A graph in a file: the same bits without the Python that built it, and nothing in it that runs."""

import json

import numpy as np
import pytest

import tinygrad_core as tg
from tinygrad_core import nn, optim
from tinygrad_core.serialization import FileError
from tinygrad_core.static import (
    Graph,
    Session,
    StaticError,
    Variable,
    cond,
    gradients,
    load_graph,
    placeholder,
    save_graph,
    while_loop,
)


@pytest.fixture
def trained(tmp_path):
    net = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 3))
    with Graph() as graph:
        x, y = placeholder((None, 4), name="x"), placeholder((None,), tg.int64, name="y")
        logits = net(x)
        loss = nn.functional.cross_entropy(logits, y)
        train = optim.Adam(net.parameters()).minimize(loss)
    rng = np.random.default_rng(0)
    feed = {"x": rng.standard_normal((6, 4)).astype(np.float32), "y": rng.integers(0, 3, 6)}
    session = Session(graph)
    session.run(train, feed)
    return graph, logits, loss, train, feed, tmp_path / "net.safetensors"


@pytest.mark.parametrize("backend", ["interpreter", "c"])
def test_the_same_bits(trained, backend):
    graph, logits, loss, _, feed, path = trained
    save_graph(path, [logits, loss])
    names = [logits.array.name, loss.array.name]
    wanted = Session(graph, backend).run([logits, loss], feed)
    found = Session(load_graph(path), backend).run(names, feed)
    assert np.array_equal(found[0], wanted[0]) and found[1] == wanted[1]


def test_gradients_and_control_flow_survive(tmp_path):
    with Graph() as graph:
        x, a = placeholder((), name="x"), Variable(2.0, name="a")
        y = cond(x > 0, lambda: x * a, lambda: a - x)
        _, p = while_loop(lambda i, p: i < x, lambda i, p: (i + 1, p * y), [tg.tensor(0.0), tg.tensor(1.0)])
        dx, = gradients(p + nn.functional.gelu(x, approximate="tanh"), [x])
    save_graph(tmp_path / "g", [p, dx])
    loaded = Session(load_graph(tmp_path / "g"))
    for value in (2.0, -1.0):
        assert loaded.run([p.array.name, dx.array.name], {"x": value}) == Session(graph).run([p, dx], {x: value})


def test_unknown_sizes_survive(tmp_path):
    with Graph():
        x = placeholder((None, 3), name="x")
        out = x.reshape(x.shape[0] * 3, -1).mean(0)
    save_graph(tmp_path / "g", [out])
    session = Session(load_graph(tmp_path / "g"))
    for n in (1, 4):
        assert session.run(out.array.name, {"x": np.full((n, 3), 2.0, np.float32)}).tolist() == [2]


@pytest.mark.parametrize("outputs", [lambda y: y, lambda y: [], lambda y: "y", lambda y: [tg.ones(2)]])
def test_what_cannot_be_saved_is_said_with_an_example(tmp_path, outputs):
    with Graph():
        y = placeholder((2,), name="x") * 2
    with pytest.raises(StaticError, match=r"a list of symbolic tensors.*save_graph\('model.tg', \[y\]\)"):
        save_graph(tmp_path / "g", outputs(y))


def test_what_trains_is_not_saved(trained):
    *_, path = trained
    net = nn.Linear(1, 1)
    with Graph():
        x = placeholder((1, 1), name="x")
        train = optim.RMSprop(net.parameters()).minimize(net(x).sum())
    with pytest.raises(StaticError, match="belongs to an optimiser"):
        save_graph(path, [train.members[0]])
    assert not path.exists()


def test_a_file_that_is_no_graph(tmp_path):
    tg.save({"w": tg.ones(2)}, tmp_path / "weights")
    with pytest.raises(FileError, match="holds no graph"):
        load_graph(tmp_path / "weights")


@pytest.mark.parametrize("change", [
    lambda text: text.replace('"relu"', '"system"'), lambda text: text.replace('"linear"', '"__import__"'),
    lambda text: text.replace('"placeholder"', '"python"'), lambda text: text.replace('["symbol"', '["eval"'),
])
def test_a_damaged_or_hostile_file_is_an_error_in_words(trained, change):
    _, logits, _, _, _, path = trained
    save_graph(path, [logits])
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:8 + size])
    tree = change(header["__metadata__"]["tree"])
    assert tree != header["__metadata__"]["tree"]
    header["__metadata__"]["tree"] = tree
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    path.write_bytes(len(encoded).to_bytes(8, "little") + encoded + raw[8 + size:])
    with pytest.raises(FileError, match="damaged"):
        load_graph(path)
