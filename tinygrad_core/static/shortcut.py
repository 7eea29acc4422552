"""The shortest way through a call that is like the one before: one generated function that asks what could be otherwise."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import versions
from ..tensor import Tensor, mode, wrap
from .arguments import Call, finished
from .guards import PLAIN, alike
from .optimise import Item
from .session import UnfitError

MISS = object()         # what a shortcut returns for a call that has to go the long way


def shortcut(entry: Any, plan: Any, call: Call) -> Callable[[tuple[Any, ...]], Any] | None:
    """A function that takes the arguments of a call and returns its result, or `MISS`; None where there is no such way.

    It asks all that the long way asks: the arguments' types, dtypes and shapes, whether they learn, which of them are one
    tensor, every guard, whether the variables' memory is that of the latest run, and whether an argument looks into memory
    that the run writes.
    """
    traced = entry.traced
    plain = not call.kwargs and not any([isinstance(a, (tuple, list, dict)) for a in call.args])
    if not plain or traced.argument_writes or traced.fixed or len(traced.given) < len(call.tensors):
        return None
    alone = hasattr(plan.code, "place") and not plan.code.news          # the code does all there is to do
    writer = (_Placed if alone else _Writer)(plan, call, traced)
    names = {"MISS": MISS, "mode": mode, "alike": alike, "holds": entry.holds, "plan": plan, "wrap": wrap,
             "finished": finished, "traced": traced, "UnfitError": UnfitError, **writer.names}
    exec(writer.text(), names)
    return names["shortcut"]


class _Writer:
    """Writes a shortcut's text. Every name in it is letters and a number that this class gave, and no data gets into it."""

    def __init__(self, plan: Any, call: Call, traced: Any):
        self.names: dict[str, Any] = {}
        self.given: list[str] = []              # the arguments that are tensors
        self.unlike: list[str] = []             # what sends a call the long way
        self.arguments(call)
        self.values = [f"y{k}" for k in range(len(traced.outputs) + sum([g is not None for _, g in traced.grads]))]
        self.end = self.ending(traced)
        self.taken = [f"t{n}" for n in range(len(call.args))]

    def arguments(self, call: Call) -> None:
        """What is asked of the arguments."""
        self.unlike.append("not mode.plain and (not mode.grad or mode.watched)" if call.grad else "mode.grad or mode.watched")
        for n, value in enumerate(call.args):
            if isinstance(value, Tensor):
                t, learns = f"t{n}", value.node is not None
                self.unlike += [f"type({t}) is not T{n}", f"{t}.node is {'' if learns else 'not '}None",
                                *[f"{other} is {t}" for other in self.given]]
                self.names[f"T{n}"] = type(value)
                self.array(len(self.given), t, value.array)
                self.given.append(t)
            else:
                self.names[f"c{n}"] = value
                self.unlike.append(f"t{n} is not c{n}" + f" and not alike(t{n}, c{n})" * isinstance(value, PLAIN))

    def array(self, k: int, t: str, array: Any) -> None:
        """What is asked of the array of a tensor among the arguments."""
        self.names |= {f"a{k}": type(array), f"d{k}": array.dtype, f"s{k}": array.shape}
        self.unlike.append(f"type(a := {t}.array) is not a{k} or a.dtype is not d{k} or a.shape != s{k}")

    def ending(self, traced: Any) -> list[str]:
        """What happens when the code has run."""
        found = traced.result_tensors
        if not len(self.values) == len(found) == 1 or traced.result is not found[0]:
            return [f"return finished(traced, [{', '.join(self.values)}], [{', '.join(self.given)}])"]
        leaves, acts = [leaf for leaf, _ in traced.grads], traced.graph.after
        self.names |= {f"g{k}": leaf for k, leaf in enumerate(leaves)} | {f"act{k}": act for k, act in enumerate(acts)}
        clear, act = [f"g{k}.grad = None" for k in range(len(leaves))], [f"act{k}()" for k in range(len(acts))]
        return [*clear, *act, "return wrap(y0)"]

    def running(self) -> str:
        """The run: the plan's own, which asks about memory, and hands out the random numbers that were drawn, too."""
        arrays = ", ".join([f"{t}.array" for t in self.given])
        return f"""try:
        [{', '.join([*self.values, '*_'])}] = plan.run([{arrays}])
    except UnfitError:
        return MISS"""

    def text(self) -> str:
        """The whole function."""
        end = "\n    ".join(self.end)
        return f"""def shortcut(args):
    try:
        [{', '.join(self.taken)}] = args
    except ValueError:
        return MISS
    if {' or '.join(self.unlike)} or not holds():
        return MISS
    {self.running()}
    {end}
"""


class _Placed(_Writer):
    """Of code that reads and writes where arrays lie: the arrays that are where they were at the latest run stay there."""

    def __init__(self, plan: Any, call: Call, traced: Any):
        self.code, self.writes = plan.code, bool(plan.changed)
        self.elsewhere: list[str] = []          # what sends a call the long way because memory is another
        self.steps: list[str] = []              # what a run consists of
        super().__init__(plan, call, traced)
        self.variables(plan.variables)
        self.names |= {"lock": plan.lock, "last": self.code.last, "takes": plan.takes, "check": self.code.check,
                       "wrote_again": versions.wrote_again}
        self.names |= {f"call{k}": step for k, step in enumerate(self.code.calls)}
        self.names |= {f"r{k}": self.code.outputs[k] for k in range(len(self.values))}
        self.steps += [f"if (wrong := call{k}()) >= 0: check(wrong)" for k in range(len(self.code.calls))]
        self.steps += ["wrote_again(plan.writes)"] * self.writes + [f"{y} = r{y[1:]}()" for y in self.values]

    def array(self, k: int, t: str, array: Any) -> None:
        """What is asked of the array of a tensor among the arguments, and where its numbers go."""
        if k in self.code.slots:
            self.names |= {f"s{k}": type(array), f"n{k}": self.code.slots[k]}
            self.elsewhere.append(f"type({t}.array) is not s{k}")
            self.steps.append(f"n{k}[...] = {t}.array")
        else:
            self.names[f"s{k}"] = array.shape
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
                if isinstance(variable, Tensor):
                    self.names[f"d{k}"] = variable.array.dtype
                    self.elsewhere.append(f"{now}.dtype is not d{k} or {now}.shape")
                self.steps.append(f"n{k}[...] = {now}")
        if self.writes:
            self.elsewhere.append("plan.writes is None")

    def running(self) -> str:
        """The run: memory is asked about while nobody else runs the plan."""
        places = ", ".join([f"l{k}" for k in range(len(self.code.last))])
        run = "\n        ".join(self.steps)
        return f"""with lock:
        [{places}] = last
        if {' or '.join(self.elsewhere) or 'False'}:
            return MISS
        {run}"""
