"""A model of one weight, whose loss falls fourfold with each good step: how many does it take?"""


class Loss:
    """The loss of one asking."""

    def __init__(self, model, miss):
        self.model, self.miss = model, miss

    def item(self):
        """The plain number."""
        return self.miss**2

    def backward(self):
        """Add the slope to the gradient."""
        self.model.grad = (self.model.grad or 0.0) + 2 * self.miss


class Model:
    """One weight, to become 0; it is its own optimiser."""

    def __init__(self, weight):
        self.weight, self.grad, self.steps = weight, None, 0

    def train(self, mode=True):
        """Nothing to be set."""

    def __call__(self, x):
        return self.weight

    def zero_grad(self):
        """Forget the gradient."""
        self.grad = None

    def step(self):
        """Half of the way, where there is a gradient."""
        self.steps += 1
        self.weight -= 0.25 * (self.grad or 0.0)


def cases(rng):
    """There already, one step, exactly at the goal, never; then random ones."""
    yield {"weight": 2.0, "goal": 8.0, "steps": 3}
    yield {"weight": 2.0, "goal": 2.0, "steps": 3}
    yield {"weight": 4.0, "goal": 1.0, "steps": 5}
    yield {"weight": 8.0, "goal": 2.0, "steps": 3}
    yield {"weight": 8.0, "goal": 2.0, "steps": 2}
    for _ in range(20):
        yield {"weight": 2.0 ** rng.randint(1, 5), "goal": rng.choice([1.0, 2.0, 0.5]), "steps": rng.randint(1, 8)}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    model = Model(case["weight"])
    told = answer(model, lambda out, y: Loss(model, out - y), model, 1.0, 0.0, goal=case["goal"], steps=case["steps"])
    return {"told": told, "steps": model.steps, "weight": model.weight}


def truth(case):
    """A good step halves the weight; nothing to count but halvings."""
    halvings = next(k for k in range(100) if (case["weight"] / 2**k) ** 2 < case["goal"])
    return {"told": halvings if halvings <= case["steps"] else None}


def walked(case, *, clear=True, fresh=True, equal=False, extra=1, count=0):
    """What is returned with these mistakes, and where the weight ends."""
    weight, grad = case["weight"], 0.0
    seen = weight
    for step in range(case["steps"] + extra):
        seen = weight if fresh else seen
        if seen**2 < case["goal"] or (equal and seen**2 == case["goal"]):
            return step + count, weight
        grad = 2 * seen + (0.0 if clear else grad)
        weight -= 0.25 * grad
    return None, weight


def same(case, expected, got):
    """The same count."""
    return isinstance(got, dict) and got["told"] == expected["told"] and type(got["told"]) is type(expected["told"])


def valid(case):
    """What a shrunk case must still be."""
    return case["weight"] in (2.0, 4.0, 8.0, 16.0, 32.0) and case["goal"] in (0.5, 1.0, 2.0, 8.0) and 0 < case["steps"] < 9


def show(case):
    """The case as the learner would type it."""
    falls = ", ".join(f"{(case['weight'] / 2**k) ** 2:g}" for k in range(4))
    return f"# the loss of the batch: {falls}, … if each step is right\noverfit(…, goal={case['goal']:g}, steps={case['steps']})"


def tell(case, outcome):
    """An outcome in the learner's terms."""
    if not isinstance(outcome, dict):
        return repr(outcome)
    return f"{outcome['told']!r}, after {outcome['steps']} steps"


def facts(case, expected, got):
    """Both counts."""
    return {"expected": expected["told"], "got": got["told"] if isinstance(got, dict) else got}


def hint(case, expected, got):
    """Which mistake returns this; None when several would."""
    if not isinstance(got, dict) or not (got["told"] is None or type(got["told"]) is int):
        return None
    if expected["told"] is None and got["told"] is not None:
        return "false-success" if got["told"] >= case["steps"] else None
    explains = {
        "off-by-one": {"count": 1}, "gives-up-early": {"extra": 0}, "adds-up": {"clear": False},
        "same-answer": {"fresh": False}, "not-below": {"equal": True},
    }
    came = got["told"], got["weight"]
    found = [id for id, mistake in explains.items() if walked(case, **mistake) == came and came[0] != expected["told"]]
    return found[0] if len(found) == 1 else None
