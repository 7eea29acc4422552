"""One case that students see, and one that they do not."""

from math import exp, isclose, isfinite


def cases(rng):
    """Seen."""
    yield [0.0, 1.0]


def hidden(rng):
    """Not seen: large numbers, other ones for each student."""
    yield [1000.0, 1000.0 + rng.randint(1, 9) / 8]


def drive(answer, case):
    """Plain data in, plain data out."""
    return answer(list(case))


def same(case, expected, got):
    """Equal but for rounding."""
    return isinstance(got, list) and len(got) == len(expected) and all(map(close, got, expected))


def close(x, y):
    """Numbers that agree."""
    return isinstance(x, float) and isfinite(x) and isclose(x, y, rel_tol=1e-9, abs_tol=1e-12)


def truth(case):
    """Worked out for two numbers."""
    share = 1 / (1 + exp(case[1] - case[0]))
    return [share, 1 - share]


def show(case):
    """As typed."""
    return f"softmax({case})"


def hint(case, expected, got):
    """Which mistake."""
    if isinstance(got, list) and any(isinstance(v, float) and not isfinite(v) for v in got):
        return "overflows"
    return "no-sum" if isinstance(got, list) and not isclose(sum(got), 1.0) else None
