"""Several threads at once: switches of their own, one backward pass and one trace at a time."""

import sys
import threading
import warnings

import numpy as np
import pytest

import tinygrad_core as tg
from tinygrad_core import nn, optim
from tinygrad_core.autograd import checkpoint
from tinygrad_core.errors import here, stand
from tinygrad_core.recording import record
from tinygrad_core.static import compile
from tinygrad_core.tensor import mode

THREADS = 6


@pytest.fixture(autouse=True)
def often():
    """Let Python switch between threads as often as it can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def at_once(*jobs):
    """What the jobs return, each run in a thread of its own, all begun together; the first error is raised here."""
    gate, results, errors = threading.Barrier(len(jobs)), [None] * len(jobs), []

    def run(k):
        try:
            gate.wait()
            results[k] = jobs[k]()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(len(jobs))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if errors:
        raise errors[0]
    return results


def trained(seed, compiled):
    """The loss after some steps of training, with looks at the result in between that leave no graph."""
    r = np.random.default_rng(seed)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    for p in net.parameters():
        p.data = tg.from_numpy(r.standard_normal(p.shape).astype(np.float32))
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    x = tg.from_numpy(r.standard_normal((5, 3)).astype(np.float32))

    def step(x):
        optimizer.zero_grad()
        loss = (net(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    if compiled:
        step = compile(step)
    for _ in range(10):
        loss = step(x)
        with tg.no_grad():
            assert not net(x).requires_grad
        assert net(x).requires_grad
    return loss.item()


@pytest.mark.parametrize("kinds", [[False] * THREADS, [True] * THREADS, [False, True] * (THREADS // 2)],
                         ids=["eager", "compiled", "both"])
def test_each_thread_trains_a_model_of_its_own(kinds):
    found = at_once(*[lambda k=k, kind=kind: trained(k, kind) for k, kind in enumerate(kinds)])
    np.testing.assert_allclose(found, [trained(k, False) for k in range(THREADS)], rtol=1e-4)
    assert mode.plain


def test_threads_that_share_weights_add_up_their_gradients():
    w = tg.ones(3, requires_grad=True)

    def passes():
        for _ in range(50):
            (w * w).sum().backward()

    at_once(*[passes] * THREADS)
    assert w.grad.tolist() == [2 * 50 * THREADS] * 3


def test_first_calls_of_one_function_are_one_trace():
    w = tg.ones(4)
    f = compile(lambda x: (x * w).sum() + x.mean())
    found = at_once(*[lambda k=k: f(tg.full((4,), float(k))).item() for k in range(THREADS)])
    assert found == [5.0 * k for k in range(THREADS)]
    assert len(f.graphs) == 1, f.explain()


def test_first_calls_of_several_functions():
    w = tg.ones(4)
    functions = [compile(lambda x, k=k: (x * w * k).sum() + x.mean(), backend="numpy") for k in range(THREADS)]
    found = at_once(*[lambda f=f: f(tg.ones(4)).item() for f in functions])
    assert found == [4.0 * k + 1 for k in range(THREADS)]


def test_one_plan_for_all_threads():
    total = tg.zeros(1000)

    def add(x):
        total.add_(x)
        return x * 2

    f = compile(add, backend="c")
    x = [tg.full((1000,), float(k)) for k in range(THREADS)]
    f(x[0])

    def often_called(k):
        return all([(f(x[k]).numpy() == 2 * k).all() for _ in range(50)])

    assert all(at_once(*[lambda k=k: often_called(k) for k in range(THREADS)]))
    assert (total.numpy() == 50 * sum(range(THREADS))).all()


def test_results_that_are_differentiated_outside():
    w = tg.ones(3, requires_grad=True)
    f = compile(lambda x: (x * w).exp().sum())

    def slope(k):
        x = tg.full((3,), float(k), requires_grad=True)
        f(x).backward()
        return x.grad[0].item()

    np.testing.assert_allclose(at_once(*[lambda k=k: slope(k) for k in range(THREADS)]), np.exp(range(THREADS)), rtol=1e-6)


def test_other_threads_are_no_part_of_a_trace_or_a_recording(capsys):
    entered, done = threading.Event(), threading.Event()

    def beside():
        entered.wait(30)
        result = tg.ones(3) + 1
        print("beside")
        done.set()
        return result.tolist()

    def function(x):
        entered.set()
        assert done.wait(30)
        return x * 2

    f = compile(function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")         # the events are written, which is an effect
        assert at_once(beside, lambda: f(tg.ones(2)).tolist()) == [[2, 2, 2], [2, 2]]
    assert [o.op.name for o in f.graphs[0].operations if o.op is not None] == ["mul"]
    assert not any("print" in words for words in f.effects)
    with record() as recording:
        at_once(lambda: tg.ones(3) + 1)
        tg.ones(3) * 2
    assert [e["op"] for e in recording.events if e["type"] == "define" and e["kind"] == "operation"] == ["mul"]


def test_a_decorated_function_in_several_threads():
    w = tg.ones(2, requires_grad=True)

    @tg.no_grad()
    def plain():
        return (w * 2).requires_grad

    @tg.set_grad_enabled(False)
    def too():
        return (w * 2).requires_grad or plain()

    assert tg.is_grad_enabled()

    def called(wanted):
        with tg.set_grad_enabled(wanted):
            return any(plain() or too() or tg.is_grad_enabled() is not wanted for _ in range(100))

    assert not any(at_once(*[lambda k=k: called(bool(k % 2)) for k in range(THREADS)]))


def test_a_pass_that_builds_and_a_trace_that_walks():
    traced, swept = threading.Event(), threading.Event()
    inner, w = compile(lambda x: x * x), tg.ones(2, requires_grad=True)
    inner(tg.ones(2, requires_grad=True))

    def seen(g):
        swept.set()
        traced.wait(0.2)                        # where one thread at a time does either, the other one cannot come

    def going_back():
        x = tg.ones(2, requires_grad=True)
        y = checkpoint(inner, x) * 1
        y.register_hook(seen)
        y.sum().backward()
        return x.grad.tolist()

    def step(x):
        traced.set()
        swept.wait(0.2)
        (w * x).sum().backward()

    threads = [threading.Thread(target=job, daemon=True) for job in (going_back, lambda: compile(step)(tg.ones(2)))]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert not any(t.is_alive() for t in threads) and w.grad.tolist() == [1, 1]


def test_where_code_stands_is_a_threads_own():
    before, after = threading.Event(), threading.Event()

    def other():
        place = stand(here())
        before.set()
        after.wait(60)
        stand(place)

    thread = threading.Thread(target=other)
    thread.start()
    before.wait(60)
    place = stand(here())
    after.set()
    thread.join()
    stand(place)
    assert place is None and stand(None) is None


def test_a_thread_that_ends_as_it_is_takes_its_switches_with_it():
    at_once(lambda: tg.set_grad_enabled(False))
    assert mode.plain and tg.is_grad_enabled()
    with tg.no_grad():
        assert at_once(tg.is_grad_enabled) == [True]
    assert mode.plain
