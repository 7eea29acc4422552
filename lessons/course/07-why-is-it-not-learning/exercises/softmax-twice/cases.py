"""Small classifiers and examples: which loss, which probabilities?"""

from math import isclose

import numpy as np


def cases(rng):
    """Two classes and one example; then random ones."""
    yield {"weight": [[3.0, -2.0]], "bias": [0.0, 0.0], "x": [[1.0]], "y": [0]}
    yield {"weight": [[3.0, -2.0]], "bias": [2.0, -3.0], "x": [[1.0]], "y": [1]}
    for _ in range(12):
        features, classes, n = rng.randint(1, 2), rng.randint(2, 4), rng.randint(1, 3)
        numbers = [-3.0, -2.0, 2.0, 3.0]
        yield {
            "weight": [[rng.choice(numbers) for _ in range(classes)] for _ in range(features)],
            "bias": [float(k) * rng.choice([-1, 1]) for k in range(2, 2 + classes)],
            "x": [[rng.choice(numbers) for _ in range(features)] for _ in range(n)],
            "y": [rng.randrange(classes) for _ in range(n)],
        }


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    model = answer(np.array(case["weight"]), np.array(case["bias"]))
    x, y = np.array(case["x"]), np.array(case["y"])
    return {"loss": model.loss(x, y), "probabilities": np.asarray(model.probabilities(x)).tolist()}


def truth(case):
    """The same by sums in plain Python."""
    return outcome(case)


def outcome(case, *, in_loss=1, in_probabilities=1, bias=True):
    """Loss and probabilities when softmax is applied so many times in each."""
    z = np.array(case["x"]) @ np.array(case["weight"]) + (np.array(case["bias"]) if bias else 0.0)

    def squeezed(times):
        p = z
        for _ in range(times):
            p = np.exp(p - np.log(np.exp(p).sum(axis=1, keepdims=True)))
        return p

    right = squeezed(in_loss)[range(len(case["y"])), case["y"]]
    return {"loss": float(-np.log(right).mean()), "probabilities": squeezed(in_probabilities).tolist()}


def same(case, expected, got):
    """The same numbers but for rounding."""
    return isinstance(got, dict) and close(expected["loss"], got["loss"]) and alike(expected, got)


def alike(expected, got):
    """The same probabilities but for rounding."""
    one, other = expected["probabilities"], got["probabilities"]
    return (
        isinstance(other, list) and len(one) == len(other) and all(isinstance(row, list) for row in other)
        and all(len(a) == len(b) and all(map(close, a, b)) for a, b in zip(one, other, strict=True))
    )


def close(x, y):
    """Numbers that agree but for rounding."""
    return isinstance(y, (int, float)) and not isinstance(y, bool) and isclose(x, y, rel_tol=1e-7, abs_tol=1e-9)


def valid(case):
    """What a shrunk case must still be."""
    classes = len(case["bias"])
    rows = all(len(row) == classes for row in case["weight"]) and all(len(x) == len(case["weight"]) for x in case["x"])
    fits = rows and len(case["x"]) == len(case["y"]) > 0 and all(type(y) is int and 0 <= y < classes for y in case["y"])
    return fits and classes > 1 and len(case["weight"]) > 0


def smaller(case):
    """An example less."""
    for k in range(len(case["y"])):
        yield {**case, "x": case["x"][:k] + case["x"][k + 1 :], "y": case["y"][:k] + case["y"][k + 1 :]}


def show(case):
    """The case as the learner would type it."""
    return f"model = Classifier(weight={case['weight']}, bias={case['bias']})\nx, y = {case['x']}, {case['y']}"


def tell(case, outcome):
    """An outcome in the learner's terms."""
    if not isinstance(outcome, dict):
        return repr(outcome)
    rows = outcome["probabilities"]
    rows = [[round(p, 4) for p in row] for row in rows] if alike(outcome, outcome) else rows
    loss = outcome["loss"]
    return f"loss {round(loss, 4) if isinstance(loss, float) else loss!r}\nprobabilities {rows}"


def facts(case, expected, got):
    """The lowest loss that two softmaxes allow."""
    return {"floor": float(np.log(1 + (len(case["bias"]) - 1) * np.exp(-1)))}


def hint(case, expected, got):
    """Which mistake gives these numbers; None when several would."""
    if not isinstance(got, dict):
        return None
    if close(outcome(case, in_loss=2)["loss"], got["loss"]) and not close(expected["loss"], got["loss"]):
        return "twice"
    explains = {
        "raw": {"in_probabilities": 0}, "flattened": {"in_probabilities": 2}, "no-bias": {"bias": False},
    }
    found = []
    for id, mistake in explains.items():
        would = outcome(case, **mistake)
        if same(case, would, got) and not same(case, expected, would):
            found.append(id)
    return found[0] if len(found) == 1 else None
