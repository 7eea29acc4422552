"""Polynomials to measure, and what a wrong slope gives away."""

from math import isclose


def polynomial(coefficients):
    """c0 + c1·x + c2·x² + ..."""

    def f(x):
        total = 0.0
        for c in reversed(coefficients):
            total = total * x + c
        return total

    return f


def cases(rng):
    """Large nudges on parabolas, where a mistake is easy to see; then small ones on cubics."""
    yield {"f": [0, 0, 1], "x": 3.0, "h": 0.25}
    yield {"f": [1, 3], "x": 2.0, "h": 0.25}
    for _ in range(10):
        yield {
            "f": [rng.randint(-5, 5), rng.randint(-5, 5), rng.choice([-3, -2, 2, 3])],
            "x": rng.randint(-20, 20) / 2,
            "h": 0.25,
        }
    for _ in range(10):
        yield {
            "f": [rng.randint(-5, 5) for _ in range(3)] + [rng.choice([-2, 2])],
            "x": rng.randint(-20, 20) / 2,
            "h": None,
        }
    yield {"f": [0, 0, 1], "x": 10000.0, "h": None}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    f = polynomial(case["f"])
    if case["h"] is None:
        return answer(f, case["x"])
    return answer(f, case["x"], case["h"])


def truth(case):
    """The same, by the rule that c·xⁿ has the slope c·n·xⁿ⁻¹; exact for parabolas and any h."""
    derivative = [power * c for power, c in enumerate(case["f"])][1:]
    return polynomial(derivative)(case["x"])


def same(case, expected, got):
    """Rounding grows with the size of f and shrinks with the nudge: allow for it, no more."""
    if isinstance(got, bool) or not isinstance(got, (int, float)):
        return False
    h = case["h"] or 1e-5
    size = abs(polynomial([abs(c) for c in case["f"]])(abs(case["x"]))) + 1
    return isclose(got, expected, rel_tol=1e-9, abs_tol=1e-15 * size / h + 1e-8)


def show(case):
    """The case as the learner would type it."""
    body = ""
    for power, c in reversed(list(enumerate(case["f"]))):
        if c:
            factor = ["", "x", f"x**{power}"][min(power, 2)]
            number = "" if factor and abs(c) == 1 else f"{abs(c)}"
            term = "*".join(part for part in (number, factor) if part)
            sign = (" - " if c < 0 else " + ") if body else ("-" if c < 0 else "")
            body += sign + term
    h = "" if case["h"] is None else f", h={case['h']:g}"
    return f"nudge(lambda x: {body or '0'}, {case['x']:g}{h})"


def valid(case):
    """What a shrunk case must still be."""
    return 1 <= len(case["f"]) <= 4 and case["h"] in (None, 0.25) and abs(case["x"]) <= 1e4


def hint(case, expected, got):
    """Which mistake gives this answer on this case; None when several would."""
    if isinstance(got, bool) or not isinstance(got, (int, float)):
        return None
    f, x, h = polynomial(case["f"]), case["x"], case["h"] or 1e-5
    half_rises = f(x + h) - f(x), f(x) - f(x - h)
    explains = {
        "same-place": got == 0,
        "one-sided": any(same(case, rise / run, got) for rise in half_rises for run in (h, 2 * h)),
        "too-narrow": same(case, 2 * expected, got),
        "precedence": isclose(got, expected * h * h, rel_tol=1e-6),
        "no-run": isclose(got, expected * 2 * h, rel_tol=1e-6),
    }
    found = [id for id, fits in explains.items() if fits]
    return found[0] if len(found) == 1 else None
