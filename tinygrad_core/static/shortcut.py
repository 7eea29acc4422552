"""The shortest way through a call that is like the one before: one generated function that asks what could be otherwise."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import versions
from ..tensor import Tensor, mode, wrap
from .arguments import Call, finished
from .guards import PLAIN, alike
from .optimise import Option

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
    writer = _Writer(code, bool(plan.changed))
    writer.arguments(call)
    writer.variables(plan.variables)
    writer.ending(traced)
    names = {"MISS": MISS, "mode": mode, "alike": alike, "holds": entry.holds, "plan": plan, "lock": plan.lock,
             "last": code.last, "takes": plan.takes, "check": code.check, "wrote_again": versions.wrote_again, "wrap": wrap,
             "finished": finished, "traced": traced, **writer.names}
    exec(writer.text(), names)
    return names["shortcut"]


class _Writer:
    """Writes a shortcut's text. Every name in it is a letter and a number that this class gave, and no data gets into it."""

    def __init__(self, code: Any, writes: bool):
        self.code, self.writes = code, writes
        self.names: dict[str, Any] = {f"call{k}": step for k, step in enumerate(code.calls)}
        self.arguments_: list[str] = []
        self.given: list[str] = []              # the tensors among them
        self.unlike: list[str] = []             # what sends a call the long way,
        self.elsewhere: list[str] = []          # and what does because memory is another: asked while nobody runs the plan
        self.numbers: list[str] = []            # how inputs without dims are handed over
        self.end: list[str] = []
        self.wanted = 0

    def arguments(self, call: Call) -> None:
        """What is asked of the arguments."""
        self.unlike.append("not mode.plain" if call.grad else "mode.watched or mode.grad")
        for n, value in enumerate(call.args):
            t = f"t{n}"
            if isinstance(value, Tensor):
                self.tensor(t, f"T{n}", value)
            else:
                self.names[f"c{n}"] = value
                self.unlike.append(f"{t} is not c{n}" + f" and not alike({t}, c{n})" * isinstance(value, PLAIN))
            self.arguments_.append(t)

    def tensor(self, t: str, kind: str, value: Tensor) -> None:
        """What is asked of one tensor, and where its numbers go."""
        k, learns = len(self.given), value.node is not None
        self.unlike += [f"type({t}) is not {kind}", f"{t}.node is {'' if learns else 'not '}None",
                        *[f"{other} is {t}" for other in self.given]]
        self.names[kind] = type(value)
        self.given.append(t)
        if k in self.code.slots:
            self.names |= {f"s{k}": type(value.array), f"n{k}": self.code.slots[k]}
            self.elsewhere.append(f"type({t}.array) is not s{k}")
            self.numbers.append(f"n{k}[...] = {t}.array")
        else:
            self.names[f"s{k}"] = value.array.shape
            self.elsewhere.append(f"((a := {t}.array) is not l{k} or a.shape != s{k}) and not takes({k}, a)")

    def variables(self, variables: list[Any]) -> None:
        """What is asked of tensors from outside, and how numbers from outside are read."""
        for k, variable in enumerate(variables, len(self.given)):
            read = getattr(variable, "read", None)
            self.names |= {f"v{k}": variable, f"n{k}": self.code.slots.get(k)}
            if k not in self.code.slots:
                self.elsewhere.append(f"v{k}.array is not l{k}")
            elif isinstance(read, Option):      # mostly the same number as before, there already
                self.names |= {f"o{k}": read.group, f"k{k}": read.name}
                self.numbers += [f"n = o{k}[k{k}]",
                                 f"if n is not l{k} or type(n) is not float: n{k}[...] = last[{k}] = n"]
            else:
                self.numbers.append(f"n{k}[...] = v{k}.array")

    def ending(self, traced: Any) -> None:
        """What happens when the code has run."""
        self.wanted = len(traced.outputs) + sum([g is not None for _, g in traced.grads])
        self.names |= {f"r{k}": self.code.outputs[k] for k in range(self.wanted)}
        if self.wanted == 1 and traced.result_tensors and traced.result is traced.result_tensors[0]:
            leaves, acts = [leaf for leaf, _ in traced.grads], traced.graph.after
            self.names |= {f"g{k}": leaf for k, leaf in enumerate(leaves)} | {f"act{k}": act for k, act in enumerate(acts)}
            self.end = [*[f"g{k}.grad = None" for k in range(len(leaves))], *[f"act{k}()" for k in range(len(acts))],
                        "return wrap(y0)"]
        else:
            values = "".join([f"y{k}, " for k in range(self.wanted)])
            self.end = [f"return finished(traced, [{values}], [{', '.join(self.given)}])"]

    def text(self) -> str:
        """The whole function."""
        places = "".join([f"l{k}, " for k in range(len(self.code.last))])
        steps = [*self.numbers, *[f"if (wrong := call{k}()) >= 0: check(wrong)" for k in range(len(self.code.calls))],
                 *["wrote_again(plan.writes)"] * self.writes, *[f"y{k} = r{k}()" for k in range(self.wanted)]]
        return f"""def shortcut(args):
    try:
        [{', '.join(self.arguments_)}] = args
    except ValueError:
        return MISS
    if {' or '.join(self.unlike)} or not holds():
        return MISS
    with lock:
        [{places}] = last
        if {' or '.join(['False', *self.elsewhere, *['plan.writes is None'] * self.writes])}:
            return MISS
        {chr(10).join(steps).replace(chr(10), chr(10) + ' ' * 8)}
    {chr(10).join(self.end).replace(chr(10), chr(10) + ' ' * 4)}
"""
