"""Weights that are pushed for a few steps: where do they stand after each?"""

from math import isclose

MISTAKES = {
    "unmoved": {"sign": 0.0},
    "uphill": {"sign": 1.0},
    "one-speed": {"shared": True},
    "no-memory": {"keep": False},
    "averaged": {"averaged": True},
    "rate-inside": {"twice": True},
    "on-tape": {"taped": True},
}


class Weight:
    """A number and its gradient; what is done to the weight itself is written on the tape, as a tensor's is."""

    def __init__(self, data):
        self.data, self.grad, self.taped = data, None, 0

    def __isub__(self, step):
        self.data -= step
        self.taped += 1
        return self


def cases(rng):
    """Gradients by step, one number for each weight; None where there is none. The simplest come first."""
    yield {"start": [2.0], "lr": 0.5, "momentum": 0.0, "pushes": [[3.0]]}
    yield {"start": [2.0], "lr": 0.5, "momentum": 0.5, "pushes": [[3.0], [3.0]]}
    yield {"start": [2.0, 3.0], "lr": 0.5, "momentum": 0.0, "pushes": [[3.0, -7.0]]}
    yield {"start": [2.0, 3.0], "lr": 0.5, "momentum": 0.5, "pushes": [[3.0, -7.0], [3.0, 5.0]]}
    yield {"start": [2.0, 3.0], "lr": 0.5, "momentum": 0.5, "pushes": [[3.0, None], [None, 7.0], [3.0, 7.0]]}
    for _ in range(16):
        n = rng.randint(1, 3)
        pushes = [[float(rng.randint(2, 9)) * rng.choice([-1, 1]) for _ in range(n)] for _ in range(rng.randint(2, 5))]
        yield {
            "start": [float(rng.randint(2, 9)) for _ in range(n)], "lr": rng.choice([0.1, 0.25, 0.5]),
            "momentum": rng.choice([0.3, 0.9]), "pushes": pushes,
        }


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    weights = [Weight(x) for x in case["start"]]
    optimiser = answer(weights, case["lr"], momentum=case["momentum"])
    after = []
    for push in case["pushes"]:
        for w, g in zip(weights, push, strict=True):
            w.grad = g
        optimiser.step()
        after.append([w.data for w in weights])
    return [*after, [w.taped for w in weights]]


def truth(case):
    """Where the weights stand: every push goes on working, weaker by `momentum` from step to step."""
    after = []
    for last in range(len(case["pushes"])):
        row = []
        for k, start in enumerate(case["start"]):
            felt = [push[k] for push in case["pushes"][: last + 1] if push[k] is not None]
            moved = sum(g * sum(case["momentum"] ** i for i in range(len(felt) - j)) for j, g in enumerate(felt))
            row.append(start - case["lr"] * moved)
        after.append(row)
    return [*after, [0] * len(case["start"])]


def walked(case, *, sign=-1.0, shared=False, keep=True, averaged=False, twice=False, taped=False):
    """Where the weights stand with these mistakes."""
    at, speed, after = list(case["start"]), {}, []
    share = 1 - case["momentum"] if averaged else case["lr"] if twice else 1.0
    for push in case["pushes"]:
        for k, g in enumerate(push):
            if g is not None:
                name = 0 if shared else k
                now = case["momentum"] * (speed.get(name, 0.0) if keep else 0.0) + share * g
                speed[name] = now
                at[k] += sign * case["lr"] * now
        after.append(list(at))
    steps = [sum(push[k] is not None for push in case["pushes"]) for k in range(len(at))]
    return [*after, [n * taped for n in steps]]


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
    rates = case["lr"] in (0.1, 0.25, 0.5) and case["momentum"] in (0.0, 0.3, 0.5, 0.9)
    return n > 0 and rates and bool(case["pushes"]) and all(len(push) == n for push in case["pushes"])


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
    return f"weights {case['start']}, SGD(weights, lr={case['lr']}, momentum={case['momentum']})\ngradients, step by step: {grads}"


def tell(case, outcome):
    """An outcome in the learner's terms."""
    if not isinstance(outcome, list):
        return repr(outcome)
    *rows, taped = outcome
    places = " · ".join(str([round(x, 6) if isinstance(x, float) else x for x in row]) for row in rows)
    return f"{places}\nsteps on the tape: {sum(taped)}"


def hint(case, expected, got):
    """Which mistake moves the weights like this; None when several would."""
    found = [id for id, mistake in MISTAKES.items() if same(case, walked(case, **mistake), got)]
    return found[0] if len(found) == 1 else None
