"""Rows that are summed, averaged or maximised, some with several maxima."""

import numpy as np

KINDS = ("sum", "mean", "max")


def cases(rng):
    """One row, two rows, equal maxima; then random ones."""
    for kind in KINDS:
        yield {"kind": kind, "x": [1.0, 5.0, 2.0], "g": 6.0}
        yield {"kind": kind, "x": [[1.0, 5.0], [4.0, 2.0]], "g": [6.0, 2.0]}
        yield {"kind": kind, "x": [5.0, 1.0, 5.0], "g": 6.0}
    for _ in range(15):
        shape = [rng.randint(1, 3) for _ in range(rng.randint(0, 2))]
        whole = np.array([rng.randint(0, 4) for _ in range(int(np.prod(shape)) * 3)], float)
        g = np.array([rng.randint(1, 9) for _ in range(int(np.prod(shape)))], float)
        yield {"kind": rng.choice(KINDS), "x": whole.reshape([*shape, 3]).tolist(), "g": g.reshape(shape).tolist()}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    out = answer(case["kind"], np.array(case["x"]), np.array(case["g"]))
    if out is None:
        return None
    out = np.asarray(out)
    return {"shape": list(out.shape), "data": out.tolist()}


def truth(case):
    """The same, by nudging each number both ways and taking the mean of the two slopes."""
    x, g, h = np.array(case["x"]), np.array(case["g"]), 1e-6
    f = {"sum": np.sum, "mean": np.mean, "max": np.max}[case["kind"]]
    out = np.zeros(x.shape)
    for row in np.ndindex(x.shape[:-1]):
        for k in range(x.shape[-1]):
            up, down = x[row].copy(), x[row].copy()
            up[k], down[k] = up[k] + h, down[k] - h
            out[(*row, k)] = g[row] * (f(up) - f(down)) / (2 * h)
        if case["kind"] == "max":  # a nudge sees half of a tie, whatever its size
            top = x[row] == x[row].max()
            out[row] = np.where(top, g[row] / top.sum(), 0.0)
    return {"shape": list(out.shape), "data": out.tolist()}


def same(case, expected, got):
    """The same shape and the same numbers."""
    return isinstance(got, dict) and alike(expected["data"], got["data"])


def alike(one, other):
    """The same shape and the same numbers."""
    try:
        ours, theirs = np.array(one, float), np.array(other, float)
    except (TypeError, ValueError):
        return False
    return ours.shape == theirs.shape and bool(np.allclose(ours, theirs, atol=1e-6))


def smaller(case):
    """The cases are small as they are: the simplest come first."""
    return ()


def show(case):
    """The case as the learner would type it."""
    return f"x, g = np.array({case['x']}), np.array({case['g']})\nreduce_vjp(\"{case['kind']}\", x, g)"


def tell(case, outcome):
    """An outcome in the learner's terms."""
    return str(outcome["data"]) if isinstance(outcome, dict) else repr(outcome)


def facts(case, expected, got):
    """How many numbers there are in a row."""
    return {"count": np.array(case["x"]).shape[-1]}


def hint(case, expected, got):
    """Which mistake gives these numbers; None when several would."""
    if not isinstance(got, dict):
        return None
    x, g = np.array(case["x"]), np.array(case["g"])[..., None]
    ones, top = np.ones_like(x), x == x.max(axis=-1, keepdims=True)
    whole = x == x.max()
    first = np.arange(x.shape[-1]) == x.argmax(axis=-1)[..., None]
    explains = {
        "mean": {"mean-as-sum": g * ones, "mean-of-all": g * ones / x.size},
        "max": {
            "ties-twice": g * top,
            "ties-first": g * first,
            "max-of-all": g * whole / whole.sum(),
            "max-everywhere": g * ones,
        },
    }.get(case["kind"], {})
    found = [id for id, wrong in explains.items() if alike(wrong, got["data"]) and not alike(wrong, expected["data"])]
    return found[0] if len(found) == 1 else None
