"""Expressions of every operation: the number that comes out, and the slope towards each input."""

import cmath
import math

LETTERS = ("a", "b")
PLAIN = (2.0, 3.0, 5.0, -2.0)


def cases(rng):
    """Each operation on its own, with plain numbers on either side, at 0 and below; then random expressions."""
    for tree in (
        ["neg", "a"], [5.0, "+", "a"], [5.0, "*", "a"], ["a", "-", "b"], [5.0, "-", "a"], ["a", "**", 3],
        ["a", "/", "b"], ["exp", "a"], ["a", "-", 5.0], ["a", "/", 5.0], ["a", "**", 2], ["a", "**", -1], ["a", "-", "a"],
    ):
        yield {"a": 3.0, "b": 2.0, "tree": tree}
    for tree in (["a", "**", 3], ["a", "**", 1], ["exp", "a"], ["neg", "a"]):
        yield {"a": 0.0, "b": 2.0, "tree": tree}
        yield {"a": -2.0, "b": 2.0, "tree": tree}
    for _ in range(40):
        yield {"a": rng.randint(1, 8) / 4, "b": rng.randint(1, 8) / 4, "tree": grown(rng, 3)}


def grown(rng, depth):
    """A random expression in which no number gets out of hand."""
    if depth == 0:
        return rng.choice(LETTERS)
    kind = rng.choice(("two", "two", "plain", "neg", "pow", "exp"))
    inner = grown(rng, depth - 1)
    if kind == "neg":
        return ["neg", inner]
    if kind == "exp":
        return ["exp", rng.choice(LETTERS)]
    if kind == "pow":
        return [rng.choice(LETTERS), "**", rng.choice((2, 3, -1))]
    if kind == "plain":
        return [rng.choice(PLAIN), rng.choice("+-*"), inner]
    return [inner, rng.choice("+-*/"), rng.choice(LETTERS)]


def work(tree, names, exp):
    """The expression on these numbers."""
    if isinstance(tree, str):
        return names[tree]
    if isinstance(tree, (int, float)):
        return tree
    if tree[0] == "neg":
        return -work(tree[1], names, exp)
    if tree[0] == "exp":
        return exp(work(tree[1], names, exp))
    x, y = work(tree[0], names, exp), work(tree[2], names, exp)
    if tree[1] == "+":
        return x + y
    if tree[1] == "-":
        return x - y
    if tree[1] == "*":
        return x * y
    return x / y if tree[1] == "/" else x**y


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    names = {name: answer(case[name]) for name in LETTERS}
    try:
        out = work(case["tree"], names, lambda v: v.exp())
    except TypeError as error:
        if "unsupported operand" in str(error) and "Value" in str(error):
            return {"kind": "TypeError", "data": None}
        raise
    if not isinstance(out, answer):
        return {"kind": type(out).__name__, "data": out if isinstance(out, (int, float)) else None}
    slopes = dict.fromkeys(LETTERS, 0.0)

    def walk(node, arriving):
        for name in LETTERS:
            if node is names[name]:
                slopes[name] += arriving
        for source, slope in getattr(node, "edges", ()):
            walk(source, arriving * slope)

    walk(out, 1.0)
    return {"kind": "Value", "data": out.data, "slopes": slopes}


def truth(case):
    """The same: each slope by a step into the imaginary, which loses no digit (Squire and Trapp, 1998)."""
    numbers = {name: case[name] for name in LETTERS}
    h = 1e-20
    slopes = {}
    for name in LETTERS:
        moved = {**numbers, name: complex(numbers[name], h)}
        slopes[name] = complex(work(case["tree"], moved, cmath.exp)).imag / h
    return {"kind": "Value", "data": work(case["tree"], numbers, math.exp), "slopes": slopes}


def same(case, expected, got):
    """The same number, and the same slope towards each input."""
    return (
        isinstance(got, dict)
        and got["kind"] == "Value"
        and close(got["data"], expected["data"])
        and all(close(got["slopes"][name], expected["slopes"][name]) for name in LETTERS)
    )


def close(x, y):
    """Numbers that agree but for rounding."""
    return isinstance(x, (int, float)) and math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-9)


def parts(tree):
    """The expressions inside it."""
    return [t for t in tree if isinstance(t, list)] if isinstance(tree, list) else []


def smaller(case):
    """Any part of it, then plainer numbers."""
    for part in parts(case["tree"]):
        yield {**case, "tree": part}
    for a, b in ((3.0, 2.0), (2.0, 3.0)):
        if (case["a"], case["b"]) != (a, b):
            yield {**case, "a": a, "b": b}


def valid(case):
    """What a shrunk case must still be."""
    return isinstance(case["tree"], list) and len(case["tree"]) in (2, 3) and all(isinstance(case[n], float) for n in LETTERS)


def written(tree, outer=False):
    """The expression as Python reads it."""
    if isinstance(tree, (int, float)):
        return f"{tree:g}" if tree >= 0 else f"({tree:g})" if outer else f"{tree:g}"
    if isinstance(tree, str):
        return tree
    if tree[0] == "exp":
        return f"{written(tree[1], True)}.exp()"
    text = f"-{written(tree[1], True)}" if tree[0] == "neg" else f"{written(tree[0], True)} {tree[1]} {written(tree[2], True)}"
    return f"({text})" if outer else text


def letters(tree):
    """Which inputs it uses."""
    if isinstance(tree, list):
        return {name for t in tree for name in letters(t)}
    return {tree} & set(LETTERS) if isinstance(tree, str) else set()


def show(case):
    """The case as the learner would type it."""
    lines = [f"{name} = Value({case[name]:g})" for name in LETTERS if name in letters(case["tree"])]
    return "\n".join([*lines, written(case["tree"])])


def tell(case, outcome):
    """An outcome in the learner's terms."""
    if not isinstance(outcome, dict):
        return repr(outcome)
    if outcome["kind"] == "TypeError":
        return "a TypeError: Python found no method for this"
    if outcome["kind"] == "NoneType":
        return "None: this method returns nothing yet"
    if outcome["kind"] != "Value":
        return f"a {outcome['kind']}, not a Value"
    number = f"{outcome['data']:.6g}" if isinstance(outcome["data"], (int, float)) else repr(outcome["data"])
    slopes = (f"slope of {name} {outcome['slopes'][name]:.6g}" for name in LETTERS if name in letters(case["tree"]))
    return ", ".join([f"Value {number}", *slopes])


def hint(case, expected, got):
    """Which mistake gives this answer on this case; None for whole expressions."""
    tree = case["tree"]
    if not isinstance(got, dict) or parts(tree):
        return None
    if got["kind"] == "TypeError":
        return "reflected" if isinstance(tree[0], float) else None
    if got["kind"] != "Value":
        return "plain-number" if got["data"] is not None else None
    a, b = case["a"], case["b"]
    right = close(got["data"], expected["data"])
    slope, below = got["slopes"]["a"], got["slopes"]["b"]
    if tree[0] == "exp":
        return "exp-as-power" if right and close(slope, a * math.exp(a - 1)) else None
    if tree[0] == "neg":
        return "minus" if close(slope, 1.0) or close(got["data"], a) else None
    if tree[1] == "**":
        n = tree[2]
        factor, exponent = close(slope, a ** (n - 1) if a or n > 1 else 1.0), close(slope, n * a**n)
        return "pow-factor" if right and factor else "pow-exponent" if right and exponent else None
    if tree[1] == "/":
        return "below" if right and tree[2] == "b" and close(below, 1 / b) else None
    if tree[1] != "-":
        return None
    x, y = (case.get(t, t) if isinstance(t, str) else t for t in (tree[0], tree[2]))
    if isinstance(tree[0], float) and close(got["data"], y - x):
        return "turned"
    return "minus" if close(got["data"], x + y) or (right and tree[2] == "b" and close(below, 1.0)) else None
