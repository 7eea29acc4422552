"""A product of which one factor is detached; with and without another use of that factor."""

import numpy as np


class Node:
    """A tensor of the checker's own."""

    def __init__(self, array, edges=()):
        self.array, self.edges, self.grad = array, list(edges), None


def cases(rng):
    """The tensor w, the number it is multiplied by, and whether the factor is used again."""
    yield {"w": [2.0], "k": 3.0, "again": False}
    yield {"w": [2.0], "k": 3.0, "again": True}
    for _ in range(8):
        w = [float(rng.randint(2, 6)) for _ in range(rng.randint(1, 3))]
        yield {"w": w, "k": float(rng.randint(2, 5)), "again": rng.random() < 0.5}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    w, k = Node(np.array(case["w"])), case["k"]
    t = Node(w.array * k, [(w, k)])
    t.grad = 7.0
    d = answer(t)
    if d is None:
        return None
    z = Node(d.array * w.array, [(d, w.array), (w, d.array)])
    if case["again"]:
        z = Node(z.array + t.array, [(z, 1.0), (t, 1.0)])
    kept, grad = t.grad, np.zeros(len(case["w"]))
    todo = [(z, np.ones(len(case["w"])))]
    while todo:
        node, arriving = todo.pop()
        if node is w:
            grad += arriving
        todo += [(source, arriving * slope) for source, slope in node.edges]
    same_values = bool(np.array_equal(d.array, t.array))
    t.array[0] += 1.0
    shares = bool(np.array_equal(d.array, t.array))
    return {"same numbers": same_values, "same memory": shares, "t.grad": kept, "w.grad": grad.tolist()}


def truth(case):
    """The slope of (a number) · w, plus that of k · w if it is used again."""
    grad = [case["k"] * w + (case["k"] if case["again"] else 0.0) for w in case["w"]]
    return {"same numbers": True, "same memory": True, "t.grad": 7.0, "w.grad": grad}


def same(case, expected, got):
    """The same in all four."""
    return got == expected


def valid(case):
    """What a shrunk case must still be."""
    return bool(case["w"]) and all(w > 1 for w in case["w"]) and case["k"] > 1


def show(case):
    """The case as the learner would type it."""
    more = " + t" if case["again"] else ""
    return f"w = Tensor({case['w']})\nt = w * {case['k']:g}\nt.grad = 7.0\nz = detach(t) * w{more}"


def tell(case, outcome):
    """An outcome in the learner's terms."""
    return ", ".join(f"{k}: {v}" for k, v in outcome.items()) if isinstance(outcome, dict) else repr(outcome)


def hint(case, expected, got):
    """Which mistake gives this outcome; None when several would."""
    if not isinstance(got, dict):
        return None
    wrong = [name for name in expected if got[name] != expected[name]]
    both = [2 * case["k"] * w + (case["k"] if case["again"] else 0.0) for w in case["w"]]
    lost = [case["k"] * w for w in case["w"]]
    if wrong == ["same memory"]:
        return "copies"
    if wrong == ["t.grad"]:
        return "touches-grad"
    if wrong == ["w.grad"] and got["w.grad"] == both:
        return "not-cut"
    if wrong == ["w.grad"] and case["again"] and got["w.grad"] == lost:
        return "cuts-both"
    return None
