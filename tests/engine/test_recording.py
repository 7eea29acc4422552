"""Recordings: complete, in order, true to the schema, and free when nobody records."""
import json
import sys

import pytest

import tinygrad_core as tg
from tinygrad_core.recording import Recording, RecordingError, record, schema, validate, value_of

jsonschema = pytest.importorskip("jsonschema")


def check(recording: Recording) -> None:
    data = json.loads(recording.to_json())
    jsonschema.Draft202012Validator(schema()).validate(data)
    validate(data)


@pytest.fixture
def diamond() -> Recording:
    a, b = tg.tensor(3.0, requires_grad=True), tg.tensor(2.0, requires_grad=True)
    with record() as rec:
        c = a * b + a
        c.backward()
    return rec


def of(recording: Recording, kind: str) -> list[dict]:
    return [e for e in recording.events if e["type"] == kind]


def test_a_scalar_expression_is_told_event_by_event(diamond):
    check(diamond)
    names = [e["name"] or e["op"] for e in of(diamond, "define")]
    assert names == ["a", "b", "mul", "c"]
    values = [e["value"]["data"] for e in of(diamond, "execute")]
    assert values == [3.0, 2.0, 6.0, 9.0]
    assert of(diamond, "define")[2]["rules"] == {"x": "{g} · {y}", "y": "{g} · {x}"}
    assert [e["node"] for e in of(diamond, "backward")] == [3, 2]


def test_every_event_has_the_line_that_caused_it(diamond):
    lines = diamond.sources["s0"]["lines"]
    for event in diamond.events:
        text = lines[event["source"]["line"] - diamond.sources["s0"]["first"]]
        expected = "c = a * b + a" if event["type"] in ("define", "execute", "save") else "c.backward()"
        assert text.strip() == expected


def test_gradients_add_where_paths_meet(diamond):
    at_a = [e for e in of(diamond, "accumulate") if e["node"] == 0]
    assert [(e["added"]["data"], e["value"]["data"], e["count"], e["into"]) for e in at_a] == [
        (1.0, 1.0, 1, "node"), (2.0, 3.0, 2, "node"), (3.0, 3.0, 2, "grad")]


def test_two_edges_between_the_same_nodes_stay_two():
    a = tg.tensor(3.0, requires_grad=True)
    with record() as rec:
        (a * a).backward()
    inputs = of(rec, "define")[1]["inputs"]
    assert [i["node"] for i in inputs] == [0, 0] and inputs[0]["edge"] != inputs[1]["edge"]
    assert {s["edge"] for s in of(rec, "backward")[0]["sends"]} == {i["edge"] for i in inputs}


def test_a_second_backward_shows_what_was_in_grad_before():
    a = tg.tensor(3.0, requires_grad=True)
    (a * 2).backward()
    with record() as rec:
        (a * 5).backward()
    last = of(rec, "accumulate")[-1]
    assert (last["before"]["data"], last["added"]["data"], last["value"]["data"]) == (2.0, 5.0, 7.0)


def test_a_training_step_with_modules_and_optimiser():
    net = tg.nn.Sequential(tg.nn.Linear(4, 3), tg.nn.ReLU(), tg.nn.Linear(3, 2))
    optimizer = tg.optim.SGD(net.parameters(), lr=0.1)
    x, y = tg.randn(8, 4), tg.tensor([0, 1] * 4)
    before = [p.detach().clone().numpy() for p in net.parameters()]
    with record(title="one step") as rec:
        loss = tg.nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
    check(rec)
    assert {e["module"] for e in of(rec, "define")} == {"", "0", "1", "2"}
    parameters = [e for e in of(rec, "define") if e["kind"] == "parameter"]
    assert sorted(e["name"] for e in parameters) == ["bias", "bias", "weight", "weight"]
    updates = of(rec, "update")
    assert len(updates) == 4 and {e["optimizer"] for e in updates} == {"SGD"}
    for event, old in zip(updates, before, strict=True):
        assert event["before"]["data"] == old.tolist() and event["value"]["data"] != old.tolist()


def test_big_values_are_summed_up():
    value = value_of(tg.randn(100, 100).numpy())
    assert sum(value["histogram"]["counts"]) == 10_000 and value["shape"] == [100, 100] and "data" not in value
    assert len(value["corner"]) == 4 and len(value["corner"][0]) == 4


def test_not_a_number_and_infinity_survive_json():
    with record() as rec:
        tg.tensor([1.0, 0.0]) / tg.tensor([0.0, 0.0])
    check(rec)
    assert json.loads(rec.to_json())["events"][-1]["value"]["data"] == ["Infinity", "NaN"]


def test_a_recording_survives_its_file(diamond, tmp_path):
    diamond.save(tmp_path / "run.json")
    assert Recording.load(tmp_path / "run.json").to_dict() == diamond.to_dict()


@pytest.mark.parametrize("change, word", [
    (lambda d: d.update(format="x"), "format"), (lambda d: d.update(version=99), "update it"),
    (lambda d: d.update(events={}), "events"), (lambda d: d["events"][3].update(seq=9), "numbered"),
    (lambda d: d["events"][4].update(node=0), "defines node"), (lambda d: d["events"][5].update(node=77), "77")])
def test_what_is_not_a_recording_is_refused_in_words(diamond, change, word):
    data = json.loads(diamond.to_json())
    change(data)
    with pytest.raises(RecordingError, match=word):
        validate(data)


def test_recording_changes_no_numbers_and_ends_with_its_block():
    def run():
        a = tg.tensor([1.0, 2.0], requires_grad=True)
        (a.exp() * a).sum().backward()
        return a.grad.tolist()

    plain = run()
    with record() as rec:
        assert run() == plain
    n = len(rec)
    assert run() == plain and len(rec) == n


def test_recording_ends_when_the_block_raises():
    with pytest.raises(ValueError), record():
        int("no number")
    with record() as rec:
        tg.tensor(1.0) + 1
    assert len(rec)


def test_what_is_printed_is_told_with_the_tensor_it_shows(capsys):
    from tinygrad_core.static import Graph, placeholder

    shown = print
    with record() as rec:
        a = tg.tensor(2.0, requires_grad=True) * 3
        print("a is", a)
        print("no tensor", file=sys.stderr)
        with Graph():
            x = placeholder((2,), name="x")
            print(x, end="!")
    assert print is shown
    check(rec)
    first, second = of(rec, "print")
    by_name = {e["name"]: e["node"] for e in of(rec, "define")}
    assert (first["text"], first["node"]) == (f"a is {a}\n", by_name["a"])
    assert second["text"] == f"{x}!" and second["node"] == by_name["x"] and "no value yet" in second["text"]
    assert capsys.readouterr().out == first["text"] + second["text"]


def test_what_is_printed_can_be_kept_for_the_recording_alone(capsys):
    with record(echo=False) as rec:
        print("for later")
    assert of(rec, "print")[0]["text"] == "for later\n" and capsys.readouterr().out == ""


def test_a_run_begins_with_what_is_fed_and_asked_for_and_ends_with_the_values():
    from tinygrad_core.static import Graph, Session, placeholder

    w = tg.tensor(3.0, requires_grad=True)
    with record() as rec, Graph() as graph:
        x = placeholder((), name="x")
        y = x * w
        y + 1
        Session(graph).run([y, x], {x: 2.0})
    check(rec)
    node = {e["name"]: e["node"] for e in of(rec, "define")}
    run, = of(rec, "run")
    assert run["feeds"] == [node["x"]] and run["fetches"] == [node["mul"], node["x"]]
    after = rec.events[run["seq"] + 1:]
    assert [(e["type"], e["node"], e["value"]["data"]) for e in after] == [
        ("feed", node["x"], 2.0), ("execute", node["w"], 3.0), ("execute", node["mul"], 6.0),
        ("fetch", node["mul"], 6.0), ("fetch", node["x"], 2.0)]


def test_a_recording_says_which_values_share_memory_and_which_were_written_over():
    with record() as rec:
        x = tg.tensor([1.0, 2.0], requires_grad=True)
        y = x.exp()
        part = y[:1]
        z = y * 2
        y.add_(1)
        s = tg.tensor(3.0, requires_grad=True) * 2   # a scalar's array is another object after the write
        s.add_(1)
    by_name = {}
    for e in rec.events:
        if e["type"] == "define":
            by_name.setdefault(e["name"], []).append(e)
    first, second = by_name["y"]
    assert second["in_place"] and "in_place" not in first
    assert first["memory"] == second["memory"] == by_name["part"][0]["memory"]
    assert len({e[0]["memory"] for e in (by_name["x"], by_name["y"], by_name["z"], by_name["s"])}) == 4
    assert [e["memory"] for e in by_name["s"]] == [by_name["s"][0]["memory"]] * 2
    assert part is not None and z is not None


def test_an_error_is_told_with_its_node_whether_caught_or_not():
    with record() as rec:
        x = tg.tensor([3.0, 1.0], requires_grad=True)
        y = tg.exp(x)
        y += 1
        with pytest.raises(tg.errors.GradError):
            y.sum().backward()
    check(rec)
    told = of(rec, "error")
    exp = next(e["node"] for e in of(rec, "define") if e["op"] == "exp")
    assert [(e["error"], e["node"]) for e in told] == [("GradError", exp)] and "changed in place" in told[0]["text"]

    with pytest.raises(tg.errors.ShapeError), record() as rec:
        tg.ones(2) + tg.ones(3)
    assert [e["error"] for e in of(rec, "error")] == ["ShapeError"]     # once, though it passed two places
    with pytest.raises(ZeroDivisionError), record() as rec:
        1 / 0  # noqa: B018
    check(rec)
    assert of(rec, "error")[0]["error"] == "ZeroDivisionError"


def test_what_cuts_a_gradient_off_is_told():
    with record() as rec:
        w = tg.tensor(2.0, requires_grad=True)
        with tg.no_grad():
            w * 3.0
        w.gt(1.0)
        w.detach() * 3.0
    check(rec)
    assert [e["op"] for e in of(rec, "define") if e.get("no_grad")] == ["mul"]
    alias = [e for e in of(rec, "define") if e["memory"] == 0]
    assert [(e["kind"], e["requires_grad"]) for e in alias] == [("leaf", True), ("constant", False)]


def test_a_gradient_that_is_retained_is_told():
    with record() as rec:
        x = tg.tensor(3.0, requires_grad=True)
        y = x * 2.0
        y.retain_grad()
        (y * y).backward()
    check(rec)
    node = next(e["node"] for e in of(rec, "define") if e["name"] == "y")
    assert [(e["node"], e["value"]["data"]) for e in of(rec, "accumulate") if e["into"] == "grad"] == [
        (node, y.grad.item()), (0, 24.0)]


def test_every_type_of_event_is_in_the_schema():
    """A compiled function with a guard that fails, a graph that is fed, a pass: what they tell is described there."""
    from tinygrad_core.static import Graph, Session, placeholder
    from tinygrad_core.static.passes import optimised
    from tinygrad_core.static.program import specialise

    twice = tg.compile(lambda x: x + x, backend="interpreter")
    with record() as rec:
        twice(tg.ones(2))
        twice(tg.ones(2, dtype="float64"))
        with Graph() as graph:
            x = placeholder((), name="x")
            y = x * 1.0
        Session(graph).run(y, {x: 1.0})
        optimised(specialise([y.array], {x.array: ()}))
    check(rec)
    assert {"trace", "guard", "feed", "rewrite"} <= {e["type"] for e in rec.events}


@pytest.mark.parametrize("backend", ["interpreter", "numpy", "c"])
def test_a_compiled_step_tells_its_passes_its_plan_and_what_is_alive(backend):
    """Definition, tracing, passes, planning, execution, freeing: each where it happens, and how many bytes were alive."""
    weight = tg.randn(64, 64, requires_grad=True)

    def step(x):
        h = tg.tanh(x @ weight) * 1.0
        return tg.autograd.grad((h.t() * h.t()).sum() + h.sum() * 0, [weight])[0]

    compiled, x = tg.compile(step, backend=backend, memory_budget=0.5), tg.randn(32, 64)
    with record() as rec:
        compiled(x)
        compiled(x)
    check(rec)
    kinds = [e["type"] for e in rec.events]
    first, second = (k for k, kind in enumerate(kinds) if kind == "run")
    assert kinds.index("trace") < kinds.index("rewrite") < first
    assert "rewrite" not in kinds[first:] and "define" not in kinds[first:second]       # planned once, defined before
    rewrites = of(rec, "rewrite")
    assert "simplify" in {e["name"] for e in rewrites} and all(e["source"] and e["why"] for e in rewrites)
    alive = {e["node"]: e["alive"] for e in rec.events[first:second] if e["type"] == "execute" and "alive" in e}
    views = [e["node"] for e in of(rec, "define") if e["op"] == "permute"]
    assert max(alive.values()) >= 32 * 64 * 4 * 2 and views
    for event in of(rec, "free"):
        assert event["alive"] <= max(alive.values())
    for node in views:              # a view takes no memory of its own
        before = [e["alive"] for e in rec.events[first:] if "alive" in e]
        at = [e["node"] for e in rec.events[first:] if "alive" in e].index(node)
        assert at == 0 or before[at] == before[at - 1]
    plan = of(rec, "run")[0].get("plan")
    if backend == "interpreter":
        assert plan is None
    else:
        assert plan["most"] <= plan["bytes"] <= plan["alone"] and plan == of(rec, "run")[1]["plan"]
        assert max(s["alive"] for s in plan["steps"]) <= plan["most"] and all(s["about"] for s in plan["steps"])
    compiled(x)
    if backend == "c" and plan["backend"] == "c":
        assert f"memory: {plan['bytes']:,} bytes in one block; {plan['most']:,} are alive at once" in compiled.explain()


def test_recordings_of_version_1_are_read(diamond):
    data = json.loads(diamond.to_json()) | {"version": 1}
    jsonschema.Draft202012Validator(schema()).validate(data)
    assert Recording.from_dict(data).events == diamond.to_dict()["events"]
