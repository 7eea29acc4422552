"""Graphs that fit, and graphs that cannot: which shapes come out, and where is the mistake?"""


class Node:
    """One thing to be computed later; only those without inputs know their shape."""

    def __init__(self, kind, name, inputs=(), shape=None):
        self.kind, self.name, self.inputs, self.shape = kind, name, tuple(inputs), shape


def cases(rng):
    """Each rule on its own, right and wrong, with known and unknown sizes; then random graphs."""
    for kind, a, b in (
        ("add", [2, 3], [2, 3]),
        ("add", [None, 3], [2, 3]),
        ("add", [2, 3], [2, None]),
        ("add", [None, 3], [None, None]),
        ("add", [2, 3], [2, 4]),
        ("add", [5, 3], [2, 3]),
        ("add", [3], [3, 3]),
        ("add", [3, 3], [3]),
        ("add", [None, 3], [2, 4]),
        ("matmul", [2, 3], [3, 4]),
        ("matmul", [None, 3], [3, 4]),
        ("matmul", [2, None], [3, None]),
        ("matmul", [2, 3], [2, 3]),
        ("matmul", [3, 2], [3, 2]),
        ("matmul", [None, 3], [4, 3]),
    ):
        yield [["input", "x", a], ["input", "w", b], [kind, 0, 1]]
    for _ in range(16):
        yield sensible(rng)


def sensible(rng):
    """A random graph that mostly fits."""
    steps, shapes = [], []
    for name in ("x", "w", "v"):
        shapes.append([rng.choice([2, 3, None]) for _ in range(2)])
        steps.append(["input", name, shapes[-1]])
    for _ in range(rng.randint(1, 3)):
        pairs = [(i, j) for i in range(len(shapes)) for j in range(len(shapes)) if i != j]
        i, j = rng.choice(pairs)
        kind = rng.choice(["add", "matmul"])
        steps.append([kind, i, j])
        if wrong_at(steps) is not None:
            break
        shapes.append(truth(steps)["shapes"][f"{kind}_{len(steps) - 1}"])
    return steps


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    nodes = []
    for k, (kind, *rest) in enumerate(case):
        if kind == "input":
            nodes.append(Node("placeholder", rest[0], (), tuple(rest[1])))
        else:
            nodes.append(Node(kind, f"{kind}_{k}", [nodes[i] for i in rest]))
    try:
        shapes = answer(nodes)
    except ValueError as error:
        return {"refused": str(error)}
    return {"shapes": {name: list(shape) for name, shape in shapes.items()}}


def meet(kind, a, b):
    """The shape that two shapes make, or None."""
    if kind == "matmul":
        return [a[0], b[1]] if len({a[1], b[0]} - {None}) < 2 else None
    if len(a) != len(b) or any(len({m, n} - {None}) > 1 for m, n in zip(a, b, strict=True)):
        return None
    return [max(m or 0, n or 0) or None for m, n in zip(a, b, strict=True)]


def walk(case):
    """The shapes as far as they can be worked out, and the number of the step that cannot be."""
    shapes = []
    for k, (kind, *rest) in enumerate(case):
        shape = rest[1] if kind == "input" else meet(kind, shapes[rest[0]], shapes[rest[1]])
        if shape is None:
            return shapes, k
        shapes.append(shape)
    return shapes, None


def wrong_at(case):
    """The number of the step that cannot be, or None."""
    return walk(case)[1]


def name(case, k):
    """What step k is called."""
    return case[k][1] if case[k][0] == "input" else f"{case[k][0]}_{k}"


def truth(case):
    """The same, with sets of sizes."""
    shapes, wrong = walk(case)
    if wrong is not None:
        return {"refused": name(case, wrong)}
    return {"shapes": {name(case, k): shape for k, shape in enumerate(shapes)}}


def same(case, expected, got):
    """The same shapes, or a refusal that names the node."""
    wrong = wrong_at(case)
    if not isinstance(got, dict):
        return False
    if wrong is not None:
        return name(case, wrong) in got.get("refused", "")
    return got.get("shapes") == expected["shapes"]


def valid(case):
    """What a shrunk case must still be."""
    for k, (kind, *rest) in enumerate(case):
        if kind == "input" and not (rest[1] and all(n in (2, 3, 4, 5, None) for n in rest[1])):
            return False
        if kind != "input" and (len(rest) != 2 or not all(i < k for i in rest)):
            return False
    matrices = [k for k, (kind, *rest) in enumerate(case) if kind != "input" or len(rest[1]) == 2]
    return len(case) > 2 and all(kind != "matmul" or set(rest) <= set(matrices) for kind, *rest in case)


def smaller(case):
    """The same graph with a step less."""
    used = {i for kind, *rest in case if kind != "input" for i in rest}
    for drop in reversed(range(len(case))):
        if drop in used:
            continue
        yield [
            [kind, *(rest if kind == "input" else [i - (i > drop) for i in rest])]
            for k, (kind, *rest) in enumerate(case)
            if k != drop
        ]


def show(case):
    """The case as the learner would write it down."""
    parts = []
    for k, (kind, *rest) in enumerate(case):
        what = str(tuple(rest[1])) if kind == "input" else f"{kind}({', '.join(name(case, i) for i in rest)})"
        parts.append(f"{name(case, k)}: {what}" if kind == "input" else f"{name(case, k)} = {what}")
    return "\n".join(parts)


def tell(case, outcome):
    """An outcome in the learner's terms."""
    if not isinstance(outcome, dict):
        return repr(outcome)
    if "refused" in outcome:
        return f"refused: “{outcome['refused']}”"
    shapes = {key: tuple(shape) if isinstance(shape, list) else shape for key, shape in outcome["shapes"].items()}
    return "\n".join(f"{key}: {shape!r}" for key, shape in shapes.items())


def hint(case, expected, got):
    """Which mistake gives this outcome."""
    if not isinstance(got, dict):
        return None
    shapes, wrong = walk(case)
    if wrong is not None:
        if "refused" in got:
            return "nameless" if not any(name(case, k) in got["refused"] for k in range(3, len(case))) else None
        kind, i, j = case[wrong]
        if kind == "matmul":
            return "matmul-unchecked"
        return "ranks" if len(shapes[i]) != len(shapes[j]) else "add-unchecked"
    if "refused" in got:
        return "unknown-refused" if any(n is None for shape in shapes for n in shape) else None
    for k, shape in enumerate(shapes):
        mine = got["shapes"].get(name(case, k))
        if mine != shape:
            if case[k][0] == "matmul":
                return "matmul-result"
            known = isinstance(mine, list) and len(mine) == len(shape)
            lost = known and all(m in (n, None) for m, n in zip(mine, shape, strict=True))
            return "forgets-size" if lost else None
    return None
