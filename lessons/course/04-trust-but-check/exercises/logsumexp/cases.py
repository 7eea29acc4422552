"""Scores of every size, with some crossed out."""

from math import exp, log

import numpy as np


def cases(rng):
    """Plain scores, rows, very large and very small ones, crossed out ones; then random mixtures."""
    yield {"z": [0.0, 1.0]}
    yield {"z": [[0.0, 1.0], [2.0, 3.0]]}
    yield {"z": [10000.0, 10001.0]}
    yield {"z": [-10000.0, -10002.0]}
    yield {"z": [[10000.0, 9999.0], [-10000.0, -10001.0]]}
    yield {"z": ["-inf", 2.0, 0.0]}
    yield {"z": [[1.0, "-inf"], ["-inf", 10000.0]]}
    for _ in range(10):
        rows, scale = rng.randint(1, 3), rng.choice([1, 10, 1000])
        yield {"z": [[rng.randint(-9, 9) * scale / 2 for _ in range(3)] for _ in range(rows)]}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    with np.errstate(all="ignore"):
        out = answer(np.array(case["z"], dtype=float))
    if out is None:
        return None
    out = np.asarray(out)
    return {"shape": list(out.shape), "data": out.tolist()}


def truth(case):
    """The same, row by row in plain Python, over the differences to the largest."""

    def row(z):
        z = sorted(map(float, z), reverse=True)
        return z[0] + log(1 + sum(exp(x - z[0]) for x in z[1:]))

    z = case["z"]
    data = [row(one) for one in z] if isinstance(z[0], list) else row(z)
    return {"shape": list(np.shape(data)), "data": data}


def same(case, expected, got):
    """The same shape and the same numbers."""
    return isinstance(got, dict) and alike(expected["data"], got["data"])


def alike(one, other):
    """The same shape and the same numbers, infinities included."""
    try:
        ours, theirs = np.array(one, float), np.array(other, float)
    except (TypeError, ValueError):
        return False
    return ours.shape == theirs.shape and bool(np.allclose(ours, theirs, rtol=1e-12, atol=1e-10))


def smaller(case):
    """The cases are small as they are: the simplest come first."""
    return ()


def show(case):
    """The case as the learner would type it."""
    return f"logsumexp(np.array({case['z']}))".replace("'-inf'", "-np.inf")


def tell(case, outcome):
    """An outcome in the learner's terms."""
    return str(outcome["data"]) if isinstance(outcome, dict) else repr(outcome)


def hint(case, expected, got):
    """Which mistake gives these numbers; None when several would."""
    if not isinstance(got, dict):
        return None
    z = np.array(case["z"], dtype=float)
    with np.errstate(all="ignore"):
        top = z.max(axis=-1, keepdims=True)
        small = np.exp(z - top).sum(axis=-1)
        explains = {
            "overflow": np.log(np.exp(z).sum(axis=-1)),
            "not-back": np.log(small),
            "one-top": np.log(np.exp(z - z.max()).sum(axis=-1)) + z.max(),
            "all-rows": np.log(np.exp(z - top).sum()) + top[..., 0],
        }
        padded = [np.log(small + tiny) + top[..., 0] for tiny in (1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6)]
    found = [id for id, one in explains.items() if alike(one, got["data"]) and not alike(one, expected["data"])]
    if not found and any(alike(one, got["data"]) for one in padded):
        return "padded"
    if z.ndim > 1 and got["shape"] == [] and not found:
        return "all-rows"
    return found[0] if len(found) == 1 else None
