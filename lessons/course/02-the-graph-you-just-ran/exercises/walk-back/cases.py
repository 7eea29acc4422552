"""Small graphs with slopes: what gradient reaches each node, after one call and after two?"""

from math import isclose, prod


class Value:
    """A node, as in lesson 1."""

    def __init__(self, edges=()):
        self.data, self.edges, self.grad = 1.0, list(edges), 0.0


def cases(rng):
    """Each graph is a list of steps [name, [[input, slope], ...]]; the last one is the root."""
    for calls in (1, 2):
        yield {"calls": calls, "steps": [["a", []], ["b", [["a", 3.0]]]]}
        yield {"calls": calls, "steps": [["a", []], ["b", [["a", 3.0]]], ["c", [["b", 2.0]]]]}
        yield {"calls": calls, "steps": [["a", []], ["b", [["a", 2.0], ["a", 3.0]]]]}
        yield {"calls": calls, "steps": [["a", []], ["b", [["a", 3.0]]], ["c", [["a", 2.0], ["b", 5.0]]]]}
    for _ in range(20):
        steps = [["a", []]]
        for name in "bcdef"[: rng.randint(2, 5)]:
            inputs = [steps[-1][0]] + [rng.choice(steps)[0] for _ in range(rng.randint(0, 1))]
            steps.append([name, [[source, float(rng.choice([-3, -2, 2, 3, 4]))] for source in inputs]])
        yield {"calls": rng.randint(1, 2), "steps": steps}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    nodes = {}
    for name, edges in case["steps"]:
        nodes[name] = Value([(nodes[source], slope) for source, slope in edges])
    for _ in range(case["calls"]):
        answer(list(nodes.values()))
    return {name: node.grad for name, node in nodes.items()}


def truth(case):
    """The same, path by path: the product of its slopes, summed over the paths."""
    return {name: case["calls"] * sum(prod(way) for way in ways) for name, ways in paths(case).items()}


def paths(case):
    """For each node, the slopes along every path from the root to it."""
    edges = dict(case["steps"])
    found = {name: [] for name in edges}

    def walk(name, slopes):
        found[name].append(slopes)
        for source, slope in edges[name]:
            walk(source, [*slopes, slope])

    walk(case["steps"][-1][0], [])
    return found


def same(case, expected, got):
    """The same gradient in every node."""
    return all(close(got[name], expected[name]) for name in expected)


def close(x, y):
    """Numbers that agree but for rounding."""
    return isinstance(x, (int, float)) and isclose(x, y, rel_tol=1e-9, abs_tol=1e-9)


def valid(case):
    """What a shrunk case must still be."""
    known, used = set(), set()
    for step in case["steps"]:
        if len(step) != 2 or any(len(edge) != 2 or edge[0] not in known or not edge[1] for edge in step[1]):
            return False
        known.add(step[0])
        used |= {source for source, _ in step[1]}
    return bool(known) and case["calls"] in (1, 2) and known - used == {case["steps"][-1][0]}


def smaller(case):
    """One call instead of two, a node less, an edge less, plainer slopes."""
    steps = case["steps"]
    if case["calls"] > 1:
        yield {**case, "calls": 1}
    for i, (gone, inputs) in enumerate(steps):
        if not inputs and i + 1 < len(steps):
            continue
        rest = []
        for name, edges in steps[:i] + steps[i + 1 :]:
            rest.append([name, [[inputs[0][0] if s == gone and inputs else s, w] for s, w in edges]])
        yield {**case, "steps": rest}
    for i, (name, edges) in enumerate(steps):
        for k in range(len(edges)):
            if len(edges) > 1:
                yield {**case, "steps": [*steps[:i], [name, edges[:k] + edges[k + 1 :]], *steps[i + 1 :]]}
            for plain in (2.0, 3.0):
                if edges[k][1] not in (2.0, 3.0):
                    changed = [*edges[:k], [edges[k][0], plain], *edges[k + 1 :]]
                    yield {**case, "steps": [*steps[:i], [name, changed], *steps[i + 1 :]]}


def show(case):
    """The graph in words, and the call."""
    made = []
    for name, edges in case["steps"]:
        made.append(f"{name}: " + (" and ".join(f"{s} with slope {w:g}" for s, w in edges) or "a leaf"))
    names = ", ".join(name for name, _ in case["steps"])
    return "; ".join(made) + f"\nbackward([{names}])" * case["calls"]


def tell(case, outcome):
    """An outcome in the learner's terms."""
    if not isinstance(outcome, dict):
        return repr(outcome)
    return ", ".join(f"{n}.grad = {g:g}" if isinstance(g, (int, float)) else f"{n}.grad = {g!r}" for n, g in outcome.items())


def facts(case, expected, got):
    """The node to talk about: the first that is wrong."""
    name = next((n for n in expected if not close(got[n], expected[n])), None)
    if name is None or not isinstance(got[name], (int, float)):
        return {"name": name, "expected": "", "got": ""}
    return {"name": name, "expected": f"{expected[name]:g}", "got": f"{got[name]:g}"}


def walked(case, *, seed=1.0, use=True, order=reversed, add=True, carry=False, replace=False, clear=False):
    """What a walk with these mistakes leaves in each node."""
    grad = {name: 0.0 for name, _ in case["steps"]}
    for _ in range(case["calls"]):
        arrived = grad if carry else dict.fromkeys(grad, 0.0)
        if clear:
            grad = dict.fromkeys(grad, 0.0)
        root = case["steps"][-1][0]
        arrived[root] = arrived[root] + seed if carry and not replace else seed
        for name, edges in order(case["steps"]):
            if not carry:
                grad[name] += arrived[name]
            for source, slope in edges:
                arrived[source] = arrived[name] * (slope if use else 1.0) + (arrived[source] if add else 0.0)
        if replace:
            grad[root] = seed
    return grad


def hint(case, expected, got):
    """Which mistake gives these gradients on this graph; None when several would."""
    explains = {
        "no-seed": [{"seed": 0.0}],
        "forwards": [{"order": list}],
        "overwrites": [{"add": False}],
        "stale": [{"carry": True}, {"carry": True, "replace": True}],
        "seed-replaced": [{"replace": True}],
        "clears": [{"clear": True}],
        "ignores-slope": [{"use": False}],
    }
    found = [id for id, ways in explains.items() if any(same(case, walked(case, **way), got) for way in ways)]
    return found[0] if len(found) == 1 else None
