"""An array of threes, dropped or not: how many are left, how large, and where?"""

import numpy as np


def cases(rng):
    """In training and in use, with several shares."""
    for p in (0.2, 0.8, 0.3, 0.0):
        for training in (True, False):
            yield {"p": p, "training": training, "shape": [20, 100], "seed": rng.randint(0, 10**6)}
    yield {"p": 0.7, "training": True, "shape": [2000], "seed": rng.randint(0, 10**6)}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    x = np.full(case["shape"], 3.0)
    with np.errstate(all="ignore"):
        out = np.asarray(answer(x, case["p"], case["training"], np.random.default_rng(case["seed"])))
    if out.shape != x.shape or out.dtype.kind not in "fiu":
        return f"an array of shape {out.shape}"
    rows = out.reshape(-1, case["shape"][-1])
    return {
        "zeros": float((out == 0).mean()),
        "left": sorted({round(float(v), 9) for v in np.unique(out[out != 0])[:4]}),
        "columns": bool(len(rows) > 1 and (rows == 0).any() and ((rows == 0) == (rows[0] == 0)).all()),
        "untouched": bool((x == 3.0).all()),
    }


def truth(case):
    """What is to be expected of so many numbers."""
    p = case["p"] if case["training"] else 0.0
    return {"zeros": p, "left": [round(3.0 / (1 - p), 9)], "columns": False, "untouched": True}


def same(case, expected, got):
    """The right size, and about the right share: 2,000 draws are off by less than 0.06."""
    if not isinstance(got, dict):
        return False
    exact = not case["training"] or case["p"] == 0
    near = abs(got["zeros"] - truth(case)["zeros"]) <= (0 if exact else 0.06)
    return near and (got["left"], got["columns"], got["untouched"]) == (expected["left"], False, True)


def smaller(case):
    """The cases are small as they are: the simplest come first."""
    return ()


def show(case):
    """The case as the learner would type it."""
    return f"x = np.full({tuple(case['shape'])}, 3.0)\ndropout(x, p={case['p']}, training={case['training']}, rng=rng)"


def tell(case, outcome):
    """An outcome in the learner's terms."""
    if not isinstance(outcome, dict):
        return repr(outcome)
    left = ", ".join(f"{v:g}" for v in outcome["left"]) or "nothing"
    return f"a share of {outcome['zeros']:.2f} dropped; left: {left}"


def facts(case, expected, got):
    """The share that was dropped."""
    zeros = got["zeros"] if isinstance(got, dict) else 0.0
    return {"p": case["p"], "zeros": zeros, "share": 1 - zeros}


def hint(case, expected, got):
    """Which mistake gives these shares and sizes; None when several would."""
    if not isinstance(got, dict):
        return None
    p, zeros, left = case["p"], got["zeros"], got["left"]
    if not case["training"]:
        return "always" if zeros and p else "scaled-in-use" if left != [3.0] else None
    if p == 0:
        return None
    if got["columns"]:
        return "one-draw" if zeros == 1 else "whole-columns"
    if zeros in (0.0, 1.0):
        return "one-draw" if left in ([], [round(3.0 / (1 - p), 9)]) else None
    if abs(zeros - (1 - p)) < 0.06:
        return "keeps-p"
    return "no-rescale" if abs(zeros - p) < 0.06 and left == [3.0] else None
