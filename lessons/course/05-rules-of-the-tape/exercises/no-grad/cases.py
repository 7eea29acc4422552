"""Programs with blocks, and what the mode is at each point of them."""

PROGRAMS = {
    "once": "with no_grad(mode):\n    look()\nlook()",
    "nested": "with no_grad(mode):\n    with no_grad(mode):\n        look()\n    look()\nlook()",
    "error": "with no_grad(mode):\n    raise ValueError  # caught outside\nlook()",
    "inner error": "with no_grad(mode):\n    with no_grad(mode):\n        raise ValueError  # caught here\n    look()\nlook()",
    "function": "@no_grad(mode)\ndef f(x): look(); return x\nlook(); f(5); look()",
    "function with error": "@no_grad(mode)\ndef f(x): look(); raise ValueError  # caught outside\nf(5); look()",
    "function that calls itself": "@no_grad(mode)\ndef f(x): look(); return f(x - 1) if x else 5\nf(1); look()",
}


class Mode:
    """Whether the tape runs."""

    def __init__(self, recording):
        self.recording = recording


def cases(rng):
    """Each program, with the tape on before it and with the tape off."""
    for program in PROGRAMS:
        for recording in (True, False):
            yield {"program": program, "recording": recording}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    mode, seen = Mode(case["recording"]), []

    def look():
        seen.append(mode.recording)

    def block(body):
        with answer(mode):
            body()

    def nested(body):
        with answer(mode):
            try:
                block(body)
            except ValueError:
                seen.append("the error came out")
            look()

    def fail(*_):
        look()
        raise ValueError

    def once(x):
        look()
        return x

    def again(x):
        look()
        return decorated(x - 1) if x else 5

    program = case["program"]
    try:
        if program.startswith("function"):
            decorated = answer(mode)({"function": once, "function with error": fail}.get(program, again))
            if program == "function":
                look()
            seen.append(decorated(1 if "itself" in program else 5))
        elif program in ("nested", "inner error"):
            nested(look if program == "nested" else fail)
        else:
            block(look if program == "once" else fail)
    except ValueError:
        seen.append("the error came out")
    look()
    return seen


def truth(case):
    """What is seen when everything is put back."""
    before, out = case["recording"], "the error came out"
    return {
        "once": [False, before],
        "nested": [False, False, before],
        "error": [False, out, before],
        "inner error": [False, out, False, before],
        "function": [before, False, 5, before],
        "function with error": [False, out, before],
        "function that calls itself": [False, False, 5, before],
    }[case["program"]]


def same(case, expected, got):
    """The same at every point."""
    return got == expected and all(type(x) is type(y) for x, y in zip(got, expected, strict=True))


def smaller(case):
    """The cases are small as they are: the simplest come first."""
    return ()


def show(case):
    """The case as the learner would type it."""
    return f"# mode.recording is {case['recording']}\n" + PROGRAMS[case["program"]].replace("    with", "  with")


def tell(case, outcome):
    """An outcome in the learner's terms."""
    return ", ".join(map(str, outcome)) if isinstance(outcome, list) else repr(outcome)


def hint(case, expected, got):
    """Which mistake is seen in this program; None when several would."""
    if not isinstance(got, list):
        return None
    out = "the error came out"
    if out in expected and got.count(out) < expected.count(out):
        return "swallows"
    if case["program"].startswith("function"):
        return "at-once" if got[0] is not expected[0] or True in got[:-1] else None
    if got == [*expected[:-1], not expected[-1]]:
        if expected[-1] is True:
            return "after-error" if "error" in case["program"] else "stays-off"
        return "always-on"
    return "always-on" if case["program"] == "nested" and got[1] is True else None
