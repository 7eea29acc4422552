"""A layer that learns for some batches and is used on others: what comes out, and where do the running numbers stand?"""

import numpy as np

MISTAKES = {
    "eval-by-batch": {"use_by": "batch"},
    "eval-moves": {"moves": "always"},
    "never-moves": {"moves": "never"},
    "train-by-running": {"train_by": "running"},
    "shares-swapped": {"swapped": True},
    "by-example": {"axis": 1},
    "eps-outside": {"below": lambda var, eps: np.sqrt(var) + eps},
    "not-rooted": {"below": lambda var, eps: var + eps},
    "variance-of-n": {"ddof": 0},
}


def cases(rng):
    """Batches, each with whether the layer is in training. The simplest come first."""
    first, second = [[3.0, 1.0], [5.0, 9.0]], [[4.0, 2.0], [6.0, 10.0], [2.0, 0.0]]
    yield {"eps": 0.5, "momentum": 0.25, "batches": [[True, first]]}
    yield {"eps": 0.5, "momentum": 0.25, "batches": [[False, first]]}
    yield {"eps": 0.5, "momentum": 0.25, "batches": [[True, first], [False, second]]}
    yield {"eps": 0.5, "momentum": 0.25, "batches": [[True, first], [False, second], [False, second]]}
    for _ in range(12):
        batches = []
        for step in range(rng.randint(2, 4)):
            rows = [[float(rng.randint(-9, 9)) for _ in range(3)] for _ in range(rng.randint(2, 5))]
            batches.append([step == 0 or rng.random() < 0.5, rows])
        yield {"eps": rng.choice([0.25, 0.5]), "momentum": rng.choice([0.1, 0.25]), "batches": batches}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    layer = answer(len(case["batches"][0][1][0]), eps=case["eps"], momentum=case["momentum"])
    after = []
    for training, rows in case["batches"]:
        layer.training = training
        with np.errstate(all="ignore"):
            out = np.asarray(layer(np.array(rows)))
        if out.dtype.kind not in "fiu":
            return f"an array of {out.dtype}"
        running = [np.asarray(n, dtype=float) for n in (layer.running_mean, layer.running_var)]
        after.append({"out": out.tolist(), "mean": running[0].tolist(), "var": running[1].tolist()})
    return after


def truth(case):
    """The same from the engine's layer, in float64 and without the weights that are learned."""
    import tinygrad_core as tg

    layer = tg.nn.BatchNorm1d(len(case["batches"][0][1][0]), case["eps"], case["momentum"], affine=False, dtype=tg.float64)
    after = []
    for training, rows in case["batches"]:
        out = layer.train(training)(tg.tensor(rows, dtype=tg.float64))
        after.append({"out": out.tolist(), "mean": layer.running_mean.tolist(), "var": layer.running_var.tolist()})
    return after


def walked(case, *, use_by="running", train_by="batch", moves="training", swapped=False, axis=0, below=None, ddof=1):
    """What comes out with these mistakes; None where they cannot be computed."""
    below = below or (lambda var, eps: np.sqrt(var + eps))
    mean, var, after = np.zeros(len(case["batches"][0][1][0])), np.ones(len(case["batches"][0][1][0])), []
    share = 1 - case["momentum"] if swapped else case["momentum"]
    for training, rows in case["batches"]:
        x = np.array(rows)
        batch = x.mean(axis=axis, keepdims=axis == 1), x.var(axis=axis, keepdims=axis == 1)
        old = mean, var
        if axis == 0 and (moves == "always" or (moves == "training" and training)):
            mean = (1 - share) * mean + share * batch[0]
            with np.errstate(all="ignore"):
                var = (1 - share) * var + share * x.var(axis=0, ddof=ddof)
        by = train_by if training else use_by
        center, spread = batch if by == "batch" else old if training else (mean, var)
        out = (x - center) / below(spread, case["eps"])
        after.append({"out": out.tolist(), "mean": mean.tolist(), "var": var.tolist()})
    return after


def same(case, expected, got):
    """The same numbers but for rounding."""
    return isinstance(got, list) and len(got) == len(expected) and all(map(alike, expected, got))


def alike(one, other, parts=("out", "mean", "var")):
    """These parts of two outcomes agree but for rounding."""
    return isinstance(other, dict) and all(close(one[part], other[part]) for part in parts)


def close(ours, theirs):
    """Arrays of one shape whose numbers agree but for rounding."""
    ours, theirs = np.array(ours), np.array(theirs)
    return ours.shape == theirs.shape and theirs.dtype.kind == "f" and np.allclose(ours, theirs, 1e-9, 1e-9)


def valid(case):
    """What a shrunk case must still be: at least two examples in each batch, for a variance needs two."""
    return bool(case["batches"]) and all(len(rows) >= 2 for _, rows in case["batches"])


def smaller(case):
    """A batch less, or an example less."""
    for k in range(len(case["batches"])):
        yield {**case, "batches": case["batches"][:k] + case["batches"][k + 1 :]}
    for k, (training, rows) in enumerate(case["batches"]):
        rest = [training, rows[:-1]]
        yield {**case, "batches": [*case["batches"][:k], rest, *case["batches"][k + 1 :]]}


def show(case):
    """The case as the learner would type it."""
    head = f"norm = BatchNorm({len(case['batches'][0][1][0])}, eps={case['eps']}, momentum={case['momentum']})"
    steps = [f"norm.training = {training}; norm(np.array({rows}))" for training, rows in case["batches"]]
    return "\n".join([head, *steps])


def tell(case, outcome):
    """An outcome in the learner's terms: the last call's, in which it shows."""
    if not isinstance(outcome, list) or not outcome or not isinstance(outcome[-1], dict):
        return repr(outcome)
    rounded = {part: np.round(np.array(value), 4).tolist() for part, value in outcome[-1].items()}
    return f"{rounded['out']}\nrunning_mean {rounded['mean']}\nrunning_var {rounded['var']}"


def facts(case, expected, got):
    """The momentum that was asked for."""
    return {"momentum": case["momentum"]}


def hint(case, expected, got):
    """Which mistake computes this; None when several would."""
    if not isinstance(got, list) or len(got) != len(expected):
        return None
    if any(training for training, _ in case["batches"]) and not same(case, expected, got):
        # Whoever takes the mean of each example may keep anything: what comes out says it.
        by_example = walked(case, axis=1, use_by="batch")
        parts = zip(case["batches"], by_example, got, strict=True)
        if all(alike(one, other, ["out"]) for (training, _), one, other in parts if training):
            return "by-example"
    found = [id for id, mistake in MISTAKES.items() if id != "by-example" and same(case, walked(case, **mistake), got)]
    return found[0] if len(found) == 1 else None
