"""Tables, the rows that were picked, and what arrives for each."""

import numpy as np


def cases(rng):
    """A row once, a row twice, rows of several numbers; then random ones."""
    yield {"count": 2, "picked": [1], "g": [3.0]}
    yield {"count": 3, "picked": [2, 0], "g": [3.0, 5.0]}
    yield {"count": 3, "picked": [2, 2], "g": [3.0, 5.0]}
    yield {"count": 2, "picked": [1, 1], "g": [[3.0, 5.0], [2.0, 7.0]]}
    for _ in range(12):
        count, n, width = rng.randint(1, 5), rng.randint(1, 6), rng.randint(0, 3)
        shape = [n, width] if width else [n]
        g = np.array([rng.randint(2, 9) for _ in range(int(np.prod(shape)))], float).reshape(shape)
        yield {"count": count, "picked": [rng.randrange(count) for _ in range(n)], "g": g.tolist()}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    out = answer(case["count"], np.array(case["picked"]), np.array(case["g"]))
    if out is None:
        return None
    out = np.asarray(out)
    return {"shape": list(out.shape), "data": out.tolist()}


def truth(case):
    """The same as a matrix product: a row of the table is a sum over the places that picked it."""
    g = np.array(case["g"])
    took = np.arange(case["count"])[:, None] == np.array(case["picked"])
    out = took.astype(float) @ g
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
    return ours.shape == theirs.shape and bool(np.allclose(ours, theirs))


def smaller(case):
    """The cases are small as they are: the simplest come first."""
    return ()


def show(case):
    """The case as the learner would type it."""
    return f"picked, g = np.array({case['picked']}), np.array({case['g']})\ngather_vjp({case['count']}, picked, g)"


def tell(case, outcome):
    """An outcome in the learner's terms."""
    return str(outcome["data"]) if isinstance(outcome, dict) else repr(outcome)


def facts(case, expected, got):
    """The row that was picked most often."""
    return {"row": max(case["picked"], key=case["picked"].count)}


def hint(case, expected, got):
    """Which mistake gives these numbers; None when several would."""
    if not isinstance(got, dict):
        return None
    g, picked = np.array(case["g"]), np.array(case["picked"])
    lost, counted = np.zeros((case["count"], *g.shape[1:])), np.zeros((case["count"], *g.shape[1:]))
    lost[picked] = g
    np.add.at(counted, picked, np.ones_like(g))
    in_order = np.zeros_like(lost)
    in_order[: len(g)] = g[: case["count"]]
    wrong = {"lost": lost, "counts": counted, "in-order": in_order}
    found = [id for id, one in wrong.items() if alike(one, got["data"]) and not alike(one, expected["data"])]
    return found[0] if len(found) == 1 else None
