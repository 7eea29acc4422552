"""The C back end: a whole program as one C function, compiled by the system's compiler."""
from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from ...errors import Line
from ...ops import OPS
from ...ops.core import primitive
from ...products import layout
from ...symbol import Symbol
from ..graph import Operation, Ref
from ..lower import lower
from ..memory import Report, report
from ..passes import enabled, optimised, switched_off, without
from ..passes.dce import dce
from ..passes.fuse import LONGEST, Schedule, Step, is_view, owner, reduction
from ..passes.inline import inline
from ..passes.narrow import narrow
from ..passes.recompute import Planned, recompute
from ..passes.rewrites import noted, noting
from ..passes.tiles import own_windows, tiles
from ..passes.turn import turn
from ..program import Program, Rewriter, rewritten
from ..toolchain import compiler, for_both_types, library_name, load, products
from . import c_plan
from .c_layout import Layout, reshaped, shell, viewed
from .c_plan import BLOCK, ByNumpy, Place, Recipe, address
from .c_windows import KERNELS as WINDOWS

TYPES = {"float32": "float", "float64": "double", "int64": "int64_t", "int32": "int32_t", "bool": "uint8_t",
         "uint8": "uint8_t"}
_DTYPES, _FLOATS = set(map(np.dtype, TYPES)), {np.dtype("float32"), np.dtype("float64")}
COPY = OPS["clone"]
SUMMED_PRODUCT = primitive("summed_product",
                           lambda xp, x, y, *, dim, keepdim: xp.matmul(x, y).sum(axis=dim, keepdims=keepdim))
STOP = "if (wrong >= 0) return;"
SMALL, DEEPEST = 1 << 19, 256   # multiplications, and rows of the second factor, of a product that is written out
FUNCTIONS = {"exp", "exp2", "expm1", "log", "log1p", "log2", "log10", "sqrt", "sin", "cos", "tan", "tanh", "sinh",
                    "cosh", "asin", "acos", "atan", "ceil", "floor", "trunc", "erf"}
# Elementwise operations as C expressions; {f} is the suffix of the type's functions, {0}, {1}, {2} are the inputs.
EXPRESSIONS = {
    "add": "{0} + {1}", "sub": "{0} - {1}", "mul": "{0} * {1}", "div": "{0} / {1}", "neg": "-{0}", "abs": "fabs{f}({0})",
    "round": "rint{f}({0})", "sign": "({t})(({0} > 0) - ({0} < 0))", "relu": "({0} < 0 ? 0 : {0})",
    "maximum": "({0} > {1} || {0} != {0} ? {0} : {1})", "minimum": "({0} < {1} || {0} != {0} ? {0} : {1})",
    "where": "either_{t}({0} != 0, {1}, {2})", "eq": "{0} == {1}", "ne": "{0} != {1}", "lt": "{0} < {1}", "le": "{0} <= {1}",
    "gt": "{0} > {1}", "ge": "{0} >= {1}", "logical_and": "({0} != 0) & ({1} != 0)",
    "logical_or": "({0} != 0) | ({1} != 0)", "logical_not": "{0} == 0",
    "isnan": "{0} != {0}", "isinf": "isinf({0})", "isfinite": "isfinite({0})", "pow": "pow{f}({0}, {1})",
    "identity": "{0}", "cast": "{0}", **{name: name + "{f}({0})" for name in FUNCTIONS}}
_INTEGERS_TOO = {"add", "sub", "mul", "neg", "where", "eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or",
                 "logical_not", "cast", "identity"}

RUNTIME = r"""
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
typedef int64_t I;
/* Declared for the compiler to call their vector versions, which the math library has. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__gnu_linux__)
#define SIMD __attribute__((simd("notinbranch")))
SIMD float expf(float); SIMD float logf(float); SIMD float tanhf(float); SIMD float sinf(float); SIMD float cosf(float);
SIMD double exp(double); SIMD double log(double); SIMD double tanh(double); SIMD double sin(double); SIMD double cos(double);
#endif
static _Thread_local I wrong;           /* the number of the step that was given a wrong index */
/* One of two by its bits: a sum of what a condition chooses is computed number by number otherwise. */
#define EITHER(t, bits) static inline t either_##t(int c, t a, t b) { \
  union { t v; bits i; } x = {a}, y = {b}; \
  const bits all = -(bits)(c != 0); \
  x.i = (x.i & all) | (y.i & ~all); return x.v; }
EITHER(float, int32_t) EITHER(double, int64_t) EITHER(int64_t, int64_t) EITHER(int32_t, int32_t) EITHER(uint8_t, uint8_t)
/* A place from an index, as Python counts; a place that is not there is remembered, and the first row stands in. */
static inline I at(I k, I n, I who) { if (k < 0) k += n; if (k < 0 || k >= n) { wrong = who; k = 0; } return k; }
"""
PRODUCTS = r"""
static void (*sproduct)(int, int, int, int, int, const float *, int, const float *, int, int, float *, int);
static void (*dproduct)(int, int, int, int, int, const double *, int, const double *, int, int, double *, int);
void use(void *s, void *d) { sproduct = s; dproduct = d; }
"""


def c(program: Program) -> Any:
    """The program as a function that makes one C call; operations without a kernel run through NumPy in between."""
    if compiler() is None:
        from .numpy import numpy
        return numpy(optimised(program))
    off = switched_off()

    def generate() -> _Generated:
        with without(*off):
            return _Generated(_prepared(program))

    name = c_plan.key(program)
    kept = c_plan.found(name, program)
    if kept is not None:
        recipe, library, made = *kept, None
    else:
        made = generate()
        recipe, library = made.recipe, load(made.code)
        c_plan.keep(name, recipe, program)
    if hasattr(library, "use"):                 # it has products that are not written out
        library.use(*products())
    return c_plan.Run(recipe, library, program, generate, made)


def memory_of(program: Program) -> Report:
    """What the program's memory plan comes to; nothing is compiled for that."""
    return reported(*_Generated.laid_out(_prepared(program)))


def reported(schedule: Schedule, layout: Layout) -> Report:
    """What a layout in memory comes to."""
    return report(layout.plan, layout.lives.values(), [step.operations for step in schedule.steps])


def _tell(schedule: Schedule, layout: Layout) -> None:
    """Note what was fused, and what lies where something else did."""
    for step in schedule.steps:
        if step.kind == "fused" and len(step.operations) > 1 and enabled("fuse"):
            *others, last = step.operations
            noted("fuse", last, f"one loop with {', '.join([o.name for o in others])}")
    for new, old in layout.over.items():
        noted("memory", new.operation, f"written where {old.name} lies, which nobody reads any more")
    for new, variable in layout.in_place.items():
        noted("memory", new.operation, f"written straight into {variable.name}")


def _prepared(program: Program) -> Program:
    """Written out, simplified, and with copies where a view would not be one."""
    program = _with_sums(optimised(lower(optimised(program))))
    for name, change in (("turn", turn), ("narrow", narrow), ("tiles", own_windows), ("dce", dce)):
        program = change(program) if enabled(name) else program
    return _with_copies(program)


def _with_sums(program: Program) -> Program:
    """A stack of products that is only summed is added up as it is computed."""
    readers: dict[Symbol, int] = {}
    for x in (*program.results, *[x for o in program.graph.operations for x in o.sources]):
        readers[x] = readers.get(x, 0) + 1

    def change(r: Rewriter, o: Operation) -> Any:
        if o.does != "sum":
            return None
        x = o.sources[0]
        made = x.operation.op
        if made is None or made.name != "matmul" or readers[x] > 1 or max(o.attrs["dim"], default=x.ndim) >= x.ndim - 2:
            return None
        new, = r.graph.add(SUMMED_PRODUCT, tuple([r.map(y) for y in x.operation.inputs]), o.attrs)
        new.operation.where, new.operation.module = o.where, o.module
        return new

    return rewritten(program, change)


def _with_copies(program: Program) -> Program:
    """A reshape that must move numbers is a copy first, which is then reshaped for nothing."""
    shells: dict[Symbol, Any] = {}

    def change(r: Rewriter, o: Operation) -> Any:
        if not is_view(o):
            return None
        x = r.map(o.sources[0])
        try:
            view = viewed(o, shell(x, shells))
        except ValueError:
            x, = r.graph.add(COPY, (x,), {})
            x.operation.where, x.operation.module = o.where, o.module
            view = reshaped(shell(x, shells), o.results[0].shape)
        made = r.keep(o)
        if x is not made.inputs[0]:
            made.read((x, *made.inputs[1:]))
        shells[made.results[0]] = view
        return made.results

    return rewritten(program, change)


def supported(o: Operation) -> bool:
    """Whether a loop can hold the operation: its name, and the types that it works on."""
    name = o.does
    if reduction(o):
        return o.results[0].dtype in _FLOATS
    if name not in EXPRESSIONS and name != "clamp":
        return False
    if name == "add" and o.results[0].dtype.kind == "b":        # an or, to NumPy
        return False
    types = {x.dtype for x in (*o.sources, o.results[0])}
    if not types <= _DTYPES:
        return False
    if name == "cast":
        return True
    floats = types & _FLOATS
    return len(floats) == 1 if name not in _INTEGERS_TOO else len(floats) <= 1


def _tiled(first: Operation, second: Operation) -> bool:
    """Whether two operations can run image by image: their kernels count images first, and the other factor is a matrix."""
    tile = first.results[0]
    one = np.broadcast_to(np.zeros(tile.shape[1:], tile.dtype), tile.shape)     # every image in the place of the first
    try:
        shells = {x: shell(x, {tile: one}) for x in (*first.sources, *second.sources, *second.results)}
    except ValueError:
        return False
    seen = [shells[x] for x in second.sources if owner(x) is tile]
    product = first if first.op is not second.op and first.does == "matmul" else second
    factors = [shells[x] for x in product.sources]
    most = max([a.ndim for a in factors])
    return (all([_Generated.has_types(o) for o in (first, second)]) and tile.dtype.kind == "f" and 0 not in tile.shape
            and all([a.shape[0] == tile.shape[0] and a.strides[0] == 0 and a.ndim == (most if product is second else a.ndim)
                     for a in seen])
            and all([a.ndim > 1 and 0 not in a.shape and layout(a)[0] for a in factors]))


class _Generated:
    """The generated code of one program, compiled, with what a run needs."""

    def __init__(self, program: Program):
        with noting() as found:
            self.schedule, self.layout = self.laid_out(program)
        self.program = program = self.layout.program
        self.recomputed = {r.operation.name: r for r in found if r.name == "recompute"}
        self.pointers: dict[int, int] = {}      # base address -> number in the table of pointers
        self.bases: list[np.ndarray] = []
        self.functions: dict[str, tuple[str, str, list[str]]] = {}
        self.origins: dict[str, dict[str, None]] = {}   # for each function, the learner's lines that it computes
        self.lines: dict[str, None] = {}                # those of the step that is being written
        self.segments: list[Any] = [[]]         # lists of C statements, and operations for NumPy in between
        self.small = self.large = False         # whether there are products that are written out, and that are called
        self.outer = 0                          # how many dims have a loop around the statements already
        for x in program.inputs:
            self.base(self.layout.array(x))
        for number, step in enumerate(self.schedule.steps):
            if step.operations:
                self.emit(number, step)
        self._copy_updates()
        self._compile()

    @classmethod
    def laid_out(cls, program: Program) -> tuple[Schedule, Layout]:
        """What runs in which order, and where its values lie: all that is decided before code is written."""
        if enabled("recompute"):
            program = recompute(program, cls.planned)
        schedule = cls.scheduled(program)
        if enabled("inline"):
            inline(schedule)
        layout = Layout(program, schedule)
        layout.settle()
        _tell(schedule, layout)
        return schedule, layout

    @classmethod
    def scheduled(cls, program: Program) -> Schedule:
        """What runs together, and in which order."""
        return Schedule(program, supported, LONGEST if enabled("fuse") else 1,
                        tiles(program, _tiled) if enabled("tiles") else {})

    @classmethod
    def planned(cls, program: Program) -> Planned:
        """That, and how long values are needed."""
        schedule = cls.scheduled(program)
        return Planned(program, schedule, Layout(program, schedule).lives)

    # ---- where things are, in C
    def base(self, array: np.ndarray) -> int:
        """The number of an array's memory in the table of pointers."""
        begin = address(array)
        if begin not in self.pointers:
            self.pointers[begin] = len(self.bases)
            self.bases.append(array)
        return self.pointers[begin]

    def place(self, x: Symbol, part: Any = None) -> tuple[int, int]:
        """Where a symbol's first element (or a part's) lies: the number of its base, or BLOCK, and how many bytes behind."""
        begin, block = address(self.layout.array(x) if part is None else part), address(self.layout.block)
        if block <= begin <= block + self.layout.block.nbytes:
            return BLOCK, begin - block
        root = self.layout.array(owner(x) if owner(x) not in self.layout.in_place else self.layout.in_place[owner(x)])
        return self.base(root), begin - address(root)

    def pointer(self, x: Symbol, part: Any = None) -> Any:
        """The address of a symbol's first element, or of that of a part of its array, as C."""
        base, offset = self.place(x, part)
        return f"({self.type_of(x)}*)({'A' if base == BLOCK else f'(char*)P[{base}]'} + {offset})"

    def say(self, statement: Any) -> None:
        """Append a statement to the running segment."""
        self.segments[-1].append(statement)

    # ---- steps
    def emit(self, number: int, step: Step) -> None:
        """Generate one step."""
        self.lines = dict.fromkeys(_comment(Line.at(o.where)) for o in step.operations if o.where is not None)
        for line in list(self.lines)[:6]:
            self.say(line)
        if step.kind == "fused":
            self.fused(step)
        elif step.kind == "tiles":
            start, self.outer = len(self.segments[-1]), 1
            for o in step.operations:
                self.kernel(o, number)
            body, self.outer = " ".join(self.segments[-1][start:]), 0
            self.segments[-1][start:] = [f"for (I i0 = 0; i0 < {step.operations[0].results[0].shape[0]}; i0++) {{ {body} }}"]
        elif not self.kernel(step.operations[0], number):
            self.segments += [step.operations[0], []]       # no kernel fits: NumPy computes it, between two pieces of C

    def kernel(self, o: Operation, number: int) -> bool:
        """Generate an operation that is not fused; False where no kernel fits."""
        return self.has_types(o) and any([kernel(o, number) for kernel in self.kernels.get(o.does, ())])

    @property
    def kernels(self) -> dict[str, tuple[Any, ...]]:
        """For operations that are not fused the kernels to try; one that does not fit says so by returning False."""
        return {"matmul": (self.product,), "summed_product": (self.product,), "clone": (self.cloned,),
                "cat": (self.joined,), "assemble": (self.assembled,), "sum": (self.summed,), "getitem": (self.indexed,),
                "scatter_into": (self.indexed, self.placed),
                **{name: (partial(kernel, self),) for name, kernel in WINDOWS.items()}}

    @staticmethod
    def type_of(x: Symbol) -> str:
        """The C type of a symbol's elements."""
        return TYPES[x.dtype.name]

    @staticmethod
    def has_types(o: Operation) -> bool:
        """Whether C has the types of everything in the operation."""
        return all([x.dtype.name in TYPES for x in (*o.sources, *o.results) if x is not None])

    def fused(self, step: Step) -> None:
        """A loop over rows and columns, as a function that equal loops share."""
        from .c_loops import Loop, ShortRows
        loop = (ShortRows if ShortRows.pays(step, FUNCTIONS) else Loop)(self.layout, step)
        name = self.function(loop.signature, loop.body)
        self.say(f"{name}({', '.join(self.pointer(x) for x in loop.operands)});")

    def function(self, signature: str, body: str) -> str:
        """The name of a C function with this text."""
        known = self.functions.get(signature + body)
        if known is None:
            known = self.functions[signature + body] = (f"k{len(self.functions)}", signature, [body])
        self.origins.setdefault(known[0], {}).update(self.lines)
        return known[0]

    def reads(self, name: str, x: Symbol, part: Any = None) -> tuple[str, Any]:
        """A parameter for what a kernel reads."""
        return f"const {self.type_of(x)} *restrict {name}", self.pointer(x, part)

    def writes(self, name: str, x: Symbol, part: Any = None) -> tuple[str, Any]:
        """A parameter for what a kernel writes."""
        return f"{self.type_of(x)} *restrict {name}", self.pointer(x, part)

    def nest(self, operands: list[tuple[str, Any]], loops: Sequence[tuple[str, int, str]], body: str) -> Any:
        """A function that runs `body` for every index of the loops, in any order.

        Args:
            operands: parameters, and the addresses that they are given.
            loops: the name of each index, how many it goes through, and what a round begins with.
        """
        text = "".join(f"for (I {name} = 0; {name} < {n}; {name}++) {{ {begin} " for name, n, begin in loops)
        parameters = ", ".join(parameter for parameter, _ in operands)
        name = self.function(f"({parameters})", f"{{ {text}{body} {'}' * len(loops)} }}")
        return f"{name}({', '.join(pointer for _, pointer in operands)});"

    def product(self, o: Operation, number: int) -> bool:
        """A product of matrices, or of stacks of them; False where the memory's layout does not allow it."""
        x, y = o.sources[0], o.sources[-1]
        out = o.results[0]
        if out.dtype.name not in ("float32", "float64") or min(x.ndim, y.ndim) < 2 or 0 in (*x.shape, *y.shape):
            return False
        a, b, c_ = (self.layout.array(s) for s in (x, y, out))
        (rows, inner), columns = a.shape[-2:], b.shape[-1]
        small = rows * columns * inner <= SMALL and inner <= DEEPEST
        (lda, ta), (ldb, tb) = layout(a), layout(b)
        if not small and not (lda and ldb):
            return False
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a, b = np.broadcast_to(a, (*batch, *a.shape[-2:])), np.broadcast_to(b, (*batch, *b.shape[-2:]))
        summed = o.attrs.get("dim", ())
        c_ = np.broadcast_to(c_.reshape(*[1 if k in summed else n for k, n in enumerate(batch)], rows, columns),
                             (*batch, rows, columns))
        loops, offsets, later = "", ["", "", ""], ["0"]
        for k, n in enumerate(batch):
            if n > 1:
                loops += self.loop(k, n)
                for j, array in enumerate((a, b, c_)):
                    offsets[j] += f" + i{k} * {array.strides[k] // array.itemsize}"
                later += [f"i{k}"] if k in summed else []       # the first is stored, the others are added
        left, right, to = (self.pointer(s) + offset for s, offset in zip((x, y, out), offsets, strict=True))
        t, add = self.type_of(out), " | ".join(later)
        letter = "s" if t == "float" else "d"
        if not small:
            self.large = True
            self.say(f"{loops}{letter}product({ta}, {tb}, {rows}, {columns}, {inner}, {left}, {lda}, {right}, {ldb}, {add}, "
                     f"{to}, {columns});")
            return True
        steps = [", ".join([str(s // out.itemsize) for s in array.strides[-2:]]) for array in (a, b, c_)]
        name = self.function(f"(const {t} *restrict a, const {t} *restrict b, {t} *restrict c, int add)",
                             f"{{ {letter}small({rows}, {columns}, {inner}, a, {steps[0]}, b, {steps[1]}, c, {steps[2]}, "
                             f"{'add' if later[1:] else 0}); }}")
        self.small = True
        self.say(f"{loops}{name}({left}, {right}, {to}, {add});")
        return True

    def cloned(self, o: Operation, number: int) -> bool:
        """A copy without gaps."""
        out, x = o.results[0], o.sources[0]
        self.say(self.copied(self.layout.array(out), self.layout.array(x), self.pointer(out), self.pointer(x)))
        return True

    def filled(self, x: Symbol, value: str) -> Any:
        """One number where a symbol lies."""
        return f"for (I i = 0; i < {math.prod(x.shape)}; i++) ({self.pointer(x)})[i] = {value};"

    def copied(self, to: np.ndarray, source: np.ndarray, to_pointer: Any, source_pointer: Any, how: str = "=") -> Any:
        """A copy between layouts (or a sum, by `how` "+="), as loops whose innermost runs along what is written."""
        loops, left, right = "", "", ""
        for k, (n, a, b) in enumerate(zip(to.shape, to.strides, source.strides, strict=True)):
            if n != 1:
                there, here = f" + i{k} * {a // to.itemsize}", f" + i{k} * {b // source.itemsize}"
                if k < self.outer:              # the loop stands around the call
                    to_pointer, source_pointer = to_pointer + there, source_pointer + here
                else:
                    loops, left, right = loops + self.loop(k, n), left + there, right + here
        return self.moved(to, source, to_pointer, source_pointer, f"{loops}*(t{left}) {how} *(x{right});")

    def moved(self, to: np.ndarray, source: np.ndarray, to_pointer: Any, source_pointer: Any, body: str) -> str:
        """A function from memory `x` to memory `t` apart from it, called; equal ones are one, and compiled once."""
        types = f"{TYPES[to.dtype.name]} *restrict t, const {TYPES[source.dtype.name]} *restrict x"
        return f"{self.function(f'({types})', f'{{ {body} }}')}({to_pointer}, {source_pointer});"

    def loop(self, k: int, n: int) -> str:
        """A loop over dim k, unless one stands around the statement already."""
        return f"for (I i{k} = 0; i{k} < {n}; i{k}++) " if k >= self.outer else ""

    def zeroed(self, x: Symbol) -> Any:
        """Zeros where a symbol lies, or where its current image does."""
        array, n = self.layout.array(x), x.shape[0] if self.outer else 1
        offset = f" + i0 * {array.strides[0] // array.itemsize}" if self.outer else ""
        return f"memset({self.pointer(x)}{offset}, 0, {array.nbytes // n});"

    def joined(self, o: Operation, number: int) -> bool:
        """Parts laid side by side along a dim."""
        out, start = self.layout.array(o.results[0]), 0
        dim = o.attrs["dim"] % out.ndim
        for x in o.inputs:
            part = self.layout.array(x)
            to = out[(slice(None),) * dim + (slice(start, start + part.shape[dim]),)]
            start += part.shape[dim]
            if part.size:
                self.say(self.copied(to, part, self.pointer(o.results[0], to), self.pointer(x)))
        return True

    def assembled(self, o: Operation, number: int) -> bool:
        """Parts put into slices, zeros elsewhere."""
        out = self.layout.array(o.results[0])
        parts = [self.layout.array(x) for x in o.inputs]
        if sum(p.size for p in parts) < out.size:
            self.say(self.zeroed(o.results[0]))
        for x, part, place in zip(o.inputs, parts, o.attrs["places"], strict=True):
            self.say(self.copied(out[place], part, self.pointer(o.results[0], out[place]), self.pointer(x)))
        return True

    def summed(self, o: Operation, number: int) -> bool:
        """A sum over dims that no loop over rows and columns fits."""
        if o.results[0].dtype.kind != "f":
            return False
        x, out = self.layout.array(o.sources[0]), self.layout.array(o.results[0])
        left, right, outer, inner, dims = "", "", "", "", o.attrs["dim"]
        for k, n in enumerate(x.shape):
            if n != 1:
                loop = f"for (I i{k} = 0; i{k} < {n}; i{k}++) "
                right += f" + i{k} * {x.strides[k] // x.itemsize}"
                if k not in dims:
                    left += f" + i{k} * {out.strides[k] // out.itemsize}"
                if all([j in dims for j in range(k, x.ndim)]):      # the last dims add up in a register
                    inner += loop
                else:
                    outer += loop
        self.say(self.zeroed(o.results[0]))
        body = f"{outer}{{ {TYPES[out.dtype.name]} s = 0; {inner}s += *(x{right}); *(t{left}) += s; }}"
        self.say(self.moved(out, x, self.pointer(o.results[0]), self.pointer(o.sources[0]), body))
        return True

    def indexed(self, o: Operation, number: int) -> bool:
        """Rows picked by arrays of integers, and the reverse: rows added where they were picked."""
        found = self.picked(o)
        if found is None:
            return False
        whole, rows, places, inner, step = found
        table = self.layout.array(whole)
        place, t, count = self.place_of(table, places, number, "i"), self.type_of(whole), math.prod(places[0].shape)
        signature = ", ".join([f"{t} *restrict w", f"{t} *restrict r"]
                              + [f"const {self.type_of(x)} *restrict x{k}" for k, x in enumerate(places)])
        if rows is o.results[0]:
            inside = (f"memcpy(r + i * {step}, w + {place}, {inner * table.itemsize});" if inner > 1
                      else f"r[i * {step}] = w[{place}];")
        else:
            self.say(self.zeroed(whole))
            inside = f"{{ {t} *d = w + {place}; for (I j = 0; j < {inner}; j++) d[j] += r[i * {step} + j]; }}"
        name = self.function(f"({signature})", f"{{ for (I i = 0; i < {count}; i++) {inside} }}")
        self.say(f"{name}({', '.join(self.pointer(x) for x in (whole, rows, *places))});")
        self.say(STOP)                          # before anything is computed of it, and weights are changed
        return True

    def picked(self, o: Operation) -> tuple[Symbol, Symbol, list[Symbol], int, int] | None:
        """The table, the rows, the places, how long a row is and how far apart rows lie; None where no kernel fits."""
        index = o.attrs["index"]
        parts = index if isinstance(index, tuple) else (index,)
        if not all([isinstance(p, Ref) for p in parts]):
            return None
        places = [o.inputs[p.input] for p in parts]
        arrays = [self.layout.array(p) for p in places]
        taken = o.does == "getitem"
        whole, rows = (o.sources[0], o.results[0]) if taken else (o.results[0], o.sources[0])
        table, picked = self.layout.array(whole), self.layout.array(rows)
        if any([a.dtype.name not in ("int64", "int32") or a.shape != arrays[0].shape or not a.flags.c_contiguous
                for a in arrays]) or table.dtype.name not in TYPES:
            return None
        inner = math.prod(table.shape[len(parts):])
        step = inner                            # from one picked row to the next
        if not picked.flags.c_contiguous:
            if inner != 1 or picked.ndim != 1:
                return None
            step = picked.strides[0] // picked.itemsize
        if not table.size or not table[(0,) * len(parts)].flags.c_contiguous:
            return None
        return whole, rows, places, inner, step

    @staticmethod
    def place_of(table: np.ndarray, places: list[Symbol], number: int, i: str) -> str:
        """Where row i of the picked ones lies in the table."""
        return " + ".join(f"at(x{k}[{i}], {table.shape[k]}, {number}) * {table.strides[k] // table.itemsize}"
                          for k in range(len(places)))

    def placed(self, o: Operation, number: int) -> bool:
        """Values put into a slice of zeros."""
        index = o.attrs["index"]
        if o.operands != len(o.inputs):
            return False
        out, part = self.layout.array(o.results[0]), self.layout.array(o.sources[0])
        try:
            to = out[index]
        except (IndexError, TypeError):
            return False
        if not np.may_share_memory(to, out) or to.shape != part.shape:
            return False
        if part.size < out.size:
            self.say(self.zeroed(o.results[0]))
        self.say(self.copied(to, part, self.pointer(o.results[0], to), self.pointer(o.sources[0])))
        return True

    def _copy_updates(self) -> None:
        """New values that could not be written in place are copied into their variables at the end.

        Where an output or another variable's new value is or looks into a variable as it was, it is read after the run, and
        the variable's own new value is returned beside it.
        """
        self.returned: list[Symbol | None] = []
        variables = {v for v, _ in self.program.updates}
        looked_into = variables.intersection(map(owner, self.program.results))
        for variable, new in self.program.updates:
            inside = new in self.layout.in_place or not variable.shape
            chained = not inside and (owner(new) in variables or variable in looked_into)
            self.returned.append(new if not variable.shape or chained else None)
            if not inside and not chained:
                to, source = self.layout.array(variable), self.layout.array(new)
                self.say(self.copied(to, source, self.pointer(variable), self.pointer(new)))

    # ---- the whole
    def _compile(self) -> None:
        self.segments = [s for s in self.segments if not isinstance(s, list) or any([";" in line for line in s])]
        recipe = self._recipe()
        parts = [RUNTIME, *[PRODUCTS] * self.large, *[for_both_types("tile.c")] * self.small]
        for name, signature, body in self.functions.values():
            parts += list(self.origins[name])[:6]
            parts.append(f"static __attribute__((noinline)) void {name}{signature} {body[0]}")
        runs = []
        for k, segment in enumerate(self.segments):
            if isinstance(segment, list):
                pieces = [segment[i:i + 200] for i in range(0, len(segment), 200)]
                for j, piece in enumerate(pieces):
                    parts.append(f"static void s{k}_{j}(char *A, void **P) {{\n  " + "\n  ".join(piece) + "\n}")
                calls = " if (wrong >= 0) return wrong; ".join(f"s{k}_{j}(A, P);" for j in range(len(pieces)))
                parts.append(f"I step{k}(void **P) {{ char *A = P[{len(self.bases)}]; wrong = -1; {calls} return wrong; }}")
                runs.append(k)
        self.code = "\n".join(parts) + "\n"
        self.recipe = recipe._replace(library=library_name(self.code))

    def _recipe(self) -> Recipe:
        """What a run needs, as plain data; the library is still to be named."""
        layout, calls = self.layout, []
        for k, segment in enumerate(self.segments):
            calls.append(k if isinstance(segment, list) else ByNumpy(
                segment, [self.at(x) if isinstance(x, Symbol) else x for x in segment.inputs],
                [self.at(x) if x is not None and x in layout.stored else None for x in segment.results]))
        outputs = [self.at(x) for x in self.program.outputs]
        news = [None if x is None else self.at(x) for x in self.returned]
        inputs = [self.base(layout.small[x]) for x in self.program.inputs]
        constants = {self.pointers[address(array)]: o.value for o, array in
                     sorted(zip(self.program.constants, layout.constants.values(), strict=True), key=lambda c: c[1].nbytes)
                     if address(array) in self.pointers}        # of two that begin together the longer one
        return Recipe("", layout.plan.total, inputs, constants, calls, outputs, news)

    def at(self, x: Symbol) -> Place:
        """Where a symbol's value lies."""
        array = self.layout.array(x)
        return Place(*self.place(x), array.shape, array.strides, array.dtype.str)

    def memory(self) -> str:
        """How large the plan's block is, and whether that is more than was allowed."""
        budget, size = self.layout.program.budget or 0, self.layout.plan.total
        missed = f"; the budget of {budget:,.0f} bytes is missed, and computing more again does not help"
        return str(reported(self.schedule, self.layout)) + missed * (1 < budget < size)


def _comment(line: Line) -> str:
    """A line of the learner's, as C."""
    return f"/* {re.sub(r'[*][/]|[^ -~]', '?', str(line))} */"
