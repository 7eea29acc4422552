"""Losses as a range test sees them: they stay, they fall, and at some rate they are thrown up, or are no numbers any more."""

from math import inf, isclose, nan

MISTAKES = ("evenly", "short", "drives-on", "nan", "from-start", "at-the-edge", "last")


def cases(rng):
    """Thrown up, not a number, up again from far below, never wild; then random ones."""
    yield {"low": 0.01, "high": 100.0, "losses": [2.0, 1.8, 1.0, 9.0, 9.5]}
    yield {"low": 0.01, "high": 100.0, "losses": [2.0, 1.8, 1.0, "nan", 9.0, 9.5]}
    yield {"low": 0.001, "high": 1.0, "losses": [2.0, 0.2, 0.9, 9.0, 9.5]}
    yield {"low": 0.001, "high": 1.0, "losses": [2.0, 1.9, 1.8, 1.7]}
    yield {"low": 0.001, "high": 1.0, "losses": [1.0, 4.0, 0.5, 0.6]}
    for _ in range(20):
        fall = [2.0]
        for _ in range(rng.randint(1, 5)):
            fall.append(fall[-1] * rng.choice([0.5, 0.75, 0.875, 1.125]))
        deep = 2.0 / rng.choice([8, 16])
        losses = rng.choice([
            [*fall, 9.0, 9.5], [*fall, "inf", 20.0], [*fall, "nan", 9.0, 12.0], [*fall, deep, 4.5 * deep, 10.0, 9.0],
            [*fall, deep, 3.5 * deep, 2 * deep],
        ])
        yield {"low": 10.0 ** -rng.randint(2, 5), "high": 10.0 ** rng.randint(0, 2), "losses": losses}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    asked = []

    def step(rate):
        asked.append(float(rate))
        if len(asked) > 2 * len(case["losses"]) + 2:
            raise RuntimeError("far more steps than n were taken")
        return float(case["losses"][min(len(asked), len(case["losses"])) - 1])

    told = answer(step, case["low"], case["high"], len(case["losses"]))
    return {"told": float(told), "rates": asked}


def truth(case):
    """The rates by their powers, and the lowest loss before the first wild one."""
    losses, low, high = [float(v) for v in case["losses"]], case["low"], case["high"]
    rates = [low * (high / low) ** (k / (len(losses) - 1)) for k in range(len(losses))]
    wild = [k for k in range(1, len(losses)) if not losses[k] <= 4 * min(losses[:k])]
    tried = wild[0] if wild else len(losses)
    return {"told": rates[losses.index(min(losses[:tried]))] / 10, "rates": rates[: tried + 1]}


def walked(case, mistake=None):
    """What is tried and told with one mistake."""
    losses, low, high = [float(v) for v in case["losses"]], case["low"], case["high"]
    n = len(losses)
    factor = (high / low) ** (1 / (n if mistake == "short" else n - 1))
    rates, best, found, rate = [], inf, low, low
    for k, loss in enumerate(losses):
        rates.append(low + k * (high - low) / (n - 1) if mistake == "evenly" else low * factor**k)
        limit = 4 * (losses[0] if mistake == "from-start" else best)
        wild = loss > limit if mistake == "nan" else not loss <= limit
        if wild and k and mistake != "drives-on":
            break
        rate = rates[-1]
        if loss < best:
            best, found = loss, rate
    told = rate if mistake == "last" else found
    return {"told": told if mistake == "at-the-edge" else told / 10, "rates": rates}


def same(case, expected, got):
    """The same rates tried, and the same told, but for rounding."""
    return isinstance(got, dict) and close(expected["told"], got["told"]) and alike(expected["rates"], got["rates"])


def alike(one, other):
    """The same rates but for rounding."""
    return len(one) == len(other) and all(map(close, one, other))


def close(x, y):
    """Numbers that agree but for rounding."""
    return isinstance(y, float) and isclose(x, y, rel_tol=1e-6)


def smaller(case):
    """A run is what it is."""
    return ()


def show(case):
    """The case as the learner would type it."""
    losses = ", ".join(v if isinstance(v, str) else f"{v:.3g}" for v in case["losses"])
    return f"# the losses, step by step: {losses}\nlr_range_test(step, {case['low']:g}, {case['high']:g}, n={len(case['losses'])})"


def tell(case, outcome):
    """An outcome in the learner's terms."""
    if not isinstance(outcome, dict):
        return repr(outcome)
    return f"{outcome['told']:.4g}; tried {', '.join(f'{rate:.4g}' for rate in outcome['rates'])}"


def facts(case, expected, got):
    """What was tried and told, beside what is right."""
    rates = got["rates"] if isinstance(got, dict) else []
    return {
        "told": got["told"] if isinstance(got, dict) else nan, "n": len(case["losses"]), "stop": len(expected["rates"]),
        "extra": len(rates) - len(expected["rates"]), "second": rates[1] if len(rates) > 1 else nan,
        "right": expected["rates"][1],
    }


def hint(case, expected, got):
    """Which mistake tries and tells this; None when several would."""
    if not isinstance(got, dict):
        return None
    found = [m for m in MISTAKES if same(case, walked(case, m), got) and not same(case, expected, walked(case, m))]
    return found[0] if len(found) == 1 else None
