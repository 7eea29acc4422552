"""Small graphs to write down: which nodes are there afterwards, with which names, inputs and values?"""


def cases(rng):
    """Each kind of node alone, then names that collide, then random graphs."""
    yield [["placeholder", "x"]]
    yield [["constant", 3.0]]
    yield [["variable", "w", 2.0]]
    yield [["placeholder", "x"], ["variable", "w", 2.0], ["mul", 0, 1]]
    yield [["constant", 2.0], ["constant", 3.0], ["add", 0, 1]]
    yield [["placeholder", "x"], ["mul", 0, "5.0"]]
    yield [["placeholder", "x"], ["placeholder", "x"], ["placeholder", "x"], ["add", 0, 1], ["add", 1, 2]]
    yield [["variable", "w", 1.0], ["neg", 0], ["neg", 0], ["neg", 1]]
    for _ in range(12):
        steps = [["placeholder", "x"], ["variable", rng.choice(["w", "x"]), float(rng.randint(1, 9))]]
        for _ in range(rng.randint(1, 4)):
            inputs = [rng.randrange(len(steps)) for _ in range(2)]
            if rng.random() < 0.4:
                inputs[1] = f"{rng.randint(1, 9)}.0"
            steps.append([rng.choice(["add", "mul"]), *inputs])
        yield steps


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    graph = answer()
    made = []
    for kind, *rest in case:
        if kind in ("placeholder", "constant", "variable"):
            made.append(getattr(graph, kind)(*rest))
        else:
            made.append(graph.op(kind, *[float(x) if isinstance(x, str) else made[x] for x in rest]))
    nodes = [
        [n.kind, n.name, [getattr(x, "name", x) for x in n.inputs], n.value, [made.index(n)] if n in made else []]
        for n in graph.nodes
    ]
    return {"nodes": nodes, "kept": [n in graph.nodes for n in made]}


def truth(case):
    """The same with lists and dictionaries only."""
    nodes, returned, count = [], [], {}

    def put(kind, name, inputs, value):
        seen = count.get(name, 0)
        count[name] = seen + 1
        nodes.append([kind, f"{name}_{seen}" if seen else name, inputs, value, []])
        return nodes[-1][1]

    for step, (kind, *rest) in enumerate(case):
        if kind == "constant":
            name = put(kind, kind, [], rest[0])
        elif kind in ("placeholder", "variable"):
            name = put(kind, rest[0], [], rest[1] if kind == "variable" else None)
        else:
            inputs = [returned[x] if isinstance(x, int) else put("constant", "constant", [], float(x)) for x in rest]
            name = put(kind, kind, inputs, None)
        returned.append(name)
        nodes[-1][4] = [step]
    return {"nodes": nodes, "kept": [True for _ in case]}


def same(case, expected, got):
    """The same nodes in the same order."""
    return got == expected


def valid(case):
    """What a shrunk case must still be: steps that only use what was made before."""
    for k, step in enumerate(case):
        if not isinstance(step, list) or len(step) < 2:
            return False
        kind, *rest = step
        if kind in ("placeholder", "variable", "constant"):
            if (kind == "constant") == isinstance(rest[0], str) or (kind == "variable") != (len(rest) == 2):
                return False
        elif len(rest) != (1 if kind == "neg" else 2) or any(not isinstance(x, str) and not 0 <= x < k for x in rest):
            return False
    return bool(case)


def smaller(case):
    """The same graph with a step less."""
    for drop in reversed(range(len(case))):
        rest = []
        for k, (kind, *args) in enumerate(case):
            if k == drop:
                continue
            if kind not in ("placeholder", "variable", "constant"):
                if drop in args:
                    break
                args = [x - 1 if isinstance(x, int) and x > drop else x for x in args]
            rest.append([kind, *args])
        else:
            yield rest


def show(case):
    """The case as the learner would type it."""
    lines = ["g = Graph()"]
    for k, (kind, *rest) in enumerate(case):
        if kind in ("placeholder", "variable", "constant"):
            call = f"g.{kind}({', '.join(map(repr, rest))})"
        else:
            args = [f"n{x}" if isinstance(x, int) else x for x in rest]
            call = f"g.op({', '.join([repr(kind), *args])})"
        lines.append(f"n{k} = {call}")
    return "\n".join(lines)


def tell(case, outcome):
    """An outcome in the learner's terms."""
    if not isinstance(outcome, dict):
        return repr(outcome)
    lines = []
    for kind, name, inputs, value, _ in outcome["nodes"]:
        what = f"{kind}({', '.join(map(str, inputs))})" if inputs else kind
        lines.append(f"{name}: {what}" + ("" if value is None else f" = {value}"))
    return "\n".join(lines) or "no nodes"


def hint(case, expected, got):
    """Which mistake gives these nodes."""
    if not isinstance(got, dict):
        return None
    nodes, right = got["nodes"], expected["nodes"]
    if any(kind not in ("constant", "variable") and value is not None for kind, _, _, value, _ in nodes):
        return "computes-now"
    kinds = zip([mine[0] for mine in nodes], [theirs[0] for theirs in right], strict=False)
    if len(nodes) == len(right) and any(mine == "constant" != theirs for mine, theirs in kinds):
        return "computes-now"
    names = [name for _, name, *_ in nodes]
    if len(set(names)) < len(names):
        return "same-name"
    if any(not isinstance(x, str) for _, _, inputs, *_ in nodes for x in inputs):
        return "bare-number"
    if not all(got["kept"]):
        return "not-written-down"
    return "one-for-two" if len(nodes) < len(right) else None
