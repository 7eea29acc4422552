"""Lists of slopes, and what each rule makes of a number that arrives."""


def cases(rng):
    """One slope, two, then several."""
    yield {"slopes": [3.0], "arriving": 1.0}
    yield {"slopes": [3.0, 5.0], "arriving": 1.0}
    for _ in range(10):
        count = rng.randint(2, 5)
        yield {"slopes": [float(rng.randint(2, 9)) for _ in range(count)], "arriving": float(rng.randint(1, 5))}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    made = list(answer(case["slopes"]))
    return [rule(case["arriving"]) if callable(rule) else "not a function" for rule in made]


def truth(case):
    """The products."""
    return [case["arriving"] * slope for slope in case["slopes"]]


def same(case, expected, got):
    """The same numbers."""
    return got == expected


def valid(case):
    """What a shrunk case must still be."""
    return bool(case["slopes"]) and all(slope > 1 for slope in case["slopes"]) and case["arriving"] > 0


def show(case):
    """The case as the learner would type it."""
    return f"[rule({case['arriving']:g}) for rule in rules({case['slopes']})]"


def facts(case, expected, got):
    """The last slope."""
    return {"last": f"{case['slopes'][-1]:g}"}


def hint(case, expected, got):
    """Which mistake gives these numbers; None when several would."""
    if not isinstance(got, list):
        return None
    explains = {
        "late": [case["arriving"] * case["slopes"][-1]] * len(case["slopes"]),
        "numbers": ["not a function"] * len(case["slopes"]),
        "adds": [case["arriving"] + slope for slope in case["slopes"]],
    }
    found = [id for id, numbers in explains.items() if numbers == got != expected]
    return found[0] if len(found) == 1 else None
