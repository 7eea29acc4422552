"""The shortest way through a call that is like the one before: one generated function that asks what could be otherwise."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import versions
from ..tensor import Tensor, mode, wrap
from .arguments import Call, finished
from .guards import PLAIN, alike
from .optimise import Item

MISS = object()         # what a shortcut returns for a call that has to go the long way


def shortcut(entry: Any, plan: Any, call: Call) -> Callable[[tuple[Any, ...]], Any] | None:
    """A function that takes the arguments of a call and returns its result, or `MISS`; None where there is no such way.

    It asks all that the long way asks: the arguments' types, dtypes and shapes, whether they learn, which of them are one
    tensor, every guard, whether the variables' memory is that of the latest run, and whether an argument looks into memory
    that the run writes.
    """
    code, traced = plan.code, entry.traced
    plain = not call.kwargs and not any([isinstance(a, (tuple, list, dict)) for a in call.args])
    alone = hasattr(code, "place") and not code.news and not traced.argument_writes     # the code does all there is to do
    if not plain or not alone or traced.fixed or len(traced.given) < len(call.tensors):
        return None
    writer = _Writer(code, call, plan, traced)
    names = {"MISS": MISS, "mode": mode, "alike": alike, "holds": entry.holds, "plan": plan, "lock": plan.lock,
             "last": code.last, "takes": plan.takes, "check": code.check, "wrote_again": versions.wrote_again, "wrap": wrap,
             "finished": finished, "traced": traced, **writer.names}
    exec(writer.text(), names)
    return names["shortcut"]


class _Writer:
    """Writes a shortcut's text. Every name in it is letters and a number that this class gave, and no data gets into it."""

    def __init__(self, code: Any, call: Call, plan: Any, traced: Any):
        self.code, self.writes = code, bool(plan.changed)
        self.names: dict[str, Any] = {f"call{k}": step for k, step in enumerate(code.calls)}
        self.given: list[str] = []              # the arguments that are tensors
        self.unlike: list[str] = []             # what sends a call the long way,
        self.elsewhere: list[str] = []          # and what does because memory is another: asked while nobody runs the plan
        self.steps: list[str] = []              # what a run consists of
        self.arguments(call)
        self.variables(plan.variables)
        self.steps += [f"if (wrong := call{k}()) >= 0: check(wrong)" for k in range(len(code.calls))]
        self.end = self.ending(traced)
        self.taken = [f"t{n}" for n in range(len(call.args))]

    def arguments(self, call: Call) -> None:
        """What is asked of the arguments."""
        self.unlike.append("not mode.plain and (not mode.grad or mode.watched)" if call.grad else "mode.grad or mode.watched")
        for n, value in enumerate(call.args):
            if isinstance(value, Tensor):
                self.tensor(n, value)
            else:
                self.names[f"c{n}"] = value
                self.unlike.append(f"t{n} is not c{n}" + f" and not alike(t{n}, c{n})" * isinstance(value, PLAIN))

    def tensor(self, n: int, value: Tensor) -> None:
        """What is asked of an argument that is a tensor, and where its numbers go."""
        k, t, learns = len(self.given), f"t{n}", value.node is not None
        self.unlike += [f"type({t}) is not T{n}", f"{t}.node is {'' if learns else 'not '}None",
                        *[f"{other} is {t}" for other in self.given]]
        self.names[f"T{n}"] = type(value)
        self.given.append(t)
        if k in self.code.slots:
            self.names |= {f"s{k}": type(value.array), f"n{k}": self.code.slots[k]}
            self.elsewhere.append(f"type({t}.array) is not s{k}")
            self.steps.append(f"n{k}[...] = {t}.array")
        else:
            self.names[f"s{k}"] = value.array.shape
            self.elsewhere.append(f"((a := {t}.array) is not l{k} or a.shape != s{k}) and not takes({k}, a)")

    def variables(self, variables: list[Any]) -> None:
        """What is asked of tensors from outside, and how numbers from outside are read."""
        for k, variable in enumerate(variables, len(self.given)):
            read = getattr(variable, "read", None)
            now = f"v{k}.array"
            self.names |= {f"v{k}": variable, f"n{k}": self.code.slots.get(k)}
            if isinstance(read, Item):
                now = f"o{k}[k{k}]"
                self.names |= {f"o{k}": read.owner, f"k{k}": read.key}
            if k not in self.code.slots:
                self.elsewhere.append(f"{now} is not l{k}")
            elif isinstance(read, Item):        # mostly the same number as before, there already
                self.steps += [f"n = {now}", f"if n is not l{k} or type(n) is not float: n{k}[...] = last[{k}] = n"]
            else:
                self.steps.append(f"n{k}[...] = {now}")
        if self.writes:
            self.elsewhere.append("plan.writes is None")

    def ending(self, traced: Any) -> list[str]:
        """What happens when the code has run."""
        values = [f"y{k}" for k in range(len(traced.outputs) + sum([g is not None for _, g in traced.grads]))]
        self.names |= {f"r{k}": self.code.outputs[k] for k in range(len(values))}
        self.steps += ["wrote_again(plan.writes)"] * self.writes + [f"{y} = r{y[1:]}()" for y in values]
        found = traced.result_tensors
        if not len(values) == len(found) == 1 or traced.result is not found[0]:
            return [f"return finished(traced, [{', '.join(values)}], [{', '.join(self.given)}])"]
        leaves, acts = [leaf for leaf, _ in traced.grads], traced.graph.after
        self.names |= {f"g{k}": leaf for k, leaf in enumerate(leaves)} | {f"act{k}": act for k, act in enumerate(acts)}
        clear, act = [f"g{k}.grad = None" for k in range(len(leaves))], [f"act{k}()" for k in range(len(acts))]
        return [*clear, *act, "return wrap(y0)"]

    def text(self) -> str:
        """The whole function."""
        places = ", ".join([f"l{k}" for k in range(len(self.code.last))])
        run, end = "\n        ".join(self.steps), "\n    ".join(self.end)
        return f"""def shortcut(args):
    try:
        [{', '.join(self.taken)}] = args
    except ValueError:
        return MISS
    if {' or '.join(self.unlike)} or not holds():
        return MISS
    with lock:
        [{places}] = last
        if {' or '.join(self.elsewhere) or 'False'}:
            return MISS
        {run}
    {end}
"""
