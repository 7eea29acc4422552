"""Functions with right gradients, with wrong ones, and with kinks: what does the check say of each?"""

import numpy as np

MATRIX = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0], [2.0, 1.0, -1.0]])


def softmax(x):
    """Probabilities from scores."""
    e = np.exp(x - x.max())
    return e / e.sum()


def pairs(x):
    """Each number times its right neighbour."""
    return x * np.roll(x, -1)


def double(vjp):
    """Twice the gradient."""
    return lambda x, g: 2 * vjp(x, g)


def negative(vjp):
    """The gradient with the wrong sign."""
    return lambda x, g: -vjp(x, g)


def last(vjp):
    """Wrong for the last number only."""

    def wrong(x, g):
        out = np.array(vjp(x, g))
        out[-1] += 0.5
        return out

    return wrong


def zeros(x, g):
    """No gradient at all."""
    return np.zeros_like(x)


def functions():
    """Each function with its right gradient."""
    return {
        "x * x": (lambda x: x * x, lambda x, g: 2 * x * g),
        "x ** 3": (lambda x: x**3, lambda x, g: 3 * x * x * g),
        "np.sin(x)": (np.sin, lambda x, g: np.cos(x) * g),
        "np.exp(x)": (np.exp, lambda x, g: np.exp(x) * g),
        "1e-6 * x": (lambda x: 1e-6 * x, lambda x, g: 1e-6 * g),
        "1e6 * x": (lambda x: 1e6 * x, lambda x, g: 1e6 * g),
        "A @ x": (lambda x: MATRIX @ x, lambda x, g: MATRIX.T @ g),
        "softmax(x)": (softmax, lambda x, g: softmax(x) * (g - (g * softmax(x)).sum())),
        "x * np.roll(x, -1)": (pairs, lambda x, g: g * np.roll(x, -1) + np.roll(g * x, 1)),
        "np.cumsum(x)": (np.cumsum, lambda x, g: np.cumsum(g[::-1])[::-1]),
        "np.tanh(x)": (np.tanh, lambda x, g: (1 - np.tanh(x) ** 2) * g),
        "np.maximum(x, 0)": (lambda x: np.maximum(x, 0), lambda x, g: (x > 0) * g),
        "np.abs(x)": (np.abs, lambda x, g: np.sign(x) * g),
        "0.006 * np.abs(x)": (lambda x: 0.006 * np.abs(x), lambda x, g: 0.006 * np.sign(x) * g),
    }


KINKED = ("np.maximum(x, 0)", "np.abs(x)", "0.006 * np.abs(x)")


def mistakes():
    """What is wrong with a gradient: its words, and how it is made from the right one."""
    return {
        "right": lambda vjp: vjp,
        "twice as large": double,
        "with the wrong sign": negative,
        "always zero": lambda vjp: zeros,
        "wrong for the last number": last,
        "not transposed": lambda vjp: lambda x, g: MATRIX @ g,
        "only the diagonal": lambda vjp: lambda x, g: softmax(x) * (1 - softmax(x)) * g,
        "one of two paths": lambda vjp: lambda x, g: g * np.roll(x, -1),
    }


def cases(rng):
    """What each mistake of a check would miss; then every function, right and wrong."""
    yield {"f": "x * x", "vjp": "right", "x": [2.0, 3.0]}
    yield {"f": "x * x", "vjp": "twice as large", "x": [2.0, 3.0]}
    yield {"f": "x ** 3", "vjp": "wrong for the last number", "x": [1.0, 2.0]}
    yield {"f": "softmax(x)", "vjp": "always zero", "x": [1.0, 2.0, 3.0]}
    yield {"f": "1e-6 * x", "vjp": "twice as large", "x": [2.0]}
    yield {"f": "np.maximum(x, 0)", "vjp": "right", "x": [0.0, 1.0]}
    yield {"f": "np.abs(x)", "vjp": "right", "x": [1.0, 0.0]}
    yield {"f": "0.006 * np.abs(x)", "vjp": "right", "x": [0.0]}
    yield {"f": "A @ x", "vjp": "not transposed", "x": [1.0, 2.0, 3.0]}
    yield {"f": "softmax(x)", "vjp": "only the diagonal", "x": [1.0, 2.0, 3.0]}
    yield {"f": "x * np.roll(x, -1)", "vjp": "one of two paths", "x": [1.0, 2.0, 3.0]}
    yield {"f": "np.exp(x)", "vjp": "right", "x": [9.0]}
    yield {"f": "x * x", "vjp": "right", "x": [0.0]}
    yield {"f": "x ** 3", "vjp": "right", "x": [0.001]}
    for f in functions():
        if f not in KINKED:
            for vjp in ("right", "with the wrong sign"):
                yield {"f": f, "vjp": vjp, "x": [rng.choice([-1, 1]) * rng.randint(5, 30) / 10 for _ in range(3)]}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    f, vjp = functions()[case["f"]]
    return answer(f, mistakes()[case["vjp"]](vjp), np.array(case["x"]))


def truth(case):
    """What is known of the case."""
    if case["f"] in KINKED and 0.0 in case["x"]:
        return "kink"
    return "right" if case["vjp"] == "right" else "wrong"


def same(case, expected, got):
    """The same word."""
    return got == expected


def smaller(case):
    """The cases are small as they are: the simplest come first."""
    return ()


def show(case):
    """The case in words."""
    return f"f(x) = {case['f']}; vjp: {case['vjp']}\ngradcheck(f, vjp, np.array({case['x']}))"


def hint(case, expected, got):
    """Which mistake of a check gives this verdict on this case."""
    if got not in ("right", "wrong", "kink"):
        return None
    if expected == "kink":
        return "kinks"
    if expected == "right":
        return {"kink": "blames"}.get(got, "float32")
    if got == "kink":
        return "blames"
    tags = {"wrong for the last number": "one-place", "always zero": "sum-only"}
    return "absolute" if case["f"].startswith("1e-6") else tags.get(case["vjp"])
