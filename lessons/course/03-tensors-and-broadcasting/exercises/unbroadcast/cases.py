"""Gradients that arrive in the stretched shape, and the shape that they must have."""

import numpy as np


def cases(rng):
    """One kind of stretching at a time, then mixtures; small whole numbers, so that sums are exact."""
    pairs = [
        ([2], []), ([2], [1]), ([2, 3], [3]), ([2, 3], [1, 3]), ([2, 3], [2, 1]), ([2, 3], [1, 1]),
        ([2, 3], []), ([2, 2, 2], [2]), ([2, 3], [2, 3]), ([3, 3], [3, 1]), ([1, 3], [3]),
    ]  # fmt: skip
    for _ in range(12):
        big = [rng.randint(2, 3) for _ in range(rng.randint(1, 4))]
        small = [rng.choice([size, 1]) for size in big][rng.randint(0, len(big)) :]
        pairs.append((big, small))
    for big, small in pairs:
        count = int(np.prod(big))
        yield {"g": np.array([rng.randint(1, 9) for _ in range(count)], float).reshape(big).tolist(), "shape": small}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    out = answer(np.array(case["g"]), tuple(case["shape"]))
    if out is None:
        return None
    out = np.asarray(out)
    return {"shape": list(out.shape), "data": out.tolist()}


def truth(case):
    """The same, number by number: each goes to the place that it was copied from."""
    g = np.array(case["g"])
    out = np.zeros(case["shape"])
    skip = g.ndim - out.ndim
    for place in np.ndindex(g.shape):
        out[tuple(i if size > 1 else 0 for i, size in zip(place[skip:], out.shape, strict=True))] += g[place]
    return {"shape": list(out.shape), "data": out.tolist()}


def same(case, expected, got):
    """The same shape and the same numbers."""
    return isinstance(got, dict) and got["shape"] == expected["shape"] and alike(expected, got)


def alike(expected, got):
    """The same numbers, in whatever shape."""
    try:
        ours, theirs = (np.array(one["data"], float).ravel() for one in (expected, got))
    except (TypeError, ValueError):
        return False
    return ours.shape == theirs.shape and bool(np.allclose(ours, theirs))


def smaller(case):
    """The cases are small as they are: the simplest come first."""
    return ()


def show(case):
    """The case as the learner would type it."""
    return f"g = np.array({case['g']})\nunbroadcast(g, {tuple(case['shape'])})"


def tell(case, outcome):
    """An outcome in the learner's terms."""
    if not isinstance(outcome, dict):
        return repr(outcome)
    return f"{outcome['data']}, shape {tuple(outcome['shape'])}"


def facts(case, expected, got):
    """Shapes and sizes to talk about."""
    shape = tuple(got["shape"]) if isinstance(got, dict) else ""
    return {"size": int(np.prod(case["shape"])), "want": tuple(case["shape"]), "got": shape}


def hint(case, expected, got):
    """Which mistake gives this array; None when several would."""
    if not isinstance(got, dict):
        return None
    g = np.array(case["g"])
    copies = g.size / max(1, int(np.prod(case["shape"])))
    summed = np.array(truth(case)["data"])
    first = g
    while first.ndim > len(case["shape"]):
        first = first[0]
    for axis, size in enumerate(case["shape"]):
        first = first.take([0], axis=axis) if size == 1 else first
    explains = {
        "unchanged": got["shape"] == list(g.shape) != case["shape"] and alike({"data": g.tolist()}, got),
        "first-only": g.ndim > 1 and alike({"data": g.sum(axis=0).tolist()}, got) and not alike(expected, got),
        "mean": copies > 1 and got["shape"] == case["shape"] and alike({"data": (summed / copies).tolist()}, got),
        "dropped": got["shape"] != case["shape"] and alike(expected, got),
        "first-copy": copies > 1 and got["shape"] == case["shape"] and alike({"data": first.tolist()}, got),
    }
    found = [id for id, fits in explains.items() if fits]
    return found[0] if len(found) == 1 else None
