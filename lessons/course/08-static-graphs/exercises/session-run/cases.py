"""Small graphs and what is asked of them: which values come back, and which operations ran?"""

from collections import Counter
from math import isclose

OPS = {"add": lambda a, b: a + b, "mul": lambda a, b: a * b, "neg": lambda a: -a}
KEPT = ("constant", "variable")
DEEP = 3000


class Node:
    """One thing to be computed later, as in exercise 1."""

    def __init__(self, kind, name, inputs=(), value=None):
        self.kind, self.name, self.inputs, self.value = kind, name, tuple(inputs), value


def cases(rng):
    """Each idea on its own, the simplest first; then random graphs."""
    xw = [["placeholder", "length"], ["variable", "width", 3.0]]
    area = [*xw, ["mul", 0, 1]]
    yield one(area, [2], {0: 2.0})
    yield one(area, [1], {})
    yield one([*area, ["neg", 2]], [2], {0: 2.0})
    yield one([*area, ["placeholder", "height"], ["mul", 2, 3]], [2], {0: 5.0})
    yield one([*xw, ["add", 0, 1], ["mul", 2, 2]], [3], {0: 1.0})
    yield one([*xw, ["add", 0, 1], ["mul", 2, 2]], [2, 3, 0], {0: 1.0})
    yield one([*area, ["neg", 2]], [3], {2: 7.0})
    yield one(area, [2], {0: 2.0, 1: 10.0})
    yield one(area, [2], {2: 8.0})
    yield one(area, [2], {})
    yield one([["placeholder", "length"], ["placeholder", "width"], ["mul", 0, 1], ["neg", 2]], [3], {0: 1.0})
    yield {"steps": area, "chain": 0, "runs": [ask(area, [2], {0: 2.0}), ask(area, [2], {0: 5.0})]}
    yield {"steps": [["placeholder", "length"]], "chain": DEEP, "runs": [ask([["placeholder", "length"]], [0], {0: 2.0})]}
    for _ in range(16):
        steps = [["placeholder", "length"], ["placeholder", "height"], ["variable", "width", float(rng.randint(2, 5))]]
        for _ in range(rng.randint(2, 5)):
            kind = rng.choice(["add", "mul", "neg"])
            steps.append([kind, *[rng.randrange(len(steps)) for _ in range(1 if kind == "neg" else 2)]])
        runs = []
        for _ in range(rng.randint(1, 2)):
            fetches = [rng.randrange(3, len(steps)) for _ in range(rng.randint(1, 2))]
            feed = {k: float(rng.randint(1, 6)) for k in (0, 1) if rng.random() < 0.9}
            if rng.random() < 0.4:
                feed[rng.randrange(3, len(steps))] = float(rng.randint(11, 16))
            runs.append(ask(steps, fetches, feed))
        yield {"steps": steps, "chain": 0, "runs": runs}


def one(steps, fetches, feed):
    """A case with one run."""
    return {"steps": steps, "chain": 0, "runs": [ask(steps, fetches, feed)]}


def ask(steps, fetches, feed):
    """A run, and whether something that it needs is not fed."""
    feed = {str(k): v for k, v in feed.items()}
    return {"fetch": fetches, "feed": feed, "hungry": bool(hungry(steps, fetches, feed))}


def needs(steps, fetches, feed):
    """The numbers of the steps that a run comes to."""
    found, todo = set(), list(fetches)
    while todo:
        k = todo.pop()
        if k not in found and str(k) not in feed:
            found.add(k)
            if steps[k][0] not in ("placeholder", *KEPT):
                todo += steps[k][1:]
    return found


def hungry(steps, fetches, feed):
    """The names of the placeholders that are needed and not fed."""
    return [steps[k][1] for k in needs(steps, fetches, feed) if steps[k][0] == "placeholder"]


def build(case):
    """The nodes of a case; with a chain, that many changes of sign after the last."""
    nodes = []
    for kind, *rest in case["steps"]:
        if kind in ("placeholder", *KEPT):
            nodes.append(Node(kind, rest[0], (), rest[1] if len(rest) > 1 else None))
        else:
            nodes.append(Node(kind, f"{kind}_{len(nodes)}", [nodes[x] for x in rest]))
    for k in range(case["chain"]):
        nodes.append(Node("neg", f"neg_{k}", nodes[-1:]))
    return nodes


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    nodes = build(case)
    outcomes = []
    for run in case["runs"]:
        ran = []

        def compute(node, numbers, ran=ran):
            ran.append(node.name)
            return OPS[node.kind](*numbers)

        fetches = [nodes[-1]] if case["chain"] else [nodes[k] for k in run["fetch"]]
        feed = {nodes[int(k)]: value for k, value in run["feed"].items()}
        try:
            values = answer(list(nodes), fetches, feed, compute)
            outcomes.append({"values": values, "ran": len(ran) if case["chain"] else ran})
        except RecursionError:
            outcomes.append({"deep": True})
        except Exception as error:
            said = str(error)
            if not run["hungry"] and not any(n.name in said for n in nodes if n.kind == "placeholder"):
                raise
            outcomes.append({"stopped": said})
    return outcomes


def truth(case):
    """The same, by what each step means."""
    steps = case["steps"]
    if case["chain"]:
        start = case["runs"][0]["feed"]["0"]
        return [{"values": [start * (-1) ** case["chain"]], "ran": case["chain"]}]
    outcomes = []
    for run in case["runs"]:
        if run["hungry"]:
            outcomes.append({"stopped": f"feed a value for {min(hungry(steps, run['fetch'], run['feed']))}"})
            continue

        def value(k, feed=run["feed"]):
            kind, *rest = steps[k]
            if str(k) in feed:
                return feed[str(k)]
            return rest[1] if kind in KEPT else OPS[kind](*map(value, rest))

        ran = [f"{steps[k][0]}_{k}" for k in needs(steps, run["fetch"], run["feed"]) if steps[k][0] in OPS]
        outcomes.append({"values": [value(k) for k in run["fetch"]], "ran": sorted(ran)})
    return outcomes


def same(case, expected, got):
    """The same values, the same operations once each, and a stop that names what is missing."""
    return isinstance(got, list) and len(got) == len(expected) and all(
        alike(case, run, right, mine) for run, right, mine in zip(case["runs"], expected, got, strict=True)
    )


def alike(case, run, right, mine):
    """Whether one run came out right."""
    if not isinstance(mine, dict):
        return False
    if run["hungry"]:
        return any(name in mine.get("stopped", "") for name in hungry(case["steps"], run["fetch"], run["feed"]))
    values = mine.get("values")
    if not isinstance(values, list) or len(values) != len(right["values"]):
        return False
    if case["chain"]:
        return mine["ran"] == right["ran"] and close(values[0], right["values"][0])
    return sorted(mine["ran"]) == sorted(right["ran"]) and all(map(close, values, right["values"]))


def close(x, y):
    """Numbers that agree but for rounding."""
    return isinstance(x, (int, float)) and isclose(x, y, rel_tol=1e-9)


def valid(case):
    """What a shrunk case must still be: steps that use what was made before, and runs that ask for what is there."""
    steps = case["steps"]
    if case["chain"] not in (0, DEEP) or not steps or not case["runs"]:
        return False
    for k, (kind, *rest) in enumerate(steps):
        if kind in OPS and (len(rest) != (1 if kind == "neg" else 2) or not all(x < k for x in rest)):
            return False
    for run in case["runs"]:
        if not run["fetch"] or any(k >= len(steps) for k in [*run["fetch"], *map(int, run["feed"])]):
            return False
        if run["hungry"] != bool(hungry(steps, run["fetch"], run["feed"])):
            return False
    return True


def smaller(case):
    """A run less, a fetch less, a step less."""
    steps = case["steps"]
    for k in range(len(case["runs"])):
        yield {**case, "runs": case["runs"][:k] + case["runs"][k + 1 :]}
    for k, run in enumerate(case["runs"]):
        for j in range(len(run["fetch"])):
            less = {**run, "fetch": run["fetch"][:j] + run["fetch"][j + 1 :]}
            if less["fetch"]:
                yield {**case, "runs": [*case["runs"][:k], ask(steps, less["fetch"], run["feed"]), *case["runs"][k + 1 :]]}
        for key in run["feed"]:
            feed = {name: v for name, v in run["feed"].items() if name != key}
            yield {**case, "runs": [*case["runs"][:k], ask(steps, run["fetch"], feed), *case["runs"][k + 1 :]]}
    for drop in reversed(range(len(steps))):
        used = {x for kind, *rest in steps if kind in OPS for x in rest}
        used |= {k for run in case["runs"] for k in [*run["fetch"], *map(int, run["feed"])]}
        if drop in used or case["chain"]:
            continue

        def moved(k, drop=drop):
            return k - (k > drop)

        rest = [[kind, *(map(moved, args) if kind in OPS else args)] for k, (kind, *args) in enumerate(steps) if k != drop]
        runs = [
            ask(rest, [moved(k) for k in run["fetch"]], {moved(int(k)): v for k, v in run["feed"].items()})
            for run in case["runs"]
        ]
        yield {"steps": rest, "chain": 0, "runs": runs}


def show(case):
    """The case as the learner would write it down."""
    names = [n.name for n in build({**case, "chain": 0})]
    parts = []
    for name, (kind, *rest) in zip(names, case["steps"], strict=True):
        what = f"{kind} {rest[1]:g}" if kind in KEPT else kind
        parts.append(f"{name} = {kind}({', '.join(names[x] for x in rest)})" if kind in OPS else f"{name}: {what}")
    lines = ["; ".join(parts)]
    if case["chain"]:
        lines[0] += f", then neg {case['chain']:,} times"
        return "\n".join([*lines, "run the last node"])
    for run in case["runs"]:
        feed = ", ".join(f"{names[int(k)]}: {v:g}" for k, v in run["feed"].items())
        lines.append(f"run [{', '.join(names[k] for k in run['fetch'])}], fed {{{feed}}}")
    return "\n".join(lines)


def tell(case, outcome):
    """An outcome in the learner's terms."""
    if not isinstance(outcome, list):
        return repr(outcome)
    lines = []
    for run in outcome:
        if not isinstance(run, dict):
            lines.append(repr(run))
        elif "stopped" in run:
            lines.append(f"stops with “{run['stopped']}”")
        elif "deep" in run:
            lines.append("too many calls inside one another")
        else:
            ran = f"{run['ran']} operations" if isinstance(run["ran"], int) else ", ".join(run["ran"]) or "nothing"
            lines.append(f"{run['values']}, having run {ran}")
    return "\n".join(lines)


def hint(case, expected, got):
    """Which mistake gives this outcome."""
    if not isinstance(got, list) or not all(isinstance(mine, dict) for mine in got):
        return None
    found = {about(case, number, run, mine) for number, (run, mine) in enumerate(zip(case["runs"], got, strict=False))}
    found.discard(None)
    return found.pop() if len(found) == 1 else None


def about(case, number, run, mine):
    """The mistake in one run."""
    if "deep" in mine:
        return "too-deep"
    if run["hungry"]:
        if "stopped" not in mine:
            return "silent-feed"
        named = any(name in mine["stopped"] for name in hungry(case["steps"], run["fetch"], run["feed"]))
        return None if named else "nameless"
    if "stopped" in mine:
        fed = {case["steps"][int(k)][0] for k in run["feed"]} - {"placeholder"}
        return None if fed else "runs-all"
    if case["chain"] or not isinstance(mine["ran"], list):
        return None
    steps = case["steps"]
    needed = needs(steps, run["fetch"], run["feed"])
    ran, wanted = Counter(mine["ran"]), {f"{steps[k][0]}_{k}" for k in needed if steps[k][0] in OPS}
    if any(f"{steps[int(k)][0]}_{k}" in ran for k in run["feed"]):
        return "feed-ignored"
    if set(ran) - wanted:
        return None if any(steps[int(k)][0] in OPS for k in run["feed"]) else "runs-all"
    if any(count > 1 for count in ran.values()):
        return "twice"
    return "cached" if number > 0 and wanted - set(ran) else None
