"""Chains of products and sums, walked once or twice, with and without retain."""


class Node:
    """An operation: what it was made from, what it saved, and its rule."""

    def __init__(self, inputs, saved):
        self.inputs, self.saved, self.grad = inputs, saved, 0.0

    def rule(self, *saved):
        """A product with a number has that number as its slope, a sum has 1."""
        return [saved[0] if saved else 1.0 for _ in self.inputs]


def cases(rng):
    """The numbers of the chain (0 is a sum, anything else a product), and retain for each call."""
    yield {"chain": [3.0], "calls": [False]}
    yield {"chain": [3.0], "calls": [True]}
    yield {"chain": [0.0], "calls": [False, False]}
    yield {"chain": [3.0], "calls": [False, False]}
    yield {"chain": [3.0], "calls": [True, False]}
    yield {"chain": [3.0, 0.0], "calls": [False, False]}
    yield {"chain": [3.0, 2.0], "calls": [True, True]}
    for _ in range(12):
        chain = [rng.choice([0.0, 0.0, 2.0, 3.0]) for _ in range(rng.randint(1, 3))]
        yield {"chain": chain, "calls": [rng.random() < 0.5 for _ in range(rng.randint(1, 3))]}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    order = [Node([], ())]
    for number in case["chain"]:
        order.append(Node([order[-1]], (number,) if number else ()))
    refused = []
    for retain in case["calls"]:
        try:
            answer(order, retain) if retain else answer(order)
            refused.append(False)
        except RuntimeError:
            refused.append(True)
    held = [node.saved if isinstance(node.saved, str) else list(node.saved or ()) for node in order[1:]]
    return {"refused": refused, "gradients": [node.grad for node in order], "held": held}


def truth(case):
    """The same, from what the calls must do."""
    freed, refused, walks = False, [], 0
    for retain in case["calls"]:
        refused.append(freed)
        walks += not freed
        freed = freed or (not retain and any(case["chain"]))
    slopes = [1.0]
    for number in reversed(case["chain"]):
        slopes.insert(0, slopes[0] * (number or 1.0))
    held = [("freed" if freed else [number]) if number else [] for number in case["chain"]]
    return {"refused": refused, "gradients": [walks * slope for slope in slopes], "held": held}


def same(case, expected, got):
    """The same in all three."""
    return got == expected


def valid(case):
    """What a shrunk case must still be."""
    return bool(case["chain"] and case["calls"]) and all(type(retain) is bool for retain in case["calls"])


def show(case):
    """The case in words and as calls."""
    made = ", then ".join(f"a product with {n:g}" if n else "a sum" for n in case["chain"])
    calls = "; ".join("backward(order, retain=True)" if retain else "backward(order)" for retain in case["calls"])
    return f"a leaf, then {made}\n{calls}"


def tell(case, outcome):
    """An outcome in the learner's terms."""
    if not isinstance(outcome, dict):
        return repr(outcome)
    words = ["refused" if no else "walked" for no in outcome["refused"]]
    held = ", ".join(str(one) if isinstance(one, str) else str(tuple(one)) for one in outcome["held"])
    return f"{', '.join(words)}; gradients {outcome['gradients']}; held: {held}"


def hint(case, expected, got):
    """Which mistake gives this outcome; None when several would."""
    if not isinstance(got, dict):
        return None
    if got["refused"] == expected["refused"] and got["held"] == expected["held"]:
        return "half-done" if any(expected["refused"]) else None
    if "freed" in expected["held"] and "freed" not in got["held"]:
        return "keeps"
    if not any(case["chain"]) and "freed" in got["held"]:
        return "refuses-sums"
    if case["calls"][-1] and any(case["calls"]) and "freed" in got["held"] and "freed" not in expected["held"]:
        return "retain"
    return None
