"""Pairs of shapes of up to four dims, some of which do not fit."""

from itertools import zip_longest


def cases(rng):
    """Simple pairs, then random ones, half of them made to fit."""
    simple = [([3], [3]), ([4, 3], [3]), ([3], [4, 3]), ([3, 1], [3]), ([1, 3], [3, 1])]
    for a, b in [*simple, ([], [2]), ([2], [3]), ([3, 2], [3]), ([0], [1])]:
        yield {"a": a, "b": b}
    for _ in range(60):
        a = [rng.choice([1, 2, 3]) for _ in range(rng.randint(0, 4))]
        b = [rng.choice([1, 2, 3]) for _ in range(rng.randint(0, 4))]
        if rng.random() < 0.6:
            b = [rng.choice([s, s, 1]) for s in a][rng.randint(0, len(a)) :]
        yield {"a": a, "b": b} if rng.random() < 0.5 else {"a": b, "b": a}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    try:
        shape = answer(tuple(case["a"]), tuple(case["b"]))
    except ValueError:
        return "ValueError"
    return list(shape) if isinstance(shape, (tuple, list)) else shape


def truth(case):
    """The same, from the shapes turned round."""
    sizes = [{x, y} for x, y in zip_longest(reversed(case["a"]), reversed(case["b"]), fillvalue=1)]
    if any(len(pair - {1}) > 1 for pair in sizes):
        return "ValueError"
    return [next(iter(pair - {1}), 1) for pair in reversed(sizes)]


def same(case, expected, got):
    """The same shape, or an error for both."""
    return got == expected and not isinstance(got, bool)


def valid(case):
    """What a shrunk case must still be."""
    return all(0 <= size <= 4 for size in case["a"] + case["b"]) and max(len(case["a"]), len(case["b"])) <= 4


def show(case):
    """The case as the learner would type it."""
    return f"broadcast_shape({tuple(case['a'])}, {tuple(case['b'])})"


def tell(case, outcome):
    """An outcome in the learner's terms."""
    return str(tuple(outcome)) if isinstance(outcome, list) else str(outcome)


def hint(case, expected, got):
    """Which mistake gives this shape; None when several would."""
    a, b = case["a"], case["b"]
    left = truth({"a": a[::-1], "b": b[::-1]})
    left = left if left == "ValueError" else left[::-1]
    explains = {
        "aligned-left": len(a) != len(b) and got == left,
        "too-kind": expected == "ValueError" and isinstance(got, list) and len(got) == max(len(a), len(b)),
        "too-strict": got == "ValueError" and left != "ValueError",
        "shorter": isinstance(got, list) and len(got) < max(len(a), len(b)),
    }
    found = [id for id, fits in explains.items() if fits]
    return found[0] if len(found) == 1 else None
