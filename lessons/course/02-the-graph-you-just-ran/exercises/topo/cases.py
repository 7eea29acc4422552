"""Small graphs, a deep one and random ones: does every node stand once, after all that it was made from?"""


class Value:
    """A node, as in lesson 1."""

    def __init__(self, edges=()):
        self.data, self.edges, self.grad = 1.0, list(edges), 0.0


def cases(rng):
    """Each graph is a list of steps [name, inputs]; the last one is the root."""
    yield {"steps": [["a", ""], ["b", "a"]]}
    yield {"steps": [["a", ""], ["b", "a"], ["c", "ab"]]}
    yield {"steps": [["a", ""], ["b", "a"], ["c", "ba"]]}
    yield {"steps": [["a", ""], ["b", "aa"]]}
    yield {"steps": [["a", ""], ["b", "a"], ["c", "a"], ["d", "bc"]]}
    yield {"steps": [["a", ""], ["b", "a"], ["c", "b"], ["d", "cb"], ["e", "da"]]}
    yield {"steps": [["a", ""], ["b", "a"], ["c", "b"], ["d", "bc"], ["e", "ad"]]}
    yield {"steps": [["a", ""], ["b", ""], ["c", "ab"]]}
    for _ in range(20):
        steps = [["a", ""]]
        for name in "bcdefg"[: rng.randint(2, 6)]:
            known = [other for other, _ in steps]
            inputs = [known[-1]] + [rng.choice(known) for _ in range(rng.randint(0, 1))]
            rng.shuffle(inputs)
            steps.append([name, "".join(inputs)])
        yield {"steps": steps}
    yield {"deep": 5000}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    if "deep" in case:
        chain = [Value()]
        for _ in range(case["deep"]):
            chain.append(Value([(chain[-1], 1.0)]))
        try:
            return answer(chain[-1]) == chain
        except RecursionError:
            return "RecursionError"
    nodes = {}
    for name, inputs in case["steps"]:
        nodes[name] = Value([(nodes[i], 1.0) for i in inputs])
    order = answer(nodes[case["steps"][-1][0]])
    if not isinstance(order, (list, tuple)):
        return order
    names = {id(node): name for name, node in nodes.items()}
    return [names.get(id(node), "something else") for node in order]


def truth(case):
    """One right order; `same` accepts every other."""
    return True if "deep" in case else [name for name, _ in case["steps"]]


def same(case, expected, got):
    """Any topological order is right."""
    if "deep" in case:
        return got is True
    return complete(case, got) and early(case, got) is None


def complete(case, got):
    """Every node once, and nothing else."""
    return isinstance(got, list) and all(isinstance(n, str) for n in got) and sorted(got) == [n for n, _ in case["steps"]]


def early(case, got):
    """A node that stands before one of its inputs, and that input; None when there is none."""
    for name, inputs in case["steps"]:
        for source in inputs:
            if got.index(name) < got.index(source):
                return name, source
    return None


def valid(case):
    """What a shrunk case must still be: every node known where it is used, and every one behind the root."""
    if "deep" in case:
        return case["deep"] == 5000
    known, used = set(), set()
    for name, inputs in case["steps"]:
        if not set(inputs) <= known or len(inputs) > 2:
            return False
        known.add(name)
        used |= set(inputs)
    return bool(known) and known - used == {case["steps"][-1][0]}


def smaller(case):
    """Graphs with a node less, then with an edge less."""
    steps = case.get("steps", [])
    for i, (gone, inputs) in enumerate(steps):
        rest = [[name, old.replace(gone, inputs[:1])] for name, old in steps[:i] + steps[i + 1 :]]
        names = {name: "abcdefg"[k] for k, (name, _) in enumerate(rest)}
        yield {"steps": [[names[name], "".join(names.get(s, "?") for s in old)] for name, old in rest]}


def show(case):
    """The case as the learner would type it."""
    if "deep" in case:
        return f"x = Value(1.0)\nfor _ in range({case['deep']}):\n    x = x + 1\ntopo(x)"
    made = [f"{name} from {' and '.join(inputs)}" if inputs else f"{name} a leaf" for name, inputs in case["steps"]]
    return f"{', '.join(made)}\ntopo({case['steps'][-1][0]})"


def tell(case, outcome):
    """An outcome in the learner's terms."""
    if "deep" in case:
        return {True: "5,001 nodes in order", False: "another list"}.get(outcome, str(outcome))
    if isinstance(outcome, list):
        return "[" + ", ".join(map(str, outcome)) + "]"
    return repr(outcome)


def facts(case, expected, got):
    """The node to talk about."""
    if "deep" in case or not isinstance(got, list):
        return {}
    names = [name for name, _ in case["steps"]]
    twice = next((n for n in names if got.count(n) > 1), None)
    missing = next((n for n in names if n not in got), None)
    node, source = (early(case, got) if complete(case, got) else None) or (twice or missing, "")
    return {"node": node, "input": source, "times": got.count(node)}


def hint(case, expected, got):
    """Which mistake gives this list; None when several would."""
    if got == "RecursionError":
        return "deep"
    names = [name for name, _ in case.get("steps", [])]
    if not isinstance(got, list) or not all(n in names for n in got):
        return None
    if any(got.count(n) > 1 for n in got):
        return "twice"
    if len(got) < len(names):
        return "missing" if got else None
    return "root-first" if early(case, got[::-1]) is None else "too-early"
