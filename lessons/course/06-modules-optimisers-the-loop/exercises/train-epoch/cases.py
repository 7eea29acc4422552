"""A model of one weight on batches of numbers: where does the weight end, and what loss is told?"""

from math import isclose

RATE = 0.125
RIGHT = ["clear", "backward", "step"]
ORDERS = {
    "adds-up": ["backward", "step"],
    "cleared-late": ["backward", "clear", "step"],
    "old-gradients": ["backward", "step", "clear"],
    "step-early": ["clear", "step", "backward"],
    "never-steps": ["clear", "backward"],
}


class Loss:
    """A loss with a graph behind it: what is computed from it has one too."""

    def __init__(self, value, weight, slope):
        self.value, self.weight, self.slope = value, weight, slope

    def backward(self):
        """Add the slope to the weight's gradient."""
        self.weight.grad = (self.weight.grad or 0.0) + self.slope
        self.weight.log.append("backward")

    def item(self):
        """The plain number."""
        return self.value

    def __add__(self, other):
        return Loss(self.value + (other.value if isinstance(other, Loss) else other), self.weight, self.slope)

    def __mul__(self, number):
        return Loss(self.value * number, self.weight, self.slope * number)

    def __truediv__(self, number):
        return Loss(self.value / number, self.weight, self.slope / number)

    __radd__, __rmul__ = __add__, __mul__


class Model:
    """One weight; `modes` tells how it was set for each batch."""

    def __init__(self, weight, grad):
        self.weight, self.grad, self.training, self.modes, self.log = weight, grad, False, [], []

    def train(self, mode=True):
        """Set for training."""
        self.training = mode

    def eval(self):
        """Set for use."""
        self.training = False

    def __call__(self, x):
        self.modes.append(self.training)
        return [self.weight * v for v in x], x

    def loss_of(self, answer, y):
        """The mean square of what is missed."""
        guess, x = answer
        misses = [g - t for g, t in zip(guess, y, strict=True)]
        slope = sum(2 * m * v for m, v in zip(misses, x, strict=True)) / len(x)
        return Loss(sum(m * m for m in misses) / len(x), self, slope)

    def zero_grad(self, set_to_none=True):
        """Forget the gradient."""
        self.grad = None
        self.log.append("clear")

    def step(self):
        """Walk downhill, where there is a gradient."""
        self.log.append("step")
        if self.grad is not None:
            self.weight -= RATE * self.grad


def cases(rng):
    """One batch, two alike, a smaller last one, an old gradient; then random ones."""
    yield {"old": None, "batches": [[2.0]]}
    yield {"old": None, "batches": [[2.0], [3.0]]}
    yield {"old": None, "batches": [[2.0, 3.0], [1.0]]}
    yield {"old": 7.0, "batches": [[2.0]]}
    for _ in range(16):
        batches = [[float(rng.randint(1, 3)) for _ in range(rng.randint(1, 3))] for _ in range(rng.randint(1, 4))]
        yield {"old": rng.choice([None, 7.0]), "batches": batches}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    model = Model(5.0, case["old"])
    loader = [(list(x), [3.0 * v for v in x]) for x in case["batches"]]
    told = answer(model, model.loss_of, model, loader)
    return {"weight": model.weight, "told": told, "modes": model.modes, "calls": model.log}


def truth(case):
    """The same, worked out."""
    return trained(case, RIGHT)


def trained(case, order, tell="mean"):
    """What comes of these calls for each batch."""
    weight, grad, total, means, calls = 5.0, case["old"], 0.0, [], []
    for x in case["batches"]:
        misses = [weight * v - 3.0 * v for v in x]
        means.append(sum(m * m for m in misses) / len(x))
        total += sum(m * m for m in misses)
        slope = sum(2 * m * v for m, v in zip(misses, x, strict=True)) / len(x)
        for call in order:
            calls.append(call)
            if call == "clear":
                grad = None
            elif call == "backward":
                grad = (grad or 0.0) + slope
            elif grad is not None:
                weight -= RATE * grad
    told = {"mean": total / sum(map(len, case["batches"])), "batches": sum(means) / len(means), "last": means[-1]}[tell]
    return {"weight": weight, "told": told, "modes": [True] * len(means), "calls": calls}


def same(case, expected, got):
    """The same weight, the same loss, and the model was set for training."""
    return isinstance(got, dict) and moved(expected, got) and close(expected["told"], got["told"]) and modes(expected, got)


def moved(expected, got):
    """The weight ends in the same place."""
    return close(expected["weight"], got["weight"])


def modes(expected, got):
    """Every batch was seen by a model that was set for training."""
    return got["modes"] == expected["modes"]


def close(x, y):
    """Numbers that agree but for rounding."""
    return isinstance(y, (int, float)) and not isinstance(y, bool) and isclose(x, y, rel_tol=1e-9, abs_tol=1e-9)


def valid(case):
    """What a shrunk case must still be."""
    return bool(case["batches"]) and all(case["batches"]) and case["old"] in (None, 7.0) and all(
        v in (1.0, 2.0, 3.0) for batch in case["batches"] for v in batch
    )


def show(case):
    """The case as the learner would type it."""
    old = "no gradient yet" if case["old"] is None else f"an old gradient of {case['old']:g}"
    return f"a weight of 5 that should become 3, {old}\nbatches of x: {' · '.join(map(str, case['batches']))}"


def tell(case, outcome):
    """An outcome in the learner's terms."""
    if not isinstance(outcome, dict):
        return repr(outcome)
    told = outcome["told"]
    told = f"{told:.6g}" if isinstance(told, float) else repr(told)
    set_for = "training" if all(outcome["modes"]) else "use"
    return f"the weight ends at {outcome['weight']:.6g}, the loss told is {told}, the model was set for {set_for}"


def hint(case, expected, got):
    """Which mistake is seen; None when several would do it."""
    if not isinstance(got, dict):
        return None
    if not moved(expected, got):
        found = [id for id, order in ORDERS.items() if got["calls"] == trained(case, order)["calls"]]
        return found[0] if len(found) == 1 else None
    if not modes(expected, got):
        return "no-train"
    if repr(got["told"]).endswith("of type Loss"):
        return "keeps-graph"
    tellings = {"mean-of-means": "batches", "last-loss": "last"}
    found = [id for id, tell in tellings.items() if close(trained(case, RIGHT, tell)["told"], got["told"])]
    return found[0] if len(found) == 1 else None
