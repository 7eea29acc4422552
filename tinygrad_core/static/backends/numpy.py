"""The NumPy back end: a program as a list of NumPy calls in generated Python, with outputs that were allocated beforehand."""
from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from traceback import walk_tb
from typing import Any

import numpy as np

from ...errors import EngineError, Line
from ...symbol import Symbol
from ...tensor import unboxed
from ..graph import Operation
from ..memory import Life, Report, plan_memory, report
from ..passes import enabled
from ..passes.dce import dce
from ..passes.fuse import is_view
from ..passes.turn import turn
from ..program import Program, Rewriter, rewritten

# Operations that are one call of a ufunc, which can write into memory that is there already.
UFUNCS: dict[str, Any] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.true_divide, "neg": np.negative, "exp": np.exp,
    "log": np.log, "tanh": np.tanh, "sqrt": np.sqrt, "abs": np.absolute, "maximum": np.maximum, "minimum": np.minimum,
    "sin": np.sin, "cos": np.cos, "floor": np.floor, "ceil": np.ceil, "log1p": np.log1p, "expm1": np.expm1,
    "sum": np.add.reduce, "matmul": np.matmul}
_FILE = "<generated for NumPy>"
SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/"}


class _Writer:
    """Writes the Python text of one program; every name in it is a number that this class gave."""

    def __init__(self, program: Program):
        self.program = program
        self.names: dict[Symbol, str] = {x: f"i{k}" for k, x in enumerate(program.inputs)}
        self.held: dict[str, Any] = {}                  # what the text refers to
        self.lines: list[str] = []
        self.order = {o: k for k, o in enumerate(program.operations)}
        self.last = self._last_readers()
        self.into = self._updated_in_place()
        self._allocate()
        for o in program.constants:
            self.names[o.results[0]] = self.hold(unboxed(o.value))
        self.origins: list[Operation] = []              # of each line
        for o in program.operations:
            self.write(o)
            self.origins += [o] * (len(self.lines) - len(self.origins))

    def hold(self, value: Any) -> str:
        """A name for something that the text refers to."""
        name = f"h{len(self.held)}"
        self.held[name] = value
        return name

    def _last_readers(self) -> dict[Symbol, int]:
        """For each value the number of the last operation that needs its memory, by views too; the end for results."""
        last: dict[Symbol, int] = {}
        end = len(self.order)
        for x in self.program.results:
            last[x] = end
        for o in reversed(self.program.operations):
            needed = max([self.order[o], *[last.get(r, 0) for r in o.results if r is not None]]) if _may_share(o) \
                else self.order[o]
            for x in o.sources:
                last[x] = max(last.get(x, 0), needed)
        return last

    def _updated_in_place(self) -> dict[Symbol, Symbol]:
        """New values that a ufunc can write straight into their variable, because nobody reads the old value any more."""
        news = [id(new) for _, new in self.program.updates]
        outputs, found = set(self.program.outputs), {}
        for variable, new in self.program.updates:
            o = new.operation
            if (self._by_ufunc(o) and variable.shape and variable.dtype == new.dtype and news.count(id(new)) == 1
                    and self.last.get(variable, 0) <= self.order[o] and new not in outputs):
                found[new] = variable
        return found

    def _by_ufunc(self, o: Operation) -> bool:
        if o.does not in UFUNCS:
            return False
        out = o.results[0]
        return bool(out.shape) and out.dtype.kind == "f" and all([x.dtype == out.dtype for x in o.sources])

    def _allocate(self) -> None:
        """Memory for every result of a ufunc, shared among those that are never needed at once."""
        lives: dict[Any, Life] = {}
        for o in self.program.operations:
            out = o.results[0]
            if self._by_ufunc(o) and out not in self.into:
                lives[out] = Life(math.prod(out.shape) * out.itemsize, self.order[o], self.last.get(out, self.order[o]))
        plan = plan_memory(lives)
        self.memory = report(plan, lives.values(), [[o] for o in self.program.operations])
        block = np.empty(plan.total, np.uint8)
        self.buffers = {x: block[at:at + lives[x].size].view(x.dtype).reshape(x.shape) for x, at in plan.offsets.items()
                        if isinstance(x, Symbol)}

    def value(self, x: Any) -> str:
        """An input in the text."""
        if isinstance(x, Symbol):
            return self.names[x]
        return repr(x) if type(x) in (int, float) and math.isfinite(x) else "None" if x is None else self.hold(x)

    def write(self, o: Operation) -> None:
        """Write down one operation."""
        name = o.does
        line = f"  # {' '.join(str(Line.at(o.where)).split())}" if o.where is not None else ""
        inputs = [self.value(x) for x in o.inputs[:o.operands]]
        out = o.results[0]
        target = f"v{self.order[o]}"
        if self._by_ufunc(o):
            self.names[out] = into = self.names[self.into[out]] if out in self.into else self.hold(self.buffers[out])
            function = UFUNCS[name]
            if name == "sum":
                inputs += [repr(o.attrs["dim"]), f"keepdims={bool(o.attrs['keepdim'])}"]
            elif name == "matmul" and all([x.ndim == 2 for x in o.sources]):
                function = np.dot
            self.lines.append(f"{self.hold(function)}({', '.join(inputs)}, out={into}){line}")
            return
        if name in SIGNS and not out.shape and out.dtype.kind == "f" and len({x.dtype for x in o.sources}) == 1:
            self.lines.append(f"{target} = {inputs[0]} {SIGNS[name]} {inputs[1]}{line}")
            self.names[out] = target
            return
        self._write_call(o, target, inputs, line)

    def _write_call(self, o: Operation, target: str, inputs: list[str], line: str) -> None:
        """An operation as a call of its forward computation."""
        if o.operands == len(o.inputs) and not (o.op.aux and o.op.several):
            call = f"{self.hold(partial(o.op.forward, np, **o.attrs))}({', '.join(inputs)})"
        else:
            call = f"{self.hold(partial(_computed, o))}({', '.join(self.value(x) for x in o.inputs)})"
        several = len(o.results) > 1 or o.op.several
        names = [f"{target}_{k}" for k in range(len(o.results))] if several else [target]
        self.lines.append(f"{', '.join(names)}{',' * several} = {call}{line}")
        for r, n in zip(o.results, names, strict=True):
            if r is not None:
                self.names[r] = n
                if not r.shape:
                    self.lines.append(f"{n} = {self.hold(unboxed)}({n})")
        done = [self.names[x] for x in {*o.sources} if self.last.get(x) == self.order[o] and self.names[x].startswith("v")]
        if done:
            self.lines.append(f"{' = '.join(sorted(set(done)))} = None")

    def text(self) -> str:
        """The whole function."""
        given = ", ".join(f"i{k}" for k in range(len(self.program.inputs)))
        outs = ", ".join(self.names[x] for x in self.program.outputs)
        news = ", ".join("None" if new in self.into else self.names[new] for _, new in self.program.updates)
        body = "".join(f"    {line}\n" for line in self.lines)
        return f"def run({given}):\n{body}    return [{outs}], [{news}]\n"


def memory_of(program: Program) -> Report:
    """What the memory plan of the outputs that are allocated beforehand comes to."""
    return _Writer(_prepared(program)).memory


def _may_share(o: Operation) -> bool:
    """Whether a result may be, or look into, an input's memory."""
    sharing = ("identity", "array", "split", "patch", "sum_to", "stretch", "cast")
    return is_view(o) or o.op.view or o.does in sharing


def _computed(o: Operation, *values: Any) -> Any:
    """What an operation gives whose attributes hold inputs, or whose results have by-products beside them."""
    outs = o.compute(np, values)
    return outs if len(o.results) > 1 or (o.op.several) else outs[0]


class _Run:
    """Calls the generated function: `run(arrays)`, and `run.source()` for reading."""

    def __init__(self, program: Program):
        writer = _Writer(program)
        self.text = writer.text()
        space = {"__name__": __name__, **writer.held}         # warnings are this module's, which says none
        exec(compile(self.text, _FILE, "exec"), space)
        self.function, self.origins = space["run"], writer.origins
        self.copied = [bool(x.shape) for x in program.outputs]
        self.fresh = [bool(new.shape) for _, new in program.updates]

    def source(self) -> str:
        """The generated Python."""
        return self.text

    def __call__(self, arrays: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        try:
            outputs, news = self.function(*arrays)
        except EngineError:
            raise
        except Exception as error:
            lines = [line for frame, line in walk_tb(error.__traceback__) if frame.f_code.co_filename == _FILE]
            raise self.origins[lines[0] - 2].failed(error) from None
        # What is handed out must not lie in memory that the next run writes into.
        return [v.copy() if copied else v for v, copied in zip(outputs, self.copied)], \
            [v if v is None or not fresh else v.copy() for v, fresh in zip(news, self.fresh)]


def numpy(program: Program) -> Any:
    """The program as a function that makes NumPy calls and decides nothing."""
    return _Run(_prepared(program))


def _prepared(program: Program) -> Program:
    """The program with products turned as they are read, and in which ufuncs stretch their inputs themselves."""
    def change(r: Rewriter, o: Operation) -> Any:
        if o.does not in UFUNCS or not o.op.broadcasts:
            return None
        inputs = [x.operation.inputs[0] if isinstance(x, Symbol) and x.operation.does in ("stretch", "expand") else x
                  for x in o.inputs]
        if np.broadcast_shapes(*[x.shape for x in inputs if isinstance(x, Symbol)]) != o.results[0].shape:
            return None
        twin = r.keep(o)
        twin.read(tuple([r.map(x) for x in inputs]))
        return twin.results

    program = rewritten(turn(program) if enabled("turn") else program, change)
    return dce(program) if enabled("dce") else program
