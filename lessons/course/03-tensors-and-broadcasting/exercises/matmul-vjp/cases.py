"""Products of matrices and of batches of them, and the gradient that arrives."""

import numpy as np


def cases(rng):
    """Square ones first: there the wrong product can be computed, so it can be named."""
    shapes = [
        ([2, 2], [2, 2]), ([2, 3], [3, 2]), ([1, 3], [3, 2]), ([2, 2, 2], [2, 2, 2]),
        ([3, 2, 2], [2, 2]), ([2, 2], [3, 2, 2]), ([2, 1, 2], [2, 3]), ([2, 3, 2, 2], [2, 2]),
    ]  # fmt: skip
    for _ in range(8):
        n, k, m, batch = (rng.randint(1, 3) for _ in range(4))
        shapes.append(rng.choice([([n, k], [k, m]), ([batch, n, k], [batch, k, m]), ([batch, n, k], [k, m])]))

    def whole(shape):
        count = int(np.prod(shape))
        return np.array([rng.randint(-5, 9) for _ in range(count)], float).reshape(shape)

    for left, right in shapes:
        a, b = whole(left), whole(right)
        yield {"A": a.tolist(), "B": b.tolist(), "G": whole((a @ b).shape).tolist()}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    out = answer(*(np.array(case[name]) for name in "ABG"))
    if not isinstance(out, (tuple, list)):
        return None if out is None else "not two arrays"
    arrays = [np.asarray(array) for array in out]
    return [{"shape": list(array.shape), "data": array.tolist()} for array in arrays]


def truth(case):
    """The same, number by number: each product of the forward pass sends G times the other factor to both."""
    a, b, g = (np.array(case[name]) for name in "ABG")
    grad_a, grad_b = np.zeros(a.shape), np.zeros(b.shape)
    for place in np.ndindex(g.shape):
        *batch, i, j = place
        in_a, in_b = batch[len(batch) - a.ndim + 2 :], batch[len(batch) - b.ndim + 2 :]
        for k in range(a.shape[-1]):
            grad_a[(*in_a, i, k)] += g[place] * b[(*in_b, k, j)]
            grad_b[(*in_b, k, j)] += g[place] * a[(*in_a, i, k)]
    return [{"shape": list(grad.shape), "data": grad.tolist()} for grad in (grad_a, grad_b)]


def same(case, expected, got):
    """Both arrays, with their shapes."""
    return isinstance(got, list) and len(got) == 2 and all(alike(*pair) for pair in zip(expected, got, strict=True))


def alike(one, other):
    """The same shape and the same numbers."""
    try:
        ours, theirs = np.array(one["data"], float), np.array(other["data"], float)
    except (TypeError, ValueError):
        return False
    return ours.shape == theirs.shape and bool(np.allclose(ours, theirs))


def smaller(case):
    """The cases are small as they are: the simplest come first."""
    return ()


def show(case):
    """The case as the learner would type it."""
    made = [f"{name} = np.array({np.array(case[name]).astype(int).tolist()})" for name in "ABG"]
    return "\n".join([*made, "matmul_vjp(A, B, G)"])


def tell(case, outcome):
    """An outcome in the learner's terms."""
    if not isinstance(outcome, list):
        return repr(outcome)
    return "\n".join(f"{one['data']}, shape {tuple(one['shape'])}" for one in outcome if isinstance(one, dict))


def hint(case, expected, got):
    """Which mistake gives these arrays; None when several would."""
    if not isinstance(got, list) or len(got) != 2:
        return None
    a, b, g = (np.array(case[name]) for name in "ABG")

    def fits(*ways):
        """Each gradient is right or made in one of these ways, and at least one is wrong."""
        for way in ways:
            try:
                arrays = [{"data": array.tolist()} for array in way()]
            except ValueError:
                continue
            pairs = zip(arrays, expected, got, strict=True)
            if all(alike(wrong, one) or alike(right, one) for wrong, right, one in pairs):
                return True
        return False

    def turned(x):
        return x.swapaxes(-1, -2)

    def over_batch(reduce):
        grads = g @ turned(b), turned(a) @ g
        return [
            reduce(grad, axis=tuple(range(grad.ndim - x.ndim))) if grad.ndim > x.ndim else grad
            for grad, x in zip(grads, (a, b), strict=True)
        ]

    uneven = a.ndim != b.ndim and g.shape[0] > 1
    explains = {
        "no-transpose": fits(lambda: (g @ b, a @ g)),
        "wrong-side": fits(lambda: (turned(b) @ g, g @ turned(a)), lambda: (b @ g, g @ a)),
        "batch-kept": uneven and fits(lambda: (g @ turned(b), turned(a) @ g)),
        "batch-mean": uneven and fits(lambda: over_batch(np.mean)),
        "all-turned": g.ndim > 2 and fits(lambda: (g @ b.T, a.T @ g)),
        "swapped": alike(expected[0], got[1]) and alike(expected[1], got[0]),
    }
    found = [id for id, fit in explains.items() if fit]
    return found[0] if len(found) == 1 else None
