"""Graphs of sums, products and changes of sign: is the gradient graph, and what does it give when it is run?"""

from math import isclose

OPS = {"add": lambda a, b: a + b, "mul": lambda a, b: a * b, "neg": lambda a: -a}
DOUBLINGS = 10


class Node:
    """One thing to be computed later, as in exercise 1."""

    def __init__(self, kind, name, inputs=(), value=None):
        self.kind, self.name, self.inputs, self.value = kind, name, tuple(inputs), value


class Graph:
    """Nodes in the order in which they were written down, as in exercise 1."""

    def __init__(self):
        self.nodes = []

    def put(self, kind, name, inputs=(), value=None):
        """Append a new node."""
        self.nodes.append(Node(kind, name, inputs, value))
        return self.nodes[-1]

    def constant(self, value):
        """A value that never changes."""
        return self.put("constant", "constant", (), value)

    def op(self, kind, *inputs):
        """An operation on nodes and plain numbers."""
        nodes = [x if isinstance(x, Node) else self.constant(x) for x in inputs]
        return self.put(kind, f"{kind}_{len(self.nodes)}", nodes)


def cases(rng):
    """Each rule on its own, then where paths meet, then random graphs and gradients of gradients."""
    for steps in ([["add", 0, 1]], [["mul", 0, 1]], [["neg", 0]], [["mul", 0, 0]]):
        yield make(rng, steps)
    yield make(rng, [["mul", 0, 1], ["add", 2, 0]])
    yield make(rng, [["mul", 0, 1], ["neg", 2], ["mul", 3, 1]])
    yield make(rng, [["mul", 0, 0], ["neg", 1]], y=2)
    yield make(rng, [["mul", 0, 0], ["mul", 2, 0]], second=True)
    yield make(rng, [["add", 0, 0]] + [["add", k, k] for k in range(2, 1 + DOUBLINGS)])
    for n in range(16):
        steps = []
        for _ in range(rng.randint(2, 4)):
            kind = rng.choice(["add", "mul", "mul", "neg"])
            steps.append([kind, *[rng.randrange(2 + len(steps)) for _ in range(1 if kind == "neg" else 2)]])
        yield make(rng, steps, second=n % 4 == 0)


def make(rng, steps, y=None, second=False):
    """A case: x and w are given, `steps` follow; y is the last of them or the one with that number."""
    settings = [[float(rng.randint(2, 6)), float(rng.randint(2, 6))] for _ in range(2)]
    settings[1][1] += 5.0  # w is another one in the second run
    return {"steps": steps, "y": 1 + len(steps) if y is None else y, "second": second, "settings": settings}


def build(case):
    """The graph: a placeholder x, a variable w, then the steps."""
    graph = Graph()
    graph.put("placeholder", "x")
    graph.put("variable", "w", (), case["settings"][0][1])
    for kind, *rest in case["steps"]:
        graph.op(kind, *[graph.nodes[k] for k in rest])
    return graph


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    graph = build(case)
    old = list(graph.nodes)
    shapes = [(n.kind, n.inputs, n.value) for n in old]
    xs = old[:2]
    found = answer(graph, old[case["y"]], list(xs))
    grew = len(graph.nodes) - len(old)
    if case["second"] and isinstance(found[0], Node):
        found = answer(graph, found[0], list(xs))
    return {
        "gradients": [outcome(graph, g, case["settings"]) for g in found],
        "grew": grew,
        "touched": [(n.kind, n.inputs, n.value) for n in old] != shapes or graph.nodes[: len(old)] != old,
    }


def outcome(graph, g, settings):
    """What a gradient is: None, a number, or the values that it has when it is run."""
    if not isinstance(g, Node):
        return g if g is None else {"number": g}
    if g not in graph.nodes:
        return {"number": None}
    values = []
    for x, w in settings:
        graph.nodes[1].value = w
        known = {graph.nodes[0]: x}
        for node in graph.nodes:
            if node not in known:
                known[node] = OPS[node.kind](*[known[i] for i in node.inputs]) if node.inputs else node.value
        values.append(known[g])
    graph.nodes[1].value = settings[0][1]
    return {"values": values}


class Dual:
    """A number with its slope, to work gradients out forwards."""

    def __init__(self, value, slope):
        self.value, self.slope = value, slope

    def __add__(self, other):
        return Dual(self.value + other.value, self.slope + other.slope)

    def __mul__(self, other):
        return Dual(self.value * other.value, self.slope * other.value + self.value * other.slope)

    def __neg__(self):
        return Dual(-self.value, -self.slope)


def depends(case, k):
    """Whether y is made from node k."""
    found = {case["y"]}
    for number in reversed(range(2, 2 + len(case["steps"]))):
        if number in found:
            found |= set(case["steps"][number - 2][1:])
    return k in found


def truth(case):
    """The same by carrying slopes forwards through the steps."""

    def evaluate(x, w):
        values = [x, w]
        for kind, *rest in case["steps"]:
            values.append(OPS[kind](*[values[k] for k in rest]))
        return values[case["y"]]

    gradients = []
    for k in (0, 1):
        values = []
        for point in case["settings"]:
            if case["second"]:
                duals = [Dual(Dual(v, float(i == k)), Dual(float(i == 0), 0.0)) for i, v in enumerate(point)]
                values.append(evaluate(*duals).slope.slope)
            else:
                values.append(evaluate(*[Dual(v, float(i == k)) for i, v in enumerate(point)]).slope)
        gradients.append({"values": values} if case["second"] or depends(case, k) else None)
    if case["second"] and not depends(case, 0):
        return truth({**case, "second": False})
    return {"gradients": gradients, "grew": 0, "touched": False}


def same(case, expected, got):
    """The same numbers in every run, None in the same places, not too many nodes, and none changed."""
    if not isinstance(got, dict) or got["touched"] or len(got["gradients"]) != 2 or too_many(case, got):
        return False
    return all(alike(case, *pair) for pair in zip(expected["gradients"], got["gradients"], strict=True))


def too_many(case, got):
    """More nodes than one visit to each can need."""
    return got["grew"] > 8 * (2 + len(case["steps"]))


def alike(case, right, mine):
    """Whether one gradient is right; of a gradient of a gradient, None says the same as 0."""
    if case["second"]:
        right, mine = (g or {"values": [0.0, 0.0]} for g in (right, mine))
    if right is None or mine is None:
        return right is mine
    return "values" in mine and all(map(close, mine["values"], right["values"]))


def close(x, y):
    """Numbers that agree but for rounding."""
    return isinstance(x, (int, float)) and isinstance(y, (int, float)) and isclose(x, y, rel_tol=1e-9, abs_tol=1e-9)


def valid(case):
    """What a shrunk case must still be: steps that use what was made before."""
    settings = case["settings"]
    if len(settings) != 2 or any(len(s) != 2 for s in settings) or settings[0][1] == settings[1][1]:
        return False
    for k, (kind, *rest) in enumerate(case["steps"]):
        if len(rest) != (1 if kind == "neg" else 2) or not all(0 <= x < k + 2 for x in rest):
            return False
    return bool(case["steps"]) and 2 <= case["y"] < 2 + len(case["steps"]) and min(map(min, settings)) > 1


def smaller(case):
    """A step less, with what used it reading one of its inputs instead; then the first gradient only."""
    steps = case["steps"]
    for drop in reversed(range(len(steps))):
        if len(steps) == 1:
            continue
        for stand_in in steps[drop][1:]:

            def moved(k, drop=drop, stand_in=stand_in):
                return stand_in if k == drop + 2 else k - (k > drop + 2)

            rest = [[kind, *map(moved, args)] for k, (kind, *args) in enumerate(steps) if k != drop]
            yield {**case, "steps": rest, "y": max(2, moved(case["y"]))}
    if case["second"]:
        yield {**case, "second": False}


def show(case):
    """The case as the learner would write it down."""
    names = [n.name for n in build(case).nodes]
    steps = [f"{names[2 + k]} = {kind}({', '.join(names[i] for i in rest)})" for k, (kind, *rest) in enumerate(case["steps"])]
    y = names[case["y"]]
    call = f"gradients(graph, {y}, [x, w])"
    runs = ", then ".join(f"x = {x:g}, w = {w:g}" for x, w in case["settings"])
    if case["second"]:
        call = f"gradients(graph, {call}[0], [x, w])"
    return "\n".join(["; ".join(steps), call, f"run with {runs}"])


def tell(case, result):
    """An outcome in the learner's terms."""
    if not isinstance(result, dict):
        return repr(result)
    lines = []
    for name, g in zip("xw", result["gradients"], strict=False):
        if g is None:
            lines.append(f"{name}: None")
        elif "values" in g:
            values = [f"{v:g}" if isinstance(v, float) else repr(v) for v in g["values"]]
            lines.append(f"{name}: a node that gives {', then '.join(values)}")
        else:
            lines.append(f"{name}: no node of the graph" + ("" if g["number"] is None else f", but {g['number']!r}"))
    return "\n".join(lines + ["a node that was there has changed"] * result["touched"])


def facts(case, expected, got):
    """How much the graph grew."""
    return {"grew": got["grew"], "nodes": 2 + len(case["steps"])}


def paths(case, rule):
    """For x and w, the products along every path from y, by a rule for what a product sends to its inputs."""
    found = []
    for point in case["settings"]:
        values = list(point)
        for kind, *rest in case["steps"]:
            values.append(OPS[kind](*[values[k] for k in rest]))
        ends = {0: [], 1: []}
        todo = [(case["y"], 1.0)]
        while todo and len(todo) < 3000:
            k, g = todo.pop()
            if k < 2:
                ends[k].append(g)
                continue
            kind, *rest = case["steps"][k - 2]
            todo += list(zip(rest, rule(kind, g, [values[i] for i in rest]), strict=True))
        found.append(ends)
    return found


def right_rule(kind, g, inputs):
    """What each operation sends to its inputs."""
    return {"add": [g, g], "neg": [-g]}.get(kind) or [g * inputs[1], g * inputs[0]]


def own_rule(kind, g, inputs):
    """The same, but a product sends each input its own value."""
    return [g * inputs[0], g * inputs[1]] if kind == "mul" else right_rule(kind, g, inputs)


def sign_rule(kind, g, inputs):
    """The same, but a change of sign sends its gradient on unchanged."""
    return [g] if kind == "neg" else right_rule(kind, g, inputs)


def hint(case, expected, got):
    """Which mistake gives these gradients; None when several would."""
    if not isinstance(got, dict) or got["touched"] or len(got["gradients"]) != 2:
        return None
    mine, right = got["gradients"], expected["gradients"]
    if any(g is not None and "number" in g for g in mine):
        return "a-number"
    if case["second"]:
        return None
    if too_many(case, got):
        return "path-by-path"
    if any(r is None and g is not None for r, g in zip(right, mine, strict=True)):
        return "unrelated-zero"
    if any(g is None and r is not None for r, g in zip(right, mine, strict=True)):
        return None
    pairs = [(k, n) for k in (0, 1) if right[k] is not None for n in (0, 1)]

    def fits(rule):
        ends = paths(case, rule)
        return all(close(mine[k]["values"][n], sum(ends[n][k])) for k, n in pairs)

    ends = paths(case, right_rule)
    agree = {(k, n): close(mine[k]["values"][n], right[k]["values"][n]) for k, n in pairs}
    explains = {
        "own-input": fits(own_rule),
        "sign": fits(sign_rule),
        "frozen": not all(agree.values()) and all(good for (_, n), good in agree.items() if n == 0),
        "overwrites": all(any(close(mine[k]["values"][n], one) for one in ends[n][k]) for k, n in pairs),
    }
    found = [id for id, fits_ in explains.items() if fits_]
    return found[0] if len(found) == 1 else None
