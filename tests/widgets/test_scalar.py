"""ScalarGraph: what it takes, and that the browser computes what the engine computes."""

import json
import math
import re

import numpy as np
import pytest

import tinygrad_core as tg
from tests.widgets.reading import data_of
from tinygrad_core.recording import record, validate
from widgets import ScalarGraph


def nodes(graph: ScalarGraph) -> list[tuple[str, str | None, list[int]]]:
    events = data_of(graph.recording)["events"]
    return [(e["op"], e["name"], [i["node"] for i in e["inputs"]]) for e in events if e["type"] == "define"]


def test_a_function_is_written_down_as_a_recording():
    graph = ScalarGraph(lambda a, b: a * b + a, a=2.0, b=3.0)
    assert nodes(graph) == [("leaf", "a", []), ("leaf", "b", []), ("mul", None, [0, 1]), ("add", "y", [2, 0])]
    validate(data_of(graph.recording))
    assert nodes(ScalarGraph(lambda x, y: x * y, x=2.0, y=3.0))[-1][1] == "out"
    assert nodes(ScalarGraph(lambda x: x * 2, x=2.0, result="double"))[-1][1] == "double"


def test_operators_numpy_methods_and_the_engine_come_to_the_same():
    ways = [lambda x: (2 * x).tanh() - 1, lambda x: np.tanh(2 * x) - 1, lambda x: tg.tanh(2 * x) - 1]
    drawn = [sorted(op for op, _, _ in nodes(ScalarGraph(f, x=0.5))) for f in ways]
    assert drawn == [["constant", "constant", "leaf", "mul", "sub", "tanh"]] * 3
    with record("A neuron") as rec:
        x = tg.tensor(0.5, requires_grad=True)
        out = tg.tanh(x * 2) - 1
        out.backward()
    graph = ScalarGraph(rec)
    assert [op for op, _, _ in nodes(graph) if op != "constant"] == ["leaf", "mul", "tanh", "sub"]
    assert "A neuron" in repr(graph) and nodes(graph)[-1][1] == "out"


def test_leaves_may_be_numbers_tensors_or_hold_data():
    class Value:
        data = 1.5

    for leaf in (1.5, np.float32(1.5), tg.tensor(1.5), Value()):
        first = data_of(ScalarGraph(lambda v: v * v, v=leaf).recording)["events"][1]
        assert first["type"] == "execute" and first["value"]["data"] == 1.5


def branch(x):
    return x if x > 0 else -x


@pytest.mark.parametrize(("make", "error", "words"), [
    (lambda: ScalarGraph(branch, x=1.0), ValueError, "one way through the function"),
    (lambda: ScalarGraph(math.tanh, x=1.0), TypeError, "keyword"),
    (lambda: ScalarGraph(lambda x: math.tanh(x), x=1.0), ValueError, "x.tanh()"),
    (lambda: ScalarGraph(lambda x: x * 2 if x == 1 else x, x=1.0), ValueError, "one way through the function"),
    (lambda: ScalarGraph(lambda x: x // 2, x=1.0), TypeError, "a scalar graph knows add, sub"),
    (lambda: ScalarGraph(lambda x: x.arctan(), x=1.0), AttributeError, "no operation 'arctan'"),
    (lambda: ScalarGraph(lambda x, y: x * y, x=1.0), TypeError, "missing 1 required positional argument: 'y'"),
    (lambda: ScalarGraph(lambda x: 3.0, x=1.0), TypeError, "does not depend"),
    (lambda: ScalarGraph(lambda x: x), TypeError, "needs its numbers"),
    (lambda: ScalarGraph(lambda x: x * 2, x="2"), TypeError, "leaf 'x' must be one finite number"),
    (lambda: ScalarGraph(lambda x: x * 2, x=math.inf), TypeError, "finite"),
    (lambda: ScalarGraph(tg.tensor(1.0)), TypeError, "give the function"),
    (lambda: ScalarGraph(lambda x: x, x=1.0), ValueError, "no operation"),
    (lambda: ScalarGraph(lambda x: tg.erf(x), x=1.0), ValueError, "'erf' is none"),
    (lambda: ScalarGraph(3), TypeError, "shows a recording, not int"),
])
def test_what_it_cannot_show_it_refuses_in_words(make, error, words):
    with pytest.raises(error, match=re.escape(words)):
        make()


def test_tensors_of_many_numbers_are_sent_to_the_stepper():
    with record() as rec:
        v = tg.tensor([1.0, 2.0], requires_grad=True)
        (v * v).sum().backward()
    with pytest.raises(ValueError, match=re.escape("'v' has shape (2,): GraphStepper")):
        ScalarGraph(rec)


def everything(a, b):
    """Every operation that the browser knows, once."""
    first = tg.exp(a / b) * tg.sin(a) - tg.cos(b) ** 2 + b**a
    second = tg.log(b) + tg.sqrt(b) * tg.tanh(a) + tg.relu(-a) + tg.sigmoid(a * b) - tg.abs(a)
    return first * tg.maximum(a, b) + second * tg.minimum(a, b)


@pytest.mark.parametrize(("a", "b"), [(0.7, 1.3), (-1.2, 2.5), (3.0, 0.4)])
def test_the_browser_computes_what_the_engine_computes(open_page, a, b):
    """From other numbers, without a kernel: leaves are typed in the page, and every slope read from it."""
    page = open_page(ScalarGraph(everything, a=1.0, b=2.0))
    tensors = [tg.tensor(x, dtype=tg.float64, requires_grad=True) for x in (a, b)]
    for field, x in zip(page.locator(".tgs-leaves input").all(), (a, b), strict=True):
        field.fill(str(x))
        field.press("Enter")
    result = everything(*tensors)
    result.backward()
    for name, t in zip("ab", tensors, strict=True):
        label = page.locator(f"[role=slider][data-node][aria-label^='{name} ']").get_attribute("aria-label")
        value, slope = (float(n.replace("minus ", "-")) for n in re.findall(r"(?:value|gradient) ((?:minus )?[\d.]+)", label))
        assert value == t.item()
        assert slope == pytest.approx(t.grad.item(), rel=1e-3)
    said = page.locator("[role=status]").inner_text()
    assert f"y is {result.item():.4g}".replace("-", "−") in said


def test_a_leaf_is_dragged_and_python_would_hear_of_it(open_page):
    page = open_page(ScalarGraph(lambda x: x * x, x=3.0))
    leaf = page.locator("[role=slider][data-node='0']")
    assert leaf.get_attribute("aria-valuetext") == "3"
    box = leaf.bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 30, middle[1], steps=3)
    x = float(leaf.get_attribute("aria-valuetext"))
    assert x > 3.5
    assert page.locator("[data-node='0'] .tgs-tag").text_content() == f"{2 * x:.4g}"  # before the button is let go
    assert [t.text_content() for t in page.locator("[data-edge] .tgs-sent").all()] == [f"×{x:.3g}"] * 2
    page.mouse.up()
    page.get_by_role("button", name="Save all of it as one HTML page").wait_for()
    assert float(page.locator(".tgs-leaves input").input_value()) == pytest.approx(x)


def test_what_was_moved_is_in_the_saved_page(open_page):
    graph = ScalarGraph(lambda x: x * x, x=3.0)
    graph.values = {"x": 5.0}
    page = open_page(graph)
    assert "x = 5: y is 25. Move x by a little, and y moves 10 times as far." in page.locator("[role=status]").inner_text()
    assert json.loads(page.locator("#state").inner_text())["values"] == {"x": 5.0}
