"""Graphs that are defined and run later: sessions, gradients as nodes, assignments, errors that name the line."""

import numpy as np
import pytest

import tinygrad_core as tg
from tests.engine.samples import samples
from tinygrad_core import nn, optim
from tinygrad_core.errors import ShapeError
from tinygrad_core.static import (
    FeedError,
    Graph,
    NoValueError,
    Session,
    StaticError,
    Variable,
    assign,
    assign_add,
    assign_sub,
    compile,
    constant,
    control_dependencies,
    get_default_graph,
    gradients,
    group,
    infer,
    name_scope,
    placeholder,
    reset_default_graph,
)

BACKENDS = ["interpreter", "numpy", "c"]


@pytest.fixture
def graph():
    with Graph() as g:
        yield g


@pytest.fixture(params=BACKENDS)
def backend(request):
    return request.param


def test_nothing_runs_before_the_session_does(graph):
    x = placeholder((None, 3), name="x")
    y = tg.relu(x * 2 - 1).sum()
    assert len(graph) == 5 and repr(y) == "tensor('sum', shape=[], dtype=float32, no value yet)"
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert Session(graph).run(y, {x: values}) == np.maximum(values * 2 - 1, 0).sum()


def test_shapes_are_known_as_far_as_they_can_be(graph):
    x = placeholder((None, 4), name="x")
    assert str(x.shape[1]) == "4" and str((x @ tg.ones(4, 2)).shape) == "(x.0, 2)"
    flat = x.reshape(-1)
    assert not isinstance(flat.shape[0], int)
    again = x.reshape(x.shape[0] * 2, -1)
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert Session(graph).run([flat, again], {x: values})[1].shape == (6, 2)


def test_the_mean_over_an_unknown_size(graph, backend):
    x = placeholder((None,), name="x")
    mean, session = x.mean(), Session(graph, backend)
    for n in (1, 2, 5):
        values = np.linspace(0, 1, n, dtype=np.float32)
        assert session.run(mean, {x: values}) == pytest.approx(values.mean(), rel=1e-6)


def test_only_the_ancestors_run_and_each_once(graph):
    from tinygrad_core.recording import record
    with record() as rec:
        x = placeholder((2,), name="x")
        shared = tg.exp(x)
        wanted = shared * shared + shared
        tg.log(x)
        Session(graph).run(wanted, {x: np.ones(2, np.float32)})
    ran = [e["node"] for e in rec.events if e["type"] == "execute"]
    names = {e["node"]: e["op"] for e in rec.events if e["type"] == "define"}
    assert sorted(names[n] for n in ran) == ["add", "exp", "mul"]


def test_any_tensor_can_be_fed(graph):
    x = placeholder((2,), name="x")
    middle = tg.exp(x)
    out = middle * 3
    assert Session(graph).run(out, {middle: np.array([1, 2], np.float32)}).tolist() == [3, 6]


def test_fetches_keep_their_structure(graph):
    x = placeholder((), name="x")
    y = x * 2
    found = Session(graph).run({"a": y, "b": [x, (y,)], "n": "mul"}, {"x": 4})
    assert found == {"a": 8, "b": [4, (8,)], "n": 8}


def test_random_numbers_are_drawn_at_every_run_as_eager_mode_draws_them(graph):
    r = tg.rand(4)
    dropped = nn.functional.dropout(constant(np.ones(6, np.float32)), 0.5)
    session = Session(graph)
    tg.manual_seed(7)
    first, second = session.run(r), session.run(r)
    assert not np.array_equal(first, second)
    tg.manual_seed(7)
    with_numbers = Graph.__exit__(graph)
    assert with_numbers is None and np.array_equal(first, tg.rand(4).numpy())
    graph.__enter__()
    assert set(np.unique(session.run(dropped))) <= {0.0, 2.0}


def test_gradients_add_nodes_and_can_be_differentiated_again(graph, backend):
    x = placeholder((3,), name="x")
    before = len(graph)
    y = (x * x * x).sum()
    dx, = gradients(y, [x])
    ddx, = gradients(dx.sum(), [x])
    assert len(graph) > before + 3
    values = np.array([1.0, 2.0, -3.0], np.float32)
    found = Session(graph, backend).run([dx, ddx], {x: values})
    np.testing.assert_allclose(found[0], 3 * values ** 2, rtol=1e-6)
    np.testing.assert_allclose(found[1], 6 * values, rtol=1e-6)


def test_a_gradient_without_a_path_is_none(graph):
    x, y = placeholder((2,), name="x"), placeholder((2,), name="y")
    assert gradients(x.sum(), [y]) == [None]


def test_assignments_run_when_they_are_asked_for(graph, backend):
    v = Variable(1.0, name="v")
    more = assign_add(v, 1.0)
    session = Session(graph, backend)
    assert session.run(v) == 1 and session.run(v) == 1
    assert session.run(more) == 2 and session.run(v) == 2
    with control_dependencies([more]):
        after = v * 10
    assert session.run(after) == 30 and session.run(v) == 3


def test_variables_are_read_before_any_of_them_is_changed(graph, backend):
    a, b = Variable([1.0, 2.0], name="a"), Variable([3.0, 4.0], name="b")
    swap = group(assign(a, b), assign(b, a))
    session = Session(graph, backend)
    assert session.run(swap) is None
    assert session.run([a, b])[0].tolist() == [3, 4] and session.run(b).tolist() == [1, 2]


def test_a_fetched_variable_is_a_copy(graph, backend):
    v = Variable([1.0, 2.0], name="v")
    session = Session(graph, backend)
    kept = session.run(v)
    session.run(assign_sub(v, 1.0))
    assert kept.tolist() == [1, 2] and session.run(v).tolist() == [0, 1]


def test_names_and_scopes(graph):
    with name_scope("encoder"):
        a = constant(1.0, name="c")
        b = constant(2.0, name="c")
    assert a.array.name == "encoder/c" and b.array.name == "encoder/c_1"
    with pytest.raises(StaticError, match="cannot name"):
        constant(1.0, name="a b")


def test_a_name_is_plain_or_an_error_with_the_line(graph):
    for name in ("a b", "x;system()", "a\nb", "", "*/", "é", 'a"b'):
        told = r"(?s)cannot name an operation.*at test_static_graph.py, line"
        with pytest.raises(StaticError, match=told):
            placeholder((), name=name)
        with pytest.raises(StaticError, match=told), name_scope(name):
            pass


def test_a_tensor_may_be_called_anything():
    w = tg.tensor([2.0], requires_grad=True, name='*/ system("ε"); /*')
    x = tg.tensor([3.0], name="/the input (x)")
    compiled = tg.compile(lambda x: (x * w).detach(), backend="c")
    assert compiled(x).tolist() == [6]
    assert [o.name for o in compiled.graphs[0]][:2] == ["_the_input__x_", "_/_system_______/_"]


def test_the_default_graph():
    reset_default_graph()
    x = placeholder((), name="x")
    y = tg.exp(x) + 1
    assert len(get_default_graph()) == 3
    with Session() as session:
        assert session.run(y, {x: 0.0}) == 2
    reset_default_graph()
    assert len(get_default_graph()) == 0


def test_graphs_can_be_entered_in_tensorflows_words():
    outer, inner = Graph("outer"), Graph("inner")
    with outer.as_default():
        placeholder((), name="a")
        with inner.as_default():
            placeholder((), name="b")
        placeholder((), name="c")
    assert [o.name for o in outer] == ["a", "c"] and [o.name for o in inner] == ["b"]


def test_a_finalized_graph_takes_nothing_more(graph):
    x = placeholder((), name="x")
    y = x * 2
    graph.finalize()
    for define in (lambda: x + 1, lambda: placeholder((), name="z"), lambda: Variable(1.0), lambda: constant(1.0),
                   lambda: gradients(y, [x])):
        with pytest.raises(StaticError, match=r"finalized, and .* would add to it"):
            define()
    assert Session(graph).run(y, {x: 2.0}) == 4


class TestErrors:
    """Each names the node, and the line that defined it."""

    def test_a_missing_feed(self, graph):
        x = placeholder((None, 2), name="images")
        with pytest.raises(FeedError, match=r"placeholder 'images' \(float32 \[\?, 2\]\) is needed for 'sum'") as caught:
            Session(graph).run(x.sum())
        assert "test_static_graph.py" in str(caught.value) and 'placeholder((None, 2), name="images")' in str(caught.value)

    def test_a_feed_of_the_wrong_shape(self, graph):
        x = placeholder((None, 2), name="x")
        with pytest.raises(FeedError, match=r"'x' has shape \[\?, 2\] and was fed an array of shape \(3, 4\)"):
            Session(graph).run(x, {x: np.zeros((3, 4))})

    def test_a_feed_that_is_no_number(self, graph):
        x = placeholder((2,), name="x")
        with pytest.raises(FeedError, match="cannot be fed"):
            Session(graph).run(x, {x: ["a", "b"]})

    def test_a_tensor_of_another_graph(self, graph):
        x = placeholder((2,), name="x")
        with Graph("other"):
            y = placeholder((2,), name="y")
            with pytest.raises(StaticError, match="of another graph"):
                x + y

    def test_the_truth_of_a_symbolic_tensor(self, graph):
        x = placeholder((), name="x")
        with pytest.raises(NoValueError, match="'gt' was used as a truth value") as caught:
            if x > 0:
                pass
        assert "if x > 0" in str(caught.value) and "cond()" in str(caught.value)

    def test_its_number(self, graph):
        with pytest.raises(NoValueError, match="no value while the graph is being built"):
            float(placeholder((), name="x") * 2)

    def test_an_unknown_size_as_a_number(self, graph):
        x = placeholder((None,), name="x")
        with pytest.raises(NoValueError, match="not known before the graph runs"):
            range(x.shape[0])

    def test_shapes_that_do_not_fit_are_told_at_definition(self, graph):
        x = placeholder((None, 3), name="x")
        with pytest.raises(ShapeError, match="must equal"):
            x @ tg.ones(4, 2)

    def test_fetching_what_is_not_there(self, graph):
        with pytest.raises(StaticError, match=r"nothing is called 'loss' in graph 'graph'.*there are nothing yet"):
            Session(graph).run("loss")
        miss = placeholder((), name="x") * 2.0
        with pytest.raises(StaticError, match=r"not your variable's: there are x, mul. Or fetch the tensor itself"):
            Session(graph).run("miss")
        assert Session(graph).run(miss, {"x": 1.5}) == 3.0

    @pytest.mark.parametrize("ask", [lambda t: t.numpy(), lambda t: t.item(), lambda t: t.detach().numpy(), np.asarray])
    def test_a_graphs_tensor_has_no_numbers_whatever_else_is_wrong_with_it(self, graph, ask):
        weighted = placeholder((None, 3)) * tg.ones(3, requires_grad=True)
        with pytest.raises(NoValueError, match=r"Fetch it with session[.]run"):
            ask(weighted)

    def test_only_variables_can_be_assigned(self, graph):
        with pytest.raises(StaticError, match="only a variable"):
            assign(placeholder((), name="x"), 1.0)

    def test_in_place_writes(self, graph):
        x = placeholder((3,), name="x")
        y = x * 2
        y += 1
        y[1] = 0.0
        assert Session(graph).run(y, {x: [1.0, 2.0, 3.0]}).tolist() == [3, 0, 7]
        with pytest.raises(StaticError, match=r"'x' cannot be written in place .* assign\(variable, value\)"):
            x += 1
        with pytest.raises(StaticError, match=r"'v' cannot be written"):
            Variable([1.0], name="v").mul_(2)
        with pytest.raises(StaticError, match=r"tensor of shape .* cannot be written"):
            tg.ones(3).add_(1)

    def test_an_unknown_backend(self, graph):
        with pytest.raises(StaticError, match="no back end 'fortran'"):
            Session(graph, "fortran")


@pytest.mark.parametrize("make", [
    lambda p: optim.SGD(p, lr=0.1), lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    lambda p: optim.Adam(p, lr=0.01, weight_decay=0.1), lambda p: optim.AdamW(p, lr=0.01),
    lambda p: optim.RMSprop(p, lr=0.01, centered=True), lambda p: optim.NAdam(p, lr=0.01),
], ids=["sgd", "nesterov", "adam", "adamw", "rmsprop", "nadam"])
def test_minimize_trains_as_eager_mode_does(make, backend):
    rng = np.random.default_rng(0)
    images, labels = rng.standard_normal((8, 3)).astype(np.float32), rng.integers(0, 2, 8)
    static, eager = nn.Linear(3, 2), nn.Linear(3, 2)
    eager.load_state_dict(static.state_dict())
    with Graph() as graph:
        x, y = placeholder((None, 3), name="x"), placeholder((None,), tg.int64, name="y")
        loss = nn.functional.cross_entropy(static(x), y)
        train = make(static.parameters()).minimize(loss)
    session, other = Session(graph, backend), make(eager.parameters())
    for _ in range(5):
        found, _ = session.run([loss, train], {x: images, y: labels})
        wanted = nn.functional.cross_entropy(eager(tg.tensor(images)), tg.tensor(labels))
        other.minimize(wanted)
        assert found == pytest.approx(wanted.item(), rel=5e-5)
    np.testing.assert_allclose(static.weight.detach().numpy(), eager.weight.detach().numpy(), rtol=5e-5, atol=1e-6)


def test_the_listing_and_the_drawing(graph):
    x = placeholder((None, 3), name="x")
    tg.relu(x * x)
    text = str(graph)
    assert "mul: float32 [?, 3] = mul(x, x)" in text and "# test_static_graph.py" in text
    assert text.endswith("# ? in a shape is a size that each run decides")
    tg.mean(x)
    assert "mul(sum, 1.0 / (x.0 * 3))" in str(graph), "a number that is made of such a size says of which"
    with Graph() as known:
        tg.relu(placeholder((2,)))
    assert "?" not in str(known)
    assert graph.to_dot().count("n0 -> n1") == 2
    assert "text/plain" in graph._repr_mimebundle_()


def test_a_module_that_lacks_one_of_its_parameters_is_written_down():
    layer, words = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True), tg.randn(2, 4, 8)
    with Graph() as graph:
        x = placeholder((None, 4, 8), name="x")
        y = layer(x)
    assert np.allclose(Session(graph).run(y, {x: words}), layer(words).detach().numpy(), atol=1e-5)


class Outside:
    """The engine, whose constants are inputs of the graph."""

    def __init__(self, given=None):
        self.given, self.made = given, []

    def __getattr__(self, name):
        return getattr(tg, name)

    def tensor(self, values):
        if self.given is not None:
            return self.given.pop(0)
        self.made.append(tg.tensor(values))
        return self.made[-1]


SAMPLES = {s.name: s for s in samples() if not s.name.startswith("mask")}       # masks decide how many elements there are


@pytest.mark.parametrize("name", SAMPLES)
def test_every_operation_with_its_gradients_fits_in_one_graph(name):
    sample = SAMPLES[name]
    eager, outside = [tg.tensor(x.astype(np.float64), requires_grad=True) for x in sample.inputs], Outside()
    wanted = sample.run(outside, *eager)

    def run(*given):
        found = sample.run(Outside(list(given[len(eager):])), *given[:len(eager)])
        results = [t for t in (found if isinstance(found, tuple) else (found,)) if t.requires_grad]
        return found, tg.autograd.grad([t.sum() for t in results], given[:len(eager)], allow_unused=True) if results else ()

    traced = compile(run, backend="interpreter", fullgraph=True)
    found, _ = traced(*eager, *outside.made)
    for a, b in zip(*[x if isinstance(x, tuple) else (x,) for x in (found, wanted)], strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-12)


def test_a_mask_decides_how_many_elements_there_are():
    with Graph():
        x = placeholder((3,), name="x")
        with pytest.raises(NoValueError, match=r"'gt' was used as a mask, as in x\[mask\]; where\(mask, x, 0\)"):
            x[x > 0]
    total = compile(lambda x: tg.autograd.grad((x[x > 0] ** 2).sum(), x)[0])
    for values in ([1.0, -2.0, 3.0], [-1.0, -2.0, 3.0], [2.0, -2.0, 3.0]):
        assert total(tg.tensor(values, requires_grad=True)).tolist() == [max(2 * v, 0) for v in values]
    assert "breaks into pieces" in total.explain()


def test_an_attention_mask_and_norms_do_not_break_a_graph():
    def f(q, mask):
        out = nn.functional.scaled_dot_product_attention(q, q, q, mask)
        return nn.functional.normalize(out) + out.std(1, keepdim=True) + nn.functional.one_hot(q.argmax(-1), 4).any(-1, True)

    q, mask = tg.randn(5, 4), tg.ones(5, 5).tril(-1).bool()         # the first row sees nothing
    np.testing.assert_allclose(compile(f, fullgraph=True)(q, mask).numpy(), f(q, mask).numpy(), rtol=1e-5, atol=1e-6)


def test_array_code_is_told_to_use_operations(graph):
    x = placeholder((3,), name="x")
    for code in (lambda: np.tanh(x.array), lambda: x.array + 1, lambda: 1 - x.array, lambda: x.array.sum(),
                 lambda: tg.unique(x)):
        with pytest.raises(NoValueError, match=r"array code cannot compute with a value that does not exist yet \(x, fl"):
            code()
    assert np.shape(x.array) == (3,) and x.is_contiguous()


def test_bits_and_truth_values(backend):
    a, b = tg.tensor([1, 2, 3]), tg.tensor([True, False, True])
    for f in (lambda a, b: a & 2, lambda a, b: 6 | a, lambda a, b: a ^ a, lambda a, b: ~a, lambda a, b: ~b,
              lambda a, b: b | ~b):
        assert compile(f, backend=backend)(a, b).tolist() == f(a, b).tolist() == np.asarray(f(a.numpy(), b.numpy())).tolist()


@pytest.mark.parametrize("name", ["matmul", "linear", "conv2d"])
def test_shapes_are_found_without_multiplying(name):
    """Products take the time of a step; tracing one must not."""
    with Graph():
        x, w = placeholder((2, 3, 5, 5), name="x"), placeholder((4, 3, 3, 3), name="w")
        out = {"conv2d": lambda: nn.functional.conv2d(x, w), "matmul": lambda: x @ w[0, 0, :1].expand(5, 3),
               "linear": lambda: nn.functional.linear(x.reshape(30, 5), w.reshape(-1, 3)[:5].T)}[name]()
    made = [o for o in out.array.operation.graph.operations if o.op is not None and o.op.name.startswith(name[:4])][-1]
    ones = [np.ones(s.shape, np.float32) if s is not None else None for s in made.inputs]
    assert made.results[0].shape == np.shape(made.compute(np, tuple(ones))[0])
    assert not np.any(made.compute(infer._numpy, tuple(ones))[0])
