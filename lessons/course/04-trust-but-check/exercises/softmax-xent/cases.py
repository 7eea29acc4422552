"""Scores and right classes, plain ones and extreme ones."""

import numpy as np


def cases(rng):
    """One example, two, then large scores and random ones."""
    yield {"z": [[0.0, 0.0]], "y": [1]}
    yield {"z": [[1.0, 0.0, 2.0], [0.0, 3.0, 1.0]], "y": [2, 0]}
    yield {"z": [[10000.0, 0.0]], "y": [1]}
    yield {"z": [[-10000.0, 0.0], [10000.0, 9999.0]], "y": [0, 1]}
    for _ in range(12):
        n, scale = rng.randint(1, 4), rng.choice([1, 1, 1000])
        z = [[rng.randint(-6, 6) * scale / 2 for _ in range(3)] for _ in range(n)]
        yield {"z": z, "y": [rng.randrange(3) for _ in range(n)]}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    with np.errstate(all="ignore"):
        out = answer(np.array(case["z"]), np.array(case["y"]))
    if not isinstance(out, (tuple, list)) or len(out) != 2:
        return None if out is None else "not a loss and a gradient"
    grad = np.asarray(out[1])
    return {"loss": out[0], "shape": list(grad.shape), "grad": grad.tolist()}


def truth(case):
    """The same in long double, one example after the other."""
    grads, losses = [], []
    for row, right in zip(case["z"], case["y"], strict=True):
        z = np.array(row, dtype=np.longdouble)
        others = np.exp(z - z.max())
        p = others / others.sum()
        losses.append(float(z.max() - z[right] + np.log(others.sum())))
        grads.append([float(p[k]) - (k == right) for k in range(len(row))])
    return whole(np.mean(losses), np.array(grads) / len(losses))


def whole(loss, grad):
    """An outcome from its parts."""
    return {"loss": float(loss), "shape": list(grad.shape), "grad": grad.tolist()}


def same(case, expected, got):
    """The same loss and the same gradient."""
    return isinstance(got, dict) and close(expected["loss"], got["loss"]) and close(expected["grad"], got["grad"])


def close(one, other):
    """The same shape and the same numbers."""
    try:
        ours, theirs = np.array(one, float), np.array(other, float)
    except (TypeError, ValueError):
        return False
    return ours.shape == theirs.shape and bool(np.allclose(ours, theirs, rtol=1e-9, atol=1e-9))


def smaller(case):
    """The cases are small as they are: the simplest come first."""
    return ()


def show(case):
    """The case as the learner would type it."""
    return f"softmax_xent(np.array({case['z']}), np.array({case['y']}))"


def tell(case, outcome):
    """An outcome in the learner's terms."""
    if not isinstance(outcome, dict):
        return repr(outcome)
    return f"loss {outcome['loss']:.6g}\ngradient {rounded(outcome['grad'])}" if number(outcome["loss"]) else str(outcome)


def number(loss):
    """Whether it can be shown as one."""
    return isinstance(loss, (int, float))


def rounded(grad):
    """The gradient with four decimals, if it is one."""
    try:
        return np.round(np.array(grad, float), 4).tolist()
    except (TypeError, ValueError):
        return grad


def facts(case, expected, got):
    """How many examples there are."""
    return {"n": len(case["y"])}


def hint(case, expected, got):
    """Which mistake gives this outcome; None when several would."""
    if not isinstance(got, dict):
        return None
    try:
        numbers = np.array([got["loss"], *np.ravel(np.array(got["grad"], float))], float)
    except (TypeError, ValueError):
        return None
    if not np.isfinite(numbers).all():
        return "overflow"
    n, grad = len(case["y"]), np.array(expected["grad"])
    picked = np.zeros_like(grad)
    picked[np.arange(n), case["y"]] = 1 / n
    top = np.zeros_like(grad)
    top[np.arange(n), np.argmax(case["z"], axis=-1)] = 1 / n
    right = close(expected["loss"], got["loss"])
    explains = {
        "not-averaged": right and close(grad * n, got["grad"]),
        "averaged-twice": right and close(grad / n, got["grad"]),
        "no-truth": right and close(grad + picked, got["grad"]),
        "top-counted": right and close(grad + top, got["grad"]),
        "sign": right and close(-grad, got["grad"]),
        "summed": close(expected["loss"] * n, got["loss"]) and not right,
    }
    found = [id for id, fits in explains.items() if fits]
    return found[0] if len(found) == 1 else None
