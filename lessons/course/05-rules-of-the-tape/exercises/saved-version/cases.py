"""Programs that save, look into and write: may the saved value still be used?"""

import numpy as np

START = {"a": [1.0, 2.0], "b": [5.0, 6.0]}


def cases(rng):
    """Each idea on its own, four that are fine and four that are not; then random programs."""
    for steps in (
        ["save a"],
        ["save a", "write a"],
        ["save a", "write b"],
        ["write a", "save a"],
        ["save a", "view v a", "write v"],
        ["view v a", "save v", "write a"],
        ["view v a", "write v", "save a"],
        ["save a", "write a", "save b"],
        ["save b", "write b"],
        ["save a", "save b", "write b"],
        ["save b", "save a", "write b", "write a"],
        ["write b", "save b", "write b"],
    ):
        yield {"steps": steps}
    for _ in range(16):
        steps, names = [], ["a", "b"]
        for _ in range(rng.randint(2, 5)):
            what = rng.choice(["save", "write", "write", "view"])
            if what == "view" and "v" not in names:
                steps.append(f"view v {rng.choice('ab')}")
                names.append("v")
            elif what != "view":
                steps.append(f"{what} {rng.choice(names)}")
        yield {"steps": [*steps, "save a"]}


def drive(answer, case):
    """Runs beside the learner's code: plain data in, plain data out."""
    tensors = {name: answer(np.array(numbers)) for name, numbers in START.items()}
    saved = []
    for step in case["steps"]:
        what, name, *source = step.split()
        if what == "save":
            saved.append(tensors[name].save())
        elif what == "write":
            tensors[name].add_(10.0)
        else:
            tensors[name] = tensors[source[0]].view(slice(0, 1))
    outcome = []
    for one in saved:
        try:
            array = answer.unpack(one)
            outcome.append(None if array is None else np.asarray(array).tolist())
        except RuntimeError:
            outcome.append("refused")
    return outcome


def truth(case):
    """The same, told with blocks of memory and the steps at which they were written."""
    return walked(case, lambda save, writes: any(block == save["block"] and when > save["when"] for block, when, _ in writes))


def walked(case, refuses, *, keeps="memory"):
    """What comes of each save, when `refuses` says which are refused; `keeps` a copy or the memory itself."""
    blocks, numbers = {"a": "a", "b": "b"}, {name: list(row) for name, row in START.items()}
    saves, writes = [], []
    for when, step in enumerate(case["steps"]):
        what, name, *source = step.split()
        if what == "view":
            blocks[name] = source[0]
            continue
        block, width = blocks[name], 1 if name == "v" else 2
        if what == "save":
            saves.append({"name": name, "block": block, "when": when, "copy": numbers[block][:width], "width": width})
        else:
            writes.append((block, when, name))
            numbers[block] = [x + 10.0 if i < width else x for i, x in enumerate(numbers[block])]
    return [
        "refused" if refuses(save, writes) else save["copy"] if keeps == "copy" else numbers[save["block"]][: save["width"]]
        for save in saves
    ]


def same(case, expected, got):
    """Refused, or the same numbers, for each."""
    return got == expected


def valid(case):
    """What a shrunk case must still be: known names, and something saved."""
    names = {"a", "b"}
    for step in case["steps"]:
        words = step.split()
        if words[0] == "view":
            names.add("v")
        elif words[1] not in names:
            return False
    return any(step.startswith("save") for step in case["steps"])


def smaller(case):
    """Programs with a step less."""
    for i in range(len(case["steps"])):
        yield {"steps": case["steps"][:i] + case["steps"][i + 1 :]}


def show(case):
    """The case as the learner would type it."""
    lines, count = [f"{n} = Tracked(np.array({v}))" for n, v in START.items() if uses(case, n)], 0
    for step in case["steps"]:
        what, name, *source = step.split()
        if what == "save":
            count += 1
            lines.append(f"s{count} = {name}.save()")
        elif what == "write":
            lines.append(f"{name}.add_(10.0)")
        else:
            lines.append(f"{name} = {source[0]}.view(slice(0, 1))")
    return "\n".join([*lines, "; ".join(f"Tracked.unpack(s{k + 1})" for k in range(count))])


def uses(case, name):
    """Whether the program says that name."""
    return any(name in step.split() for step in case["steps"])


def tell(case, outcome):
    """An outcome in the learner's terms."""
    return ", ".join(map(str, outcome)) if isinstance(outcome, list) else repr(outcome)


def hint(case, expected, got):
    """Which mistake gives this outcome; None when several would."""
    explains = {
        "silent": walked(case, lambda save, writes: False),
        "copies": walked(case, lambda save, writes: False, keeps="copy"),
        "views": walked(case, lambda save, writes: any(n == save["name"] and t > save["when"] for _, t, n in writes)),
        "bans-all": walked(case, lambda save, writes: any(t > save["when"] for _, t, _ in writes)),
        "since-birth": walked(case, lambda save, writes: any(b == save["block"] for b, _, _ in writes)),
    }
    found = [id for id, outcome in explains.items() if outcome == got != expected]
    if found == ["silent", "views"]:
        return "views"  # written through a view: who counts no write at all is found out by other cases
    return found[0] if len(found) == 1 else None
