"""One operation at a time: the number it makes, and the edges it remembers."""

from math import cosh, isclose, tanh


def cases(rng):
    """Each operation on small numbers, then on random ones, then with both inputs the same."""
    yield {"op": "+", "a": 2.0, "b": 3.0}
    yield {"op": "*", "a": 2.0, "b": 3.0}
    yield {"op": "tanh", "a": 1.0}
    for _ in range(6):
        for op in ("+", "*"):
            yield {"op": op, "a": rng.randint(-9, 9) / 2, "b": rng.randint(-9, 9) / 2}
        yield {"op": "tanh", "a": rng.randint(-30, 30) / 10}
    yield {"op": "tanh", "a": 0.0}
    yield {"op": "*", "a": 3.0, "b": "a"}
    yield {"op": "+", "a": 3.0, "b": "a"}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    a = answer(case["a"])
    inputs = [a]
    if case["op"] == "tanh":
        out = a.tanh()
    else:
        b = a if case["b"] == "a" else answer(case["b"])
        inputs.append(b)
        out = a + b if case["op"] == "+" else a * b
    if not isinstance(out, answer):
        return {"kind": type(out).__name__, "data": out if isinstance(out, (int, float)) else None}
    edges = []
    for pair in out.edges:
        source, slope = pair
        where = [name for name, v in zip("ab", inputs, strict=False) if v is source]
        stranger = "another Value" if isinstance(source, answer) else source
        edges.append([where[0] if where else stranger, slope])
    return {"kind": "Value", "data": out.data, "edges": sorted(edges, key=str)}


def truth(case):
    """The same, from the formulas of calculus."""
    a = case["a"]
    if case["op"] == "tanh":
        return {"kind": "Value", "data": tanh(a), "edges": [["a", 1 / cosh(a) ** 2]]}
    b, name = (a, "a") if case["b"] == "a" else (case["b"], "b")
    if case["op"] == "+":
        return {"kind": "Value", "data": a + b, "edges": [["a", 1.0], [name, 1.0]]}
    return {"kind": "Value", "data": a * b, "edges": [["a", b], [name, a]]}


def same(case, expected, got):
    """Equal numbers, and the same edges in any order."""
    if not isinstance(got, dict) or got["kind"] != "Value" or not close(got["data"], expected["data"]):
        return False
    ours, theirs = sorted(expected["edges"], key=str), list(got["edges"])
    for name, slope in ours:
        match = next((e for e in theirs if e[0] == name and close(e[1], slope)), None)
        if match is None:
            return False
        theirs.remove(match)
    return not theirs


def close(x, y):
    """Numbers that agree but for rounding."""
    return isinstance(x, (int, float)) and isclose(x, y, rel_tol=1e-9, abs_tol=1e-12)


def valid(case):
    """What a shrunk case must still be."""
    return (
        case["op"] in ("+", "*", "tanh")
        and isinstance(case["a"], float)
        and (case["op"] == "tanh" or case["b"] == "a" or isinstance(case["b"], float))
    )


def show(case):
    """The case as the learner would type it."""
    if case["op"] == "tanh":
        return f"a = Value({case['a']:g})\na.tanh()"
    if case["b"] == "a":
        return f"a = Value({case['a']:g})\na {case['op']} a"
    return f"a, b = Value({case['a']:g}), Value({case['b']:g})\na {case['op']} b"


def tell(case, outcome):
    """An outcome in the learner's terms."""
    if not isinstance(outcome, dict):
        return repr(outcome)
    if outcome["kind"] == "NoneType":
        return "None: this method returns nothing yet"
    if outcome["kind"] != "Value":
        number = "" if outcome["data"] is None else f" {outcome['data']:g}"
        return f"a {outcome['kind']}{number}, not a Value"
    edges = ", ".join(
        f"({n}, {s:.4g})" if isinstance(s, (int, float)) else f"({n}, {s!r})" for n, s in outcome["edges"]
    )
    data = outcome["data"]
    number = f"{data:.4g}" if isinstance(data, (int, float)) else repr(data)
    return f"Value {number} with edges [{edges}]"


def hint(case, expected, got):
    """Which mistake gives this answer on this case."""
    if not isinstance(got, dict):
        return None
    if got["kind"] != "Value":
        return "plain-number" if got["data"] is not None else None
    if not close(got["data"], expected["data"]):
        return None
    if not got["edges"]:
        return "forgets"
    if any(name == "another Value" for name, _ in got["edges"]):
        return "copies"
    if not all(isinstance(slope, (int, float)) for _, slope in got["edges"]):
        return None  # the pairs are turned round, or hold something else
    b = case["a"] if case.get("b") == "a" else case.get("b")
    slopes = sorted(got["edges"], key=str)
    if case["op"] == "tanh":
        wrong = [["a", 1 - case["a"] ** 2]]
        return "tanh-of-input" if alike(slopes, wrong) else None
    if case["op"] == "+":
        return "add-slope" if len(slopes) == 2 else None
    own = [["a", case["a"]], ["a" if case["b"] == "a" else "b", b]]
    return "own-slope" if alike(slopes, own) else None


def alike(edges, others):
    """The same names in the same order, with the same slopes."""
    return len(edges) == len(others) and all(
        name == other and close(slope, there) for (name, slope), (other, there) in zip(edges, others, strict=True)
    )
