"""Layers of several widths: how are their first weights spread?"""

import numpy as np


def cases(rng):
    """Wide and narrow, always with some thousand weights."""
    for n_in, n_out in ((100, 40), (800, 10), (16, 400), (50, 200)):
        yield {"n_in": n_in, "n_out": n_out, "seed": rng.randint(0, 10**6)}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    w = np.asarray(answer(case["n_in"], case["n_out"], np.random.default_rng(case["seed"])), float)
    if not w.size:
        return "an empty array"
    units = np.unique(w, axis=0) if w.ndim == 2 else w
    return {"shape": list(w.shape), "mean": float(w.mean()), "deviation": float(w.std()), "units": len(units)}


def truth(case):
    """What is to be expected of so many numbers."""
    shape = [case["n_out"], case["n_in"]]
    return {"shape": shape, "mean": 0.0, "deviation": (2 / case["n_in"]) ** 0.5, "units": case["n_out"]}


def near(x, y):
    """Some thousand draws tell a deviation to a few percent."""
    return abs(y - x) < 0.08 * x


def same(case, expected, got):
    """The right shape, about the right mean and deviation, and no two units alike."""
    right = truth(case)
    return (
        isinstance(got, dict) and got["shape"] == right["shape"] and got["units"] == right["units"]
        and abs(got["mean"]) < 0.1 * right["deviation"] and near(right["deviation"], got["deviation"])
    )


def smaller(case):
    """The cases are small as they are."""
    return ()


def show(case):
    """The case as the learner would type it."""
    return f"rng = np.random.default_rng({case['seed']})\nbegin({case['n_in']}, {case['n_out']}, rng)"


def tell(case, outcome):
    """An outcome in the learner's terms."""
    if not isinstance(outcome, dict):
        return repr(outcome)
    return f"shape {tuple(outcome['shape'])}, mean {outcome['mean']:.3f}, deviation {outcome['deviation']:.3f}"


def facts(case, expected, got):
    """Shape and deviation."""
    fine = isinstance(got, dict)
    return {
        "shape": tuple(got["shape"]) if fine else "", "expected": truth(case)["deviation"],
        "got": got["deviation"] if fine else 0.0,
    }


def hint(case, expected, got):
    """Which mistake spreads weights like this; None when several would."""
    if not isinstance(got, dict):
        return None
    n_in, n_out, spread = case["n_in"], case["n_out"], got["deviation"]
    if got["shape"] != [n_out, n_in]:
        return "turned" if got["shape"] == [n_in, n_out] else None
    if got["units"] == 1:
        return "all-equal"
    if near((2 / n_in) ** 0.5, spread):
        return None
    if near((2 / n_out) ** 0.5, spread):
        return "results-counted"
    if near(2 / n_in, spread):
        return "no-root"
    return "too-large" if near(1.0, spread) else None
