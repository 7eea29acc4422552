"""Small programs with updates in them: which variables change, and when?"""

OPS = {"add": lambda a, b: a + b, "mul": lambda a, b: a * b}
MISTAKES = ("never-runs", "always-runs", "leaks", "error-leaks", "forgets-outer", "ends-all")


def cases(rng):
    """One update: not asked for, asked for, and asked for by way of a block; then blocks in blocks, then random ones."""
    up = [["variable", 1.0], ["constant", 1.0], ["add", 0, 1], ["assign", 0, 2]]
    yield {"steps": up, "runs": [[0]]}
    yield {"steps": up, "runs": [[3]]}
    yield {"steps": up, "runs": [[3], [3], [0]]}
    yield {"steps": [*up, ["with", [3]], ["add", 0, 1], ["end"]], "runs": [[4]]}
    yield {"steps": [*up, ["mul", 0, 1], ["with", [3]], ["add", 0, 1], ["end"], ["mul", 0, 1]], "runs": [[4], [6]]}
    calm, upset = ([["with", [3]], ["add", 0, 1], [end], ["mul", 0, 1]] for end in ("end", "oops"))
    for blocks in ([*calm, *upset], [*upset, *calm]):
        yield {"steps": [*up, ["mul", 0, 1], *blocks], "runs": [[4], [6], [8]]}
    two = [["variable", 1.0], ["variable", 2.0], ["constant", 3.0], ["assign", 0, 2], ["assign", 1, 2]]
    yield {"steps": [*two, ["with", [3]], ["with", [4]], ["add", 2, 2], ["end"], ["end"]], "runs": [[5]]}
    yield {"steps": [*two, ["with", [3]], ["add", 2, 2], ["with", [4]], ["end"], ["mul", 2, 2], ["end"]], "runs": [[6], [5]]}
    yield {"steps": [*two, ["with", [3, 4]], ["add", 2, 2], ["end"], ["add", 2, 2]], "runs": [[5], [6]]}
    for _ in range(16):
        steps, depth = [["variable", 1.0], ["variable", 2.0], ["constant", float(rng.randint(3, 9))]], 0
        steps += [["assign", 0, 2], ["assign", 1, 2], ["mul", 0, 1]]
        nodes = 6
        for _ in range(rng.randint(3, 7)):
            what = rng.random()
            if what < 0.35 and depth < 2:
                steps.append(["with", [rng.choice([3, 4])]])
                depth += 1
            elif what < 0.6 and depth:
                steps.append(["oops" if rng.random() < 0.3 else "end"])
                depth -= 1
            else:
                steps.append([rng.choice(["add", "mul"]), 2, rng.choice([0, 1, 2])])
                nodes += 1
        steps += [["end"]] * depth
        if nodes > 6:
            yield {"steps": steps, "runs": [[5], *[[rng.randrange(6, nodes)] for _ in range(2)]]}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    program = answer()
    made, open_ = [], []
    for kind, *rest in case["steps"]:
        if kind == "with":
            open_.append(program.control_dependencies([made[k] for k in rest[0]]))
            open_[-1].__enter__()
        elif kind == "end":
            open_.pop().__exit__(None, None, None)
        elif kind == "oops":
            error = ValueError("oops")
            open_.pop().__exit__(ValueError, error, None)
        elif kind == "assign":
            made.append(program.assign(made[rest[0]], made[rest[1]]))
        elif kind in ("variable", "constant"):
            made.append(program.put(kind, (), rest[0]))
        else:
            made.append(program.put(kind, [made[k] for k in rest]))
    variables = [n for n, kind in zip(made, kinds(case), strict=True) if kind == "variable"]
    built = [v.value for v in variables]
    runs = []
    for fetches in case["runs"]:
        values = session(list(program.steps), [made[k] for k in fetches])
        runs.append({"values": values, "variables": [v.value for v in variables]})
    return {"built": built, "runs": runs}


def kinds(case):
    """The kind of each node that is made."""
    return [kind for kind, *_ in case["steps"] if kind not in ("with", "end", "oops")]


def session(nodes, fetches):
    """One run: every variable is read as it was when the run began, and changes when it is over."""
    needed, visit = set(), list(fetches)
    while visit:
        node = visit.pop()
        if node not in needed:
            needed.add(node)
            visit += [*node.inputs, *node.after]
    values, updates = {}, []
    for node in nodes:
        if node in needed:
            given = [values[x] for x in node.inputs]
            if node.kind == "assign":
                updates.append((node.inputs[0], given[1]))
                values[node] = given[1]
            else:
                values[node] = OPS[node.kind](*given) if node.kind in OPS else node.value
    for variable, value in updates:
        variable.value = value
    return [values[node] for node in fetches]


def truth(case):
    """The same, worked out from the steps."""
    return simulate(case, None)


def simulate(case, mistake):
    """What comes of a program, if everything is right but for one mistake."""
    nodes, after, first = [], [], []
    stack = []
    for kind, *rest in case["steps"]:
        if kind == "with":
            stack.append(list(first))
            first = list(rest[0]) if mistake == "forgets-outer" else [*first, *rest[0]]
        elif kind in ("end", "oops"):
            before = stack.pop()
            if not (mistake == "leaks" or (mistake == "error-leaks" and kind == "oops")):
                first = [] if mistake == "ends-all" else before
        else:
            nodes.append([kind, *rest])
            after.append([] if mistake == "never-runs" else list(first))
            if mistake == "always-runs" and kind == "assign":
                first = [*first, len(nodes) - 1]
    value = {k: rest[0] for k, (kind, *rest) in enumerate(nodes) if kind == "variable"}
    built, runs = list(value.values()), []
    for fetches in case["runs"]:
        seen, todo, updates = {}, list(fetches), {}

        def compute(k, seen=seen, updates=updates):
            if k not in seen:
                for other in after[k]:
                    compute(other)
                kind, *rest = nodes[k]
                if kind in ("variable", "constant"):
                    seen[k] = value.get(k, rest[0])
                else:
                    given = [compute(x) for x in rest]
                    seen[k] = given[1] if kind == "assign" else OPS[kind](*given)
                    if kind == "assign":
                        updates[rest[0]] = given[1]
            return seen[k]

        values = [compute(k) for k in todo]
        value.update(updates)
        runs.append({"values": values, "variables": list(value.values())})
    return {"built": built, "runs": runs}


def same(case, expected, got):
    """The same values, and the same variables after building and after every run."""
    return got == expected


def valid(case):
    """What a shrunk case must still be: blocks that end, and nodes that only use what was made before."""
    depth = made = 0
    found = []
    for step in case["steps"]:
        kind, *rest = step
        if kind == "with":
            depth += 1
            if not rest[0] or any(k >= made or found[k] != "assign" for k in rest[0]):
                return False
        elif kind in ("end", "oops"):
            depth -= 1
        else:
            if kind not in ("variable", "constant") and (len(rest) != 2 or any(k >= made for k in rest)):
                return False
            if kind == "assign" and found[rest[0]] != "variable":
                return False
            found.append(kind)
            made += 1
        if depth < 0:
            return False
    return depth == 0 and bool(case["runs"]) and all(fetches and max(fetches) < made for fetches in case["runs"])


def smaller(case):
    """A run less, a block less, a node less."""
    steps, runs = case["steps"], case["runs"]
    for k in range(len(runs)):
        yield {**case, "runs": runs[:k] + runs[k + 1 :]}
    for start, step in enumerate(steps):
        if step[0] != "with":
            continue
        depth = 0
        for stop in range(start, len(steps)):
            depth += {"with": 1, "end": -1, "oops": -1}.get(steps[stop][0], 0)
            if depth == 0:
                yield {**case, "steps": steps[:start] + steps[start + 1 : stop] + steps[stop + 1 :]}
                break
    node = len(kinds(case))
    for at in reversed(range(len(steps))):
        if steps[at][0] in ("with", "end", "oops"):
            continue
        node -= 1
        readers = [step for step in steps if step[0] not in ("variable", "constant")]
        used = {k for kind, *rest in readers for k in (rest[0] if kind == "with" else rest)}
        if node in used | {k for fetches in runs for k in fetches}:
            continue

        def moved(k, node=node):
            return k - (k > node)

        rest = []
        for kind, *args in steps[:at] + steps[at + 1 :]:
            if kind == "with":
                rest.append([kind, [moved(k) for k in args[0]]])
            else:
                rest.append([kind, *(args if kind in ("variable", "constant") else map(moved, args))])
        yield {"steps": rest, "runs": [[moved(k) for k in fetches] for fetches in runs]}


def names(case):
    """What each node is called in what is shown."""
    letters = {"variable": iter("vw"), "constant": iter("cde"), "assign": iter(["up", "up_2", "up_3"])}
    return [next(letters[kind], f"n{k}") if kind in letters else f"n{k}" for k, kind in enumerate(kinds(case))]


def show(case):
    """The case as the learner would write it down."""
    called, parts, node = names(case), [], 0
    for kind, *rest in case["steps"]:
        if kind == "with":
            parts.append(f"with control_dependencies([{', '.join(called[k] for k in rest[0])}]): {{")
        elif kind in ("end", "oops"):
            parts.append("}" if kind == "end" else "an error }")
        else:
            what = f"{rest[0]:g}" if kind in ("variable", "constant") else ", ".join(called[k] for k in rest)
            parts.append(f"{called[node]} = {kind}({what})")
            node += 1
    runs = [f"run {', '.join(called[k] for k in fetches)}" for fetches in case["runs"]]
    return "; ".join(parts).replace("{;", "{") + "\n" + ", then ".join(runs)


def tell(case, outcome):
    """An outcome in the learner's terms."""
    if not isinstance(outcome, dict):
        return repr(outcome)
    called = [n for n, kind in zip(names(case), kinds(case), strict=True) if kind == "variable"]

    def state(values):
        shown = [f"{v:g}" if isinstance(v, (int, float)) else repr(v) for v in values]
        return ", ".join(f"{n} = {v}" for n, v in zip(called, shown, strict=False))

    lines = [f"built: {state(outcome['built'])}"]
    lines += [f"after run {k}: {state(run['variables'])}" for k, run in enumerate(outcome["runs"], 1)]
    return "\n".join(lines)


def hint(case, expected, got):
    """Which mistake gives this outcome; None when several would."""
    if not isinstance(got, dict):
        return None
    if got["built"] != expected["built"]:
        return "assigns-now"
    found = {mistake for mistake in MISTAKES if simulate(case, mistake) == got}
    if "ends-all" in found:  # another way to forget the outer block
        found = found - {"ends-all"} | {"forgets-outer"}
    return found.pop() if len(found) == 1 else None
