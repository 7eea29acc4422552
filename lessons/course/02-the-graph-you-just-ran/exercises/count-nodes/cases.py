"""Functions with loops and branches, each run on two numbers: how many operations did each run leave?"""


class Value:
    """A number that remembers, as in lesson 1."""

    def __init__(self, data, edges=()):
        self.data, self.edges, self.grad = data, list(edges), 0.0

    def __add__(self, other):
        return Value(self.data + other.data, [(self, 1.0), (other, 1.0)])

    def __mul__(self, other):
        return Value(self.data * other.data, [(self, other.data), (other, self.data)])


def double_until(limit):
    """A loop that ends when the number is large enough."""

    def f(x):
        while x.data < limit:
            x = x + x
        return x

    return f


def branch(limit):
    """Two ways, one of them longer."""

    def f(x):
        if x.data < limit:
            return x * x + x
        return x

    return f


def chain(count):
    """The same operation again and again, with the first number each time."""

    def f(x):
        y = x
        for _ in range(count):
            y = y * x
        return y

    return f


def fork(count):
    """Two chains side by side, and their product."""

    def f(x):
        y = z = x
        for _ in range(count):
            y, z = y + x, z * x
        return y * z

    return f


def cases(rng):
    """The kind of function, its number, and the two x."""
    yield {"f": "chain", "n": 1, "x": [2.0, 3.0]}
    yield {"f": "branch", "n": 3, "x": [2.0, 3.0]}
    yield {"f": "double_until", "n": 3, "x": [2.0, 1.0]}
    yield {"f": "fork", "n": 2, "x": [2.0, 3.0]}
    yield {"f": "double_until", "n": 12, "x": [3.0, 1.0]}
    for _ in range(12):
        f = rng.choice(["double_until", "branch", "chain", "fork"])
        n = rng.randint(1, 6) if f in ("chain", "fork") else rng.randint(2, 90)
        yield {"f": f, "n": n, "x": [float(rng.randint(1, 9)), float(rng.randint(1, 99))]}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    make = {"double_until": double_until, "branch": branch, "chain": chain, "fork": fork}[case["f"]]
    f = make(case["n"])
    return [answer(f, Value(x)) for x in case["x"]]


def truth(case):
    """The same, from what each function does."""
    return [operations(case, x) for x in case["x"]]


def operations(case, x):
    """How many operations run for x."""
    if case["f"] == "chain":
        return case["n"]
    if case["f"] == "fork":
        return 2 * case["n"] + 1
    if case["f"] == "branch":
        return 2 if x < case["n"] else 0
    count = 0
    while x < case["n"]:
        x, count = x + x, count + 1
    return count


def same(case, expected, got):
    """The same two numbers."""
    return whole(got) and got == expected


def whole(got):
    """Two whole numbers."""
    return isinstance(got, list) and all(isinstance(n, int) and not isinstance(n, bool) for n in got)


def valid(case):
    """What a shrunk case must still be."""
    least = {"double_until": 2, "branch": 2, "chain": 1, "fork": 1}[case["f"]]
    return least <= case["n"] < 100 and two(case["x"])


def two(xs):
    """Two numbers that the functions can take."""
    return len(xs) == 2 and all(0 < x < 100 for x in xs)


def show(case):
    """The case as the learner would type it."""
    n, xs = case["n"], ", ".join(f"{x:g}" for x in case["x"])
    body = {
        "double_until": f"while x.data < {n}:  x = x + x",
        "branch": f"if x.data < {n}:  return x * x + x",
        "chain": f"y = x, then {n} times  y = y * x",
        "fork": f"y = z = x, then {n} times  y, z = y + x, z * x",
    }[case["f"]]
    last = {"chain": "y", "fork": "y * z"}.get(case["f"], "x")
    return f"def f(x):\n    {body}\n    return {last}\nfor x in ({xs}): count_nodes(f, Value(x))"


def tell(case, outcome):
    """An outcome in the learner's terms."""
    return " and ".join(map(str, outcome)) if isinstance(outcome, list) else repr(outcome)


def hint(case, expected, got):
    """Which mistake gives these numbers; None when several would."""
    if not whole(got):
        return None

    def ways(x):
        n = operations(case, x)
        return 2**n - 1 if case["f"] == "double_until" else n

    explains = {
        "leaves": [operations(case, x) + 1 for x in case["x"]],
        "edges": [2 * operations(case, x) for x in case["x"]],
        "paths": [ways(x) for x in case["x"]],
        "once-for-all": [operations(case, case["x"][0])] * 2,
    }
    found = [id for id, numbers in explains.items() if numbers == got]
    return found[0] if len(found) == 1 else None
