"""Real trainings, seconds before they are judged: each with one illness at most, and what was measured of it."""

import json
from functools import cache

from lessons.sick import CAUSES, train

KNOWN = {}  # the illness of every sheet that was measured


@cache
def sheet(cause, seed):
    """What is measured of a training with this illness."""
    run = train(cause, seed)
    KNOWN[json.dumps(run)] = cause
    return run


def cases(rng):
    """The healthy one, and each illness, in any order: from one of twenty starts."""
    yield {"run": sheet("healthy", rng.randrange(20))}
    for cause in rng.sample(CAUSES, len(CAUSES)):
        yield {"run": sheet(cause, rng.randrange(20))}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    return answer(case["run"])


def truth(case):
    """What the training was given."""
    return KNOWN[json.dumps(case["run"])]


def same(case, expected, got):
    """The same word."""
    return got == expected


def smaller(case):
    """A run is what it is."""
    return ()


def show(case):
    """The case as the learner would type it."""
    run = case["run"]
    one = ", ".join(f'"{key}": {run[key]}' for key in ("examples", "terms", "again", "row_sums"))
    two = ", ".join(f'"{key}": {run[key]}' for key in ("alive", "moved", "one_batch", "differs", "first", "last"))
    return f"run = {{{one},\n       {two}}}\ndiagnose(run)"


def facts(case, expected, got):
    """What was measured."""
    return case["run"]


def hint(case, expected, got):
    """Which illness was overlooked."""
    if got not in CAUSES:
        return None
    return {
        "healthy": "false-alarm", "rate too high": "wild", "rate too low": "slow", "gradients not cleared": "symptom",
        "softmax twice": "falls", "dead units": "dead", "labels shuffled": "shuffled", "shapes broadcast": "terms",
        "dropout left on": "mode",
    }[expected]
