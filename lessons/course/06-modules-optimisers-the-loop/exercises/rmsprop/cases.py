"""Weights that are pushed for a few steps: where do they stand after each?"""

from math import isclose

MISTAKES = {
    "no-square": {"square": False},
    "no-root": {"root": False},
    "adds-squares": {"kept": "all", "new": "all"},
    "adds-squares ": {"new": "all"},
    "shares-swapped": {"kept": "new", "new": "kept"},
    "eps-inside": {"inside": True},
    "old-size": {"late": True},
}


class Weight:
    """A number and its gradient."""

    def __init__(self, data):
        self.data, self.grad = data, None


def cases(rng):
    """Gradients by step, one number for each weight; None where there is none. The simplest come first."""
    for pushes in ([[3.0]], [[3.0], [5.0]], [[3.0, 7.0]], [[3.0, None], [5.0, 2.0]]):
        yield {"start": [2.0, 3.0][: len(pushes[0])], "lr": 0.5, "alpha": 0.8, "eps": 0.1, "pushes": pushes}
    for _ in range(16):
        n = rng.randint(1, 3)
        pushes = [[float(rng.randint(2, 9)) for _ in range(n)] for _ in range(rng.randint(2, 5))]
        yield {
            "start": [float(rng.randint(2, 9)) for _ in range(n)], "lr": rng.choice([0.1, 0.25, 0.5]),
            "alpha": rng.choice([0.8, 0.9]), "eps": rng.choice([0.1, 0.5]), "pushes": pushes,
        }


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    weights = [Weight(x) for x in case["start"]]
    optimiser = answer(weights, lr=case["lr"], alpha=case["alpha"], eps=case["eps"])
    after = []
    for push in case["pushes"]:
        for w, g in zip(weights, push, strict=True):
            w.grad = g
        optimiser.step()
        after.append([w.data for w in weights])
    return after


def truth(case):
    """The same from the mean's closed form: every square counts less by `alpha` from step to step."""
    alpha, after = case["alpha"], []
    at = list(case["start"])
    for last in range(1, len(case["pushes"]) + 1):
        for k in range(len(at)):
            felt = [push[k] for push in case["pushes"][:last] if push[k] is not None]
            if case["pushes"][last - 1][k] is not None:
                v = (1 - alpha) * sum(alpha ** (len(felt) - 1 - i) * g * g for i, g in enumerate(felt))
                at[k] -= case["lr"] * felt[-1] / (v**0.5 + case["eps"])
        after.append(list(at))
    return after


def walked(case, *, square=True, root=True, kept="kept", new="new", inside=False, late=False):
    """Where the weights stand with these mistakes."""
    share = {"kept": case["alpha"], "new": 1 - case["alpha"], "all": 1.0}
    at, vs, eps, after = list(case["start"]), [0.0] * len(case["start"]), case["eps"], []
    for push in case["pushes"]:
        for k, g in enumerate(push):
            if g is None:
                continue
            before = vs[k]
            vs[k] = share[kept] * before + share[new] * (g * g if square else g)
            v = before if late else vs[k]
            below = (v + eps) ** 0.5 if inside else (v**0.5 if root else v) + eps
            at[k] -= case["lr"] * g / below
        after.append(list(at))
    return after


def same(case, expected, got):
    """The same places but for rounding."""
    return (
        isinstance(got, list) and len(got) == len(expected)
        and all(close(x, y) for row, other in zip(expected, got, strict=True) for x, y in zip(row, other, strict=True))
    )


def close(x, y):
    """Numbers that agree but for rounding."""
    return isinstance(y, (int, float)) and not isinstance(y, bool) and isclose(x, y, rel_tol=1e-9, abs_tol=1e-9)


def valid(case):
    """What a shrunk case must still be."""
    n = len(case["start"])
    numbers = case["lr"] in (0.1, 0.25, 0.5) and case["eps"] in (0.1, 0.5) and case["alpha"] in (0.8, 0.9)
    return n > 0 and numbers and bool(case["pushes"]) and all(len(push) == n and 0 not in push for push in case["pushes"])


def smaller(case):
    """A step less, or a weight less."""
    for k in range(len(case["pushes"])):
        yield {**case, "pushes": case["pushes"][:k] + case["pushes"][k + 1 :]}
    for k in range(len(case["start"])):
        rest = [push[:k] + push[k + 1 :] for push in case["pushes"]]
        yield {**case, "start": case["start"][:k] + case["start"][k + 1 :], "pushes": rest}


def show(case):
    """The case as the learner would type it."""
    grads = " · ".join(str(push) for push in case["pushes"])
    options = f"lr={case['lr']}, alpha={case['alpha']}, eps={case['eps']}"
    return f"weights {case['start']}, RMSprop(weights, {options})\ngradients, step by step: {grads}"


def tell(case, outcome):
    """An outcome in the learner's terms."""
    if not isinstance(outcome, list):
        return repr(outcome)
    return " · ".join(str([round(x, 6) if isinstance(x, float) else x for x in row]) for row in outcome)


def hint(case, expected, got):
    """Which mistake moves the weights like this; None when several would."""
    found = [id.strip() for id, mistake in MISTAKES.items() if same(case, walked(case, **mistake), got)]
    return found[0] if len(found) == 1 else None
