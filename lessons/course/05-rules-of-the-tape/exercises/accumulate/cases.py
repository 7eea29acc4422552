"""Batches of numbers, a weight that should come near them, and an old gradient."""

from math import isclose


class Weight:
    """A number and its gradient."""

    def __init__(self, data, grad):
        self.data, self.grad = data, grad


def cases(rng):
    """One batch, two equal ones, two that differ; then random ones."""
    yield {"weight": 2.0, "old": None, "batches": [[1.0, 5.0]]}
    yield {"weight": 2.0, "old": None, "batches": [[1.0, 5.0], [3.0, 7.0]]}
    yield {"weight": 2.0, "old": None, "batches": [[1.0, 5.0, 3.0], [7.0]]}
    yield {"weight": 2.0, "old": 7.0, "batches": [[1.0, 5.0]]}
    for _ in range(12):
        batches = [[float(rng.randint(3, 9)) for _ in range(rng.randint(1, 4))] for _ in range(rng.randint(1, 4))]
        yield {"weight": 2.0, "old": rng.choice([None, 7.0]), "batches": batches}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    weight = Weight(case["weight"], case["old"])

    def backward(batch, scale=1.0):
        grad = scale * sum(2 * (weight.data - x) for x in batch) / len(batch)
        weight.grad = grad if weight.grad is None else weight.grad + grad

    answer(weight, backward, [list(batch) for batch in case["batches"]])
    return weight.grad


def truth(case):
    """The same from all examples at once."""
    everything = [x for batch in case["batches"] for x in batch]
    return 2 * (case["weight"] - sum(everything) / len(everything))


def means(case):
    """The gradient of each batch's mean loss."""
    return [2 * (case["weight"] - sum(batch) / len(batch)) for batch in case["batches"]]


def same(case, expected, got):
    """The same number but for rounding."""
    return close(expected, got)


def close(x, y):
    """Numbers that agree but for rounding."""
    return isinstance(y, (int, float)) and not isinstance(y, bool) and isclose(x, y, rel_tol=1e-9, abs_tol=1e-9)


def valid(case):
    """What a shrunk case must still be."""
    return bool(case["batches"]) and all(case["batches"]) and case["weight"] == 2.0 and case["old"] in (None, 7.0)


def show(case):
    """The case as the learner would type it."""
    return f"weight.data, weight.grad = {case['weight']:g}, {case['old']}\naccumulate(weight, backward, {case['batches']})"


def facts(case, expected, got):
    """How many times too large."""
    number = isinstance(got, (int, float)) and expected
    return {"ratio": round(got / expected, 2) if number else 0.0}


def hint(case, expected, got):
    """Which mistake gives this gradient; None when several would."""
    grads, sizes = means(case), [len(batch) for batch in case["batches"]]
    weighted = [g * n / sum(sizes) for g, n in zip(grads, sizes, strict=True)]
    explains = {
        "sum-of-means": sum(grads),
        "equal-weights": sum(grads) / len(grads),
        "stale": expected + (case["old"] or 0.0),
        "last-only": weighted[-1],
    }
    found = [id for id, number in explains.items() if close(number, got) and not close(number, expected)]
    return found[0] if len(found) == 1 else None
