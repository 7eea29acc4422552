"""Models as trees of modules, lists and weights: which weights are found, and what does loading change?"""


class Weight:
    """A number and its gradient."""

    def __init__(self, data):
        self.data, self.grad = data, None


def cases(rng):
    """A model is a tree: a number is a weight, the same number the same weight, a dictionary a module, text is just text."""
    yield {"model": {"w": 2}, "load": "own"}
    yield {"model": {"w": 2, "b": 3, "kind": "relu"}, "load": "own"}
    yield {"model": {"layer": {"w": 2}}, "load": "own"}
    yield {"model": {"layers": [2, 3]}, "load": "own"}
    yield {"model": {"w": 2, "again": 2}, "load": "own"}
    yield {"model": {"w": 2, "b": 3}, "load": "missing"}
    yield {"model": {"w": 2, "b": 3}, "load": "extra"}
    yield {"model": {"layers": [{"w": 2, "b": 3}, {"w": 4}]}, "load": "own"}

    def tree(depth):
        numbers = iter(rng.sample(range(2, 30), 20))
        made = [2]

        def thing(depth):
            kind = rng.random()
            if depth == 0 or kind < 0.4:
                made.append(rng.choice(made) if rng.random() < 0.2 else next(numbers))
                return made[-1]
            if kind < 0.7:
                return {name: thing(depth - 1) for name in rng.sample(["w", "b", "inner"], 2)}
            return [thing(depth - 1) for _ in range(rng.randint(1, 2))] if kind < 0.9 else "relu"

        return {"a": thing(depth), "b": thing(depth), "c": made[-1]}

    for _ in range(14):
        yield {"model": tree(2), "load": rng.choice(["own", "missing", "extra"])}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    weights = {}

    def build(plan):
        if isinstance(plan, dict):
            module = answer()
            for name, part in plan.items():
                setattr(module, name, build(part))
            return module
        if isinstance(plan, list):
            return [build(part) for part in plan]
        if isinstance(plan, str):
            return plan
        return weights.setdefault(plan, Weight(plan))

    model = build(case["model"])
    found = [[n for n, w in weights.items() if w is p] for p in model.parameters()]
    state = dict(model.state_dict())
    new = {name: -number for name, number in state.items()}
    if case["load"] == "missing":
        new.pop(next(reversed(new)), None)
    if case["load"] == "extra":
        new["other"] = 1
    try:
        model.load_state_dict(new)
        said = "loaded"
    except KeyError:
        said = "KeyError"
    return {"parameters": found, "state": state, "said": said, "after": [w.data for w in weights.values()]}


def walk(plan, name="", lists=True, deep=True):
    """Every weight of a plan with its name."""
    if isinstance(plan, int):
        return [(name, plan)]
    parts = plan.items() if isinstance(plan, dict) else enumerate(plan) if isinstance(plan, list) and lists else ()
    found = []
    for key, part in parts:
        if deep or isinstance(part, int):
            found += walk(part, f"{name}.{key}".lstrip("."), lists, deep)
    return found


def truth(case):
    """What the plan says."""
    return outcome(case)


def outcome(case, *, lists=True, deep=True, once=True, all_names=True):
    """What comes of a plan with these mistakes in finding weights."""
    found = walk(case["model"], lists=lists, deep=deep)
    unique = list(dict.fromkeys(number for _, number in found))
    names = {name: number for name, number in found}
    if not all_names:
        names = {next(n for n, w in found if w == number): number for number in unique}
    everything = list(dict.fromkeys(number for _, number in walk(case["model"])))
    fits = case["load"] == "own" or (case["load"] == "missing" and not names)
    return {
        "parameters": [[number] for number in (unique if once else [number for _, number in found])],
        "state": names,
        "said": "loaded" if fits else "KeyError",
        "after": [-number if fits and number in unique else number for number in everything],
    }


def same(case, expected, got):
    """The same weights, names and numbers; the order of names does not matter."""
    return got == expected and all(type(x) is int for x in got["after"])


def valid(case):
    """What a shrunk case must still be."""
    def fine(plan):
        if isinstance(plan, dict):
            return all(fine(part) for part in plan.values())
        return all(fine(part) for part in plan) if isinstance(plan, list) else plan == "relu" or plan > 1

    return isinstance(case["model"], dict) and bool(walk(case["model"])) and fine(case["model"])


def smaller(case):
    """A part less, somewhere, or a part in place of what holds it."""
    def less(plan):
        keys = list(plan) if isinstance(plan, dict) else range(len(plan)) if isinstance(plan, list) else ()
        for key in keys:
            def put(part, key=key):
                if isinstance(plan, dict):
                    return {k: v for k, v in {**plan, key: part}.items() if v is not None}
                return [v for v in [*plan[:key], part, *plan[key + 1 :]] if v is not None]

            yield put(None)
            for part in less(plan[key]):
                yield put(part)

    for model in less(case["model"]):
        yield {**case, "model": model}


def show(case):
    """The model in words, and what is loaded."""
    def words(plan):
        if isinstance(plan, dict):
            return "Module(" + ", ".join(f"{name}={words(part)}" for name, part in plan.items()) + ")"
        if isinstance(plan, list):
            return "[" + ", ".join(map(words, plan)) + "]"
        return f"'{plan}'" if isinstance(plan, str) else f"weight {plan}"

    state = {"own": "all numbers negative", "missing": "the last name missing", "extra": "a name 'other' too many"}
    return f"model = {words(case['model'])}\nstate = model.state_dict(), {state[case['load']]}\nmodel.load_state_dict(state)"


def tell(case, outcome):
    """An outcome in the learner's terms."""
    if not isinstance(outcome, dict):
        return repr(outcome)
    found = [n[0] if len(n) == 1 else "something else" for n in outcome["parameters"]]
    names = ", ".join(f"{name}: {number}" for name, number in outcome["state"].items())
    return f"parameters(): weights {found}\nstate_dict(): {names}\nloading: {outcome['said']}, then {outcome['after']}"


def hint(case, expected, got):
    """Which mistake gives this outcome; None when several would."""
    if not isinstance(got, dict) or not isinstance(got["state"], dict):
        return None
    explains = {
        "lists": {"lists": False}, "flat": {"deep": False}, "twice": {"once": False}, "one-name": {"all_names": False},
    }
    found = [id for id, mistake in explains.items() if got == outcome(case, **mistake) != expected]
    if found:
        return found[0] if len(found) == 1 else None
    if (got["parameters"], got["state"]) != (expected["parameters"], expected["state"]) or expected["said"] != "KeyError":
        return None
    if got["said"] == "KeyError":
        return "half-done" if got["after"] != expected["after"] else None
    return "lenient"
