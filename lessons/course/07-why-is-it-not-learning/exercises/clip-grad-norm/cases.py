"""Gradients of a few weights, too long or not: what is left of each, and what is told?"""

from math import isclose

import numpy as np

MISTAKES = ("each-alone", "values", "stretches", "sum-of-lengths", "tells-after", "no-root")


class Weight:
    """Something with a gradient."""

    def __init__(self, grad):
        self.grad = grad


def cases(rng):
    """Too long, short enough, one without a gradient; then random ones."""
    yield {"grads": [[3.0, 4.0]], "max_norm": 2.0}
    yield {"grads": [[3.0], [4.0]], "max_norm": 2.0}
    yield {"grads": [[0.3, 0.4]], "max_norm": 2.0}
    yield {"grads": [[3.0, -4.0], None, [12.0]], "max_norm": 2.0}
    for _ in range(16):
        grads = [[float(rng.randint(2, 9)) * rng.choice([-1, 1]) for _ in range(rng.randint(1, 3))] for _ in range(3)]
        scale = rng.choice([1.0, 0.0625])
        grads = [None if k and rng.random() < 0.2 else [scale * v for v in g] for k, g in enumerate(grads[: rng.randint(1, 3)])]
        yield {"grads": grads, "max_norm": 2.0}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    weights = [Weight(None if g is None else np.array(g)) for g in case["grads"]]
    with np.errstate(all="ignore"):
        told = answer(weights, case["max_norm"])
    return {"told": told, "left": [None if w.grad is None else np.asarray(w.grad).tolist() for w in weights]}


def truth(case):
    """The same by NumPy's own length."""
    return clipped(case)


def clipped(case, mistake=None):
    """What is left and what is told, with one mistake."""
    limit, grads = case["max_norm"], case["grads"]
    there = [np.array(g) for g in grads if g is not None]
    length = float(np.linalg.norm(np.concatenate(there)))
    if mistake == "sum-of-lengths":
        length = sum(float(np.abs(g).sum()) for g in there)
    if mistake == "no-root":
        length = length**2
    factor = limit / length if length > limit or mistake == "stretches" else 1.0
    left = []
    for g in grads:
        if g is None:
            left.append(None)
        elif mistake == "each-alone":
            own = float(np.linalg.norm(g))
            left.append([v * min(1.0, limit / own) for v in g])
        elif mistake == "values":
            left.append(np.clip(g, -limit, limit).tolist() if length > limit else g)
        else:
            left.append([v * factor for v in g])
    return {"told": min(length, limit) if mistake == "tells-after" else length, "left": left}


def same(case, expected, got):
    """The same numbers but for rounding."""
    return isinstance(got, dict) and close(expected["told"], got["told"]) and alike(expected["left"], got["left"])


def alike(one, other):
    """The same gradients but for rounding."""
    return all(
        x is y is None
        or (isinstance(x, list) and isinstance(y, list) and len(x) == len(y) and all(map(close, x, y)))
        for x, y in zip(one, other, strict=True)
    )


def close(x, y):
    """Numbers that agree but for rounding."""
    return isinstance(y, (int, float)) and not isinstance(y, bool) and isclose(x, y, rel_tol=1e-6, abs_tol=1e-9)


def valid(case):
    """What a shrunk case must still be."""
    there = [g for g in case["grads"] if g is not None]
    return case["max_norm"] == 2.0 and bool(there) and all(there) and all(v for g in there for v in g)


def show(case):
    """The case as the learner would type it."""
    return f"gradients {', '.join(map(str, case['grads']))}\nclip_grad_norm(weights, max_norm={case['max_norm']})"


def tell(case, outcome):
    """An outcome in the learner's terms."""
    if not isinstance(outcome, dict):
        return repr(outcome)
    left = [[round(v, 4) if isinstance(v, float) else v for v in g] if isinstance(g, list) else g for g in outcome["left"]]
    told = outcome["told"]
    return f"returned {round(float(told), 4) if isinstance(told, float) else told!r}, left {', '.join(map(str, left))}"


def facts(case, expected, got):
    """The length that is right, and the one that was told."""
    number = isinstance(got, dict) and isinstance(got["told"], (int, float)) and not isinstance(got["told"], bool)
    return {"told": got["told"] if number else 0.0, "length": clipped(case)["told"]}


def hint(case, expected, got):
    """Which mistake leaves these gradients; None when several would."""
    if not isinstance(got, dict):
        return None
    found = []
    for mistake in MISTAKES:
        would = clipped(case, mistake)
        if not alike(would["left"], got["left"]) or same(case, expected, would):
            continue
        changed = not alike(would["left"], expected["left"])
        if close(would["told"], got["told"]) or (changed and mistake in ("each-alone", "values")):
            found.append(mistake)
    return found[0] if len(found) == 1 else None
