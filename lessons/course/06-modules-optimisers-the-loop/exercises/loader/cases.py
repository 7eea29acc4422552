"""Two epochs over some examples: is each there once, in batches of the right size, in an order that changes?"""

import numpy as np


def cases(rng):
    """Sizes that divide the number and sizes that do not."""
    for n, size in ((12, 4), (13, 4), (20, 20), (15, 1), (14, 30)):
        yield {"n": n, "size": size, "seed": rng.randint(0, 10**6)}
    for _ in range(10):
        yield {"n": rng.randint(12, 40), "size": rng.randint(2, 9), "seed": rng.randint(0, 10**6)}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    rng = np.random.default_rng(case["seed"])
    return [[[int(k) for k in batch] for batch in answer(case["n"], case["size"], rng)] for _ in range(2)]


def truth(case):
    """Two right epochs; `same` accepts every other."""
    n, size, rng = case["n"], case["size"], np.random.default_rng(case["seed"])
    orders = [rng.permutation(n).tolist() for _ in range(2)]
    return [[order[size * k : size * k + size] for k in range(-(-n // size))] for order in orders]


def numbers(epoch):
    """All numbers of an epoch, in their order."""
    return [k for batch in epoch for k in batch]


def same(case, expected, got):
    """Everybody once, in batches of the right sizes, mixed, and mixed anew."""
    if not isinstance(got, list) or [[len(b) for b in e] for e in got] != [[len(b) for b in e] for e in expected]:
        return False
    one, other = map(numbers, got)
    everybody = list(range(case["n"]))
    return sorted(one) == sorted(other) == everybody and one != other and everybody not in (one, other)


def valid(case):
    """What a shrunk case must still be: with so many examples no order comes twice by chance."""
    return case["n"] >= 12 and case["size"] >= 1 and case["seed"] >= 0


def smaller(case):
    """Fewer examples."""
    if case["n"] > 12:
        yield {**case, "n": case["n"] - 1}


def show(case):
    """The case as the learner would type it."""
    return f"rng = np.random.default_rng({case['seed']})\nbatches({case['n']}, {case['size']}, rng)  # twice: two epochs"


def tell(case, outcome):
    """An outcome in the learner's terms."""
    return "\n".join(f"epoch {k}: {epoch}" for k, epoch in enumerate(outcome, 1)) if isinstance(outcome, list) else repr(outcome)


def facts(case, expected, got):
    """How many never come."""
    return {"n": case["n"], "missing": case["n"] - len(set(numbers(got[0]))) if isinstance(got, list) else 0}


def hint(case, expected, got):
    """What is wrong with these epochs; None when it is something else."""
    if not isinstance(got, list):
        return None
    one, other = map(numbers, got)
    if any(not batch for epoch in got for batch in epoch):
        return "empty"
    if len(set(one)) < len(one):
        return "drawn-twice"
    if set(one) < set(range(case["n"])):
        return "drops"
    if one == list(range(case["n"])):
        return "in-order"
    return "same-order" if one == other else None
