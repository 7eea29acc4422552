"""Predictions and targets, some of them in shapes that differ."""

import numpy as np


def cases(rng):
    """Equal shapes, shapes that would broadcast, and random ones."""
    yield {"prediction": [3.0, 4.0], "target": [0.0, 0.0]}
    yield {"prediction": [[1.0], [2.0]], "target": [1.0, 2.0]}
    yield {"prediction": [1.0, 2.0], "target": [[1.0], [2.0]]}
    yield {"prediction": [1.0, 2.0, 3.0], "target": [2.0]}
    for _ in range(10):
        n = rng.randint(2, 5)
        a, b = ([float(rng.randint(-9, 9)) for _ in range(n)] for _ in range(2))
        if rng.random() < 0.5:
            a, b = [[x] for x in a], [[x] for x in b]
        yield {"prediction": a, "target": b}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    try:
        return answer(np.array(case["prediction"]), np.array(case["target"]))
    except (ValueError, AssertionError) as error:
        return {"raised": type(error).__name__, "message": str(error)}


def truth(case):
    """The same, number by number."""
    a, b = np.array(case["prediction"]), np.array(case["target"])
    if a.shape != b.shape:
        return {"raised": "ValueError", "message": f"{a.shape} and {b.shape}"}
    return sum((x - y) * (x - y) for x, y in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True)) / a.size


def same(case, expected, got):
    """The same number, or a refusal that names both shapes."""
    if isinstance(expected, dict):
        return raised(got) == "ValueError" and len(named(case, got)) == 2
    return close(expected, got)


def raised(outcome):
    """The kind of error that was raised, if one was."""
    return outcome.get("raised") if isinstance(outcome, dict) else None


def named(case, outcome):
    """Which of the two shapes stand in the message, as tuples or lists."""
    def bare(text):
        return text.replace(" ", "").replace("[", "(").replace("]", ")").replace(",)", ")")

    shapes = [str(np.shape(case[name])) for name in ("prediction", "target")]
    return [shape for shape in shapes if bare(shape) in bare(str(outcome.get("message")))]


def close(x, y):
    """Numbers that agree but for rounding."""
    return isinstance(y, (int, float)) and not isinstance(y, bool) and bool(np.isclose(x, y, rtol=1e-9))


def smaller(case):
    """The cases are small as they are: the simplest come first."""
    return ()


def show(case):
    """The case as the learner would type it."""
    return f"mse(np.array({case['prediction']}), np.array({case['target']}))"


def tell(case, outcome):
    """An outcome in the learner's terms; of a message only what it must hold."""
    if raised(outcome) is None:
        return f"{outcome:.10g}" if isinstance(outcome, float) else repr(outcome)
    return f"{raised(outcome)}, with {' and '.join(named(case, outcome)) or 'no shape'} in its message"


def hint(case, expected, got):
    """Which mistake gives this outcome; None when several would."""
    if isinstance(expected, dict):
        if isinstance(got, (int, float)):
            return "silent"
        return {"AssertionError": "asserted", "ValueError": "unnamed"}.get(raised(got))
    if not isinstance(got, (int, float)):
        return None
    miss = np.array(case["prediction"]) - np.array(case["target"])
    square = (miss**2).sum()
    explains = {
        "norm": square**0.5,
        "root": (square / miss.size) ** 0.5,
        "sum": square,
        "absolute": abs(miss).mean(),
    }
    found = [id for id, number in explains.items() if close(number, got) and not close(number, expected)]
    return found[0] if len(found) == 1 else None
