"""Small programs of sums and products: what gradient reaches each of their inputs?"""

import copy
from math import isclose, prod


class Value:
    """A number, its edges and its gradient, as in exercise 2."""

    def __init__(self, data, edges=()):
        self.data, self.edges, self.grad = data, list(edges), 0.0


def cases(rng):
    """Each idea on its own, the simplest first; then random programs."""
    for steps in (
        [["c", "a", "+", "b"]],
        [["c", "a", "*", "b"]],
        [["c", "a", "*", "a"]],
        [["c", "a", "*", "b"], ["d", "c", "*", "b"]],
        [["c", "a", "*", "b"], ["d", "c", "+", "a"]],
        [["c", "a", "+", "b"], ["d", "c", "*", "c"]],
    ):
        yield {"leaves": {"a": 3.0, "b": 2.0}, "steps": steps}
    for _ in range(20):
        names, steps = ["a", "b"], []
        for name in "cdefg"[: rng.randint(2, 5)]:
            left = names[-1] if steps else rng.choice(names)
            steps.append([name, left, rng.choice("+*"), rng.choice(names)])
            names.append(name)
        leaves = {"a": float(rng.randint(-4, 4)), "b": float(rng.randint(1, 5))}
        yield {"leaves": leaves, "steps": steps}


def build(case):
    """The program's values by name; the last step is the result."""
    values = {name: Value(number) for name, number in case["leaves"].items()}
    for name, left, op, right in case["steps"]:
        x, y = values[left], values[right]
        if op == "+":
            values[name] = Value(x.data + y.data, [(x, 1.0), (y, 1.0)])
        else:
            values[name] = Value(x.data * y.data, [(x, y.data), (y, x.data)])
    return values


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    values = build(case)
    answer(values[case["steps"][-1][0]])
    return {name: values[name].grad for name in case["leaves"]}


def truth(case):
    """The same, path by path: the product of its slopes, summed over the paths."""
    return {name: sum(prod(way) for way in ways) for name, ways in paths(case).items()}


def same(case, expected, got):
    """The same gradient in every input."""
    return all(close(got[name], expected[name]) for name in expected)


def close(x, y):
    """Numbers that agree but for rounding."""
    return isinstance(x, (int, float)) and isclose(x, y, rel_tol=1e-9, abs_tol=1e-9)


def valid(case):
    """What a shrunk case must still be: every name known where it is used, and no idle input."""
    known = set(case["leaves"])
    used = set()
    for step in case["steps"]:
        if len(step) != 4 or not {step[1], step[3]} <= known:
            return False
        known.add(step[0])
        used |= {step[1], step[3]}
    return bool(case["steps"]) and set(case["leaves"]) <= used


def smaller(case):
    """Programs with a step less, then with plainer numbers."""

    def tidy(steps):
        used = {name for step in steps for name in (step[1], step[3])}
        leaves = {name: v for name, v in case["leaves"].items() if name in used}
        return {"leaves": leaves, "steps": steps}

    steps = case["steps"]
    if len(case["leaves"]) > 1:
        yield tidy([[n, "a" if x == "b" else x, op, "a" if y == "b" else y] for n, x, op, y in steps])
    for i in range(len(steps)):
        if i < len(steps) - 1:
            yield tidy(steps[: i + 1])
        for stand_in in (steps[i][1], steps[i][3]):
            rest = copy.deepcopy(steps[:i] + steps[i + 1 :])
            for step in rest[i:]:
                for k in (1, 3):
                    if step[k] == steps[i][0]:
                        step[k] = stand_in
            if rest:
                yield tidy(rest)
    for name, number in case["leaves"].items():
        for plain in (2.0, 3.0):
            if number != plain:
                yield {**case, "leaves": {**case["leaves"], name: plain}}


def show(case):
    """The case as the learner would type it."""
    lines = [f"{name} = Value({number:g})" for name, number in case["leaves"].items()]
    lines += [" ".join([name, "=", left, op, right]) for name, left, op, right in case["steps"]]
    return "\n".join([*lines, f"backward({case['steps'][-1][0]})"])


def tell(case, outcome):
    """An outcome in the learner's terms."""
    return ", ".join(
        f"{name}.grad = {grad:g}" if isinstance(grad, (int, float)) else f"{name}.grad = {grad!r}"
        for name, grad in outcome.items()
    )


def paths(case):
    """For each input, the slopes along every path that leads to it."""
    values = build(case)
    names = {id(value): name for name, value in values.items()}
    found = {name: [] for name in case["leaves"]}

    def walk(node, slopes):
        if names[id(node)] in found:
            found[names[id(node)]].append(slopes)
        for source, slope in node.edges:
            walk(source, [*slopes, slope])

    walk(values[case["steps"][-1][0]], [])
    return found


def facts(case, expected, got):
    """The input to talk about: the first that is wrong."""
    name = next((n for n in expected if not close(got[n], expected[n])), None)
    if name is None:
        return {}
    number = got[name]
    return {
        "name": name,
        "expected": f"{expected[name]:g}",
        "got": f"{number:g}" if isinstance(number, (int, float)) else repr(number),
        "paths": {2: "two", 3: "three", 4: "four"}.get(len(paths(case)[name]), "several"),
    }


def hint(case, expected, got):
    """Which mistake gives these gradients on this program; None when several would."""
    along = paths(case)

    def all_are(rule):
        return all(close(got[name], rule(ways)) for name, ways in along.items())

    explains = {
        "no-seed": all_are(lambda ways: 0.0),
        "one-level": all_are(lambda ways: sum(prod(way) for way in ways if len(way) == 1)),
        "ignores-slope": all_are(lambda ways: sum(1.0 for _ in ways)),
        "only-last-slope": all_are(lambda ways: sum(way[-1] for way in ways)),
        "adds-slopes": all_are(lambda ways: sum(1.0 + sum(way) for way in ways)),
        None: all_are(lambda ways: 2 * sum(prod(way) for way in ways)),  # each was told twice: no hint of ours
        "overwrites": all(
            close(got[name], expected[name]) or any(close(got[name], prod(way)) for way in ways)
            for name, ways in along.items()
        ),
    }
    found = [id for id, fits in explains.items() if fits]
    return found[0] if len(found) == 1 else None
