"""The CUDA back end: a whole program as kernels, started one after the other or as one CUDA graph.

The kernels come from the same loops as C's; products of matrices are cuBLAS's. What has to do with a GPU and with CuPy is in
`cuda_device`. Not yet timed on a GPU: the kernels are checked by NVIDIA's compiler, and by running them on the CPU, where
threads are emulated (`tests/engine/emulated_cuda.py`).
"""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...device import CPU
from ...device import place as placed_on
from ...errors import DeviceError
from ...products import layout
from ...symbol import Symbol
from ...tensor import unboxed
from ..graph import Operation
from ..lower import lower
from ..passes import enabled, optimised
from ..passes.dce import dce
from ..passes.fuse import LONGEST, Schedule, Step, owner, reduction
from ..passes.recompute import recompute
from ..program import Program, Rewriter
from . import c
from .c_layout import Layout
from .c_windows import KERNELS as WINDOWS
from .cuda_loops import RUNTIME, CudaLoop, Partial, blocks_for, each, threads_for

SCRATCH = -2                    # as a base: room for what blocks leave to a second kernel


class Place(NamedTuple):
    """An address: so many bytes behind a base."""

    base: int
    offset: int


class Call(NamedTuple):
    """What the device is asked to do: a method of `cuda_device.Device`, with addresses as places."""

    method: str
    arguments: tuple[Any, ...]

    def __str__(self) -> str:
        if self.method != "launch":
            return f"{self.method}({', '.join(map(_told, self.arguments))})"
        name, blocks, threads, *operands = self.arguments
        return f"{name}<<<{blocks}, {threads}>>>({', '.join(map(_told, operands))})"


def _told(x: Any) -> str:
    if not isinstance(x, Place):
        return str(x)
    return f"{ {c.BLOCK: 'block', SCRATCH: 'scratch'}.get(x.base, f'input{x.base}')} + {x.offset}"


def cuda(program: Program, device: Any = None) -> Any:
    """The program as a function of arrays on the GPU, and of numbers."""
    if device is None:
        from .cuda_device import Device
        device = Device()
    made = _Generated(c._with_copies(_draws_first(dce(optimised(lower(optimised(program), c.KEPT))))))
    return _Run(made, device)


def _draws_first(program: Program) -> Program:
    """Random numbers, which the library draws, in the order in which they were, before everything else: the rest is one graph."""
    r = Rewriter(program.graph.name)
    for x in program.inputs:
        r.input(x)
    rest = [o for o in program.graph.operations if o.kind in ("constant", "operation")]
    for o in sorted(rest, key=lambda o: o.op is None or o.op.name != "draw"):
        r.keep(o)
    return r.program(program)


def supported(o: Operation) -> bool:
    """Whether a loop can hold the operation: what C's can, but for the sums of a column that fall into several."""
    x = o.sources[0] if o.sources else None
    several = reduction(o) == "column" and x is not None and x.shape[-1] == 1 < math.prod(o.results[0].shape)
    return c.supported(o) and not several


class _Generated(c._Generated):
    """The kernels of one program, and the calls that start them."""

    def __init__(self, program: Program):
        self.program = program
        self.schedule = Schedule(program, supported, LONGEST if enabled("fuse") else 1)
        if enabled("recompute"):
            recompute(self.schedule)
        self.layout = Layout(program, self.schedule)
        self.pointers, self.bases, self.functions = {}, [], {}
        self.segments: list[Any] = [[]]         # lists of calls, with the learner's lines, and operations for the library
        self.scratch, self.picks = 0, False
        for x in (*program.inputs, *self.layout.constants):
            self.base(self.layout.array(x))
        for number, step in enumerate(self.schedule.steps):
            if step.operations:
                self.emit(number, step)
        self._copy_updates()
        self.segments = [s for s in self.segments if not isinstance(s, list) or any([isinstance(t, Call) for t in s])]
        self.code = self._code()

    def _code(self) -> str:
        """The kernels, each with the lines that it came from."""
        lines: dict[str, dict[str, None]] = {}
        for segment in self.segments:
            latest: list[str] = []
            for before, item in zip([None, *segment], segment) if isinstance(segment, list) else ():
                if isinstance(item, str):
                    latest = [*(latest if isinstance(before, str) else ()), item]
                elif item.method == "launch":
                    lines.setdefault(item.arguments[0], {}).update(dict.fromkeys(latest))
        kernels = ["".join(f"{line}\n" for line in list(lines.get(name, ()))[:6])
                   + f'extern "C" __global__ void {name}{signature} {body[0]}' for name, signature, body in self.functions.values()]
        return RUNTIME + "\n".join(kernels) + "\n"

    def listing(self) -> str:
        """The calls of one run, in order."""
        return "\n".join(line for s in self.segments for line in (map(str, s) if isinstance(s, list) else [f"{s.op.name} by CuPy"]))

    # ---- where things are, and calls
    def pointer(self, x: Symbol, part: Any = None) -> Place:
        """The address of a symbol's first element, or of that of a part of its array."""
        return Place(*self.place(x, part))

    def room(self, size: int, after: int = 0) -> Place:
        """Scratch memory, until the next step takes the same."""
        start = -(-after // 64) * 64
        self.scratch = max(self.scratch, start + size)
        return Place(SCRATCH, start)

    def say(self, statement: Any) -> None:
        """Append a call (or a learner's line, or nothing) to the running segment."""
        if statement is not None:
            self.segments[-1].append(statement)

    def started(self, operands: list[tuple[str, Place]], body: str, blocks: int, threads: int) -> Call:
        """The start of a kernel with these parameters; kernels of the same text are one."""
        name = self.function(f"({', '.join(parameter for parameter, _ in operands)})", body)
        return Call("launch", (name, blocks, threads, *[place for _, place in operands]))

    def nest(self, operands: list[tuple[str, Place]], loops: Sequence[tuple[str, int, str]], body: str) -> Call | None:
        """A kernel that runs `body` for every index of the loops (name, count, what each round begins with), a thread each."""
        count = math.prod(n for _, n, _ in loops)
        if not count:
            return None
        text, below = "", count
        for name, n, begin in loops:
            below //= n
            text += f"    const I {name} = n / {below}u % {n}u; {begin}\n"
        return self.started(operands, f"{{\n{each(count, f'{text}    {body}')}\n}}", blocks_for(count), 256)

    def reads(self, name: str, x: Symbol, part: Any = None) -> tuple[str, Place]:
        """A parameter for what a kernel reads."""
        return f"const {self.type_of(x)} *restrict {name}", self.pointer(x, part)

    def writes(self, name: str, x: Symbol, part: Any = None) -> tuple[str, Place]:
        """A parameter for what a kernel writes."""
        return f"{self.type_of(x)} *restrict {name}", self.pointer(x, part)

    def zeroed(self, x: Symbol) -> Call:
        return Call("zero", (self.pointer(x), self.layout.array(x).nbytes))

    def filled(self, x: Symbol, value: str) -> Call | None:
        return self.nest([self.writes("o", x)], [("i", math.prod(x.shape), "")], f"o[i] = {value};")

    def copied(self, to: np.ndarray, source: np.ndarray, to_pointer: Place, source_pointer: Place, how: str = "=") -> Call | None:
        loops = [(f"i{k}", n, "") for k, n in enumerate(to.shape) if n != 1 or not to.ndim]
        operands = [(f"{c.TYPES[to.dtype.name]} *restrict o", to_pointer),
                    (f"const {c.TYPES[source.dtype.name]} *restrict x", source_pointer)]
        return self.nest(operands, loops, f"o[{_element(to)}] {how} x[{_element(source)}];")

    # ---- kernels that differ from C's
    def fused(self, step: Step) -> None:
        """A loop as a kernel, and the totals of what its blocks have left behind."""
        loop, taken = CudaLoop(self.layout, step), 0
        places, totals = [], []
        for x in loop.operands:
            if isinstance(x, Partial):
                size = x.blocks * x.count * x.out.itemsize
                places.append(self.room(size, taken))
                totals.append((x, places[-1]))
                taken = places[-1].offset + size
            else:
                places.append(self.pointer(x))
        self.say(self.started(list(zip(loop.parameters, places, strict=True)), loop.body, loop.blocks, loop.threads))
        for partial, place in totals:
            self.say(self.total((f"const {self.type_of(partial.out)} *restrict x", place), partial.out, partial.count,
                                partial.blocks, f"m * {partial.count} + n", "n"))

    def total(self, given: tuple[str, Place], out: Symbol, count: int, each_of: int, element: str, to: str) -> Call | None:
        """A block for each of `count` sums of `each_of` elements: x[element], of sum n and term m, into o[to]."""
        threads, t = threads_for(each_of), self.type_of(out)
        body = (f"{{\n  const I n = blockIdx.x; {t} s = 0;\n  for (I m = threadIdx.x; m < {each_of}; m += {threads}) "
                f"s += x[{element}];\n  s = all<{threads}, 0>(s);\n  if (threadIdx.x == 0) o[{to}] = s;\n}}")
        return self.started([given, self.writes("o", out)], body, count, threads) if count else None

    def summed(self, o: Operation, number: int) -> bool:
        """A sum over dims that no loop over rows and columns fits."""
        x, out = self.layout.array(o.sources[0]), self.layout.array(o.results[0])
        if out.dtype.kind != "f":
            return False
        dims = o.attrs["dim"]
        kept = [k for k in range(x.ndim) if k not in dims]
        element = "0" + _steps(x, kept, "n") + _steps(x, list(dims), "m")
        self.say(self.total(self.reads("x", o.sources[0]), o.results[0], out.size, math.prod(x.shape[k] for k in dims), element, "n"))
        return True

    def product(self, o: Operation, number: int) -> bool:
        """A product of matrices, or of stacks of them; False where the memory's layout does not allow it."""
        x, y, out = o.sources[0], o.sources[-1], o.results[0]
        if out.dtype.name not in ("float32", "float64") or min(x.ndim, y.ndim) < 2 or 0 in (*x.shape, *y.shape):
            return False
        a, b, to = (self.layout.array(s) for s in (x, y, out))
        (lda, ta), (ldb, tb) = layout(a), layout(b)
        if not lda or not ldb:
            return False
        (rows, inner), columns, batch = a.shape[-2:], b.shape[-1], to.shape[:-2]
        stacks = [np.broadcast_to(m, (*batch, *m.shape[-2:])) for m in (a, b, to)]
        apart, count, k = [0, 0, 0], 1, len(batch)          # the last dims of the stacks are one call, where they are one step
        while k and (count == 1 or all([m.strides[k - 1] == s * count for m, s in zip(stacks, apart)])):
            k -= 1
            apart = [m.strides[k] for m in stacks] if count == 1 else apart
            count *= batch[k]
        pa, pb, pc = (self.pointer(s) for s in (x, y, out))
        steps = [s // a.itemsize for s in apart]
        for at in np.ndindex(*batch[:k]):
            da, db, dc = (sum(i * s for i, s in zip(at, m.strides)) for m in stacks)
            self.say(Call("product", (out.dtype.name, ta, tb, rows, columns, inner, Place(pa.base, pa.offset + da), lda, steps[0],
                                      Place(pb.base, pb.offset + db), ldb, steps[1], Place(pc.base, pc.offset + dc), columns,
                                      steps[2], count)))
        return True

    def indexed(self, o: Operation, number: int) -> bool:
        """Rows picked by arrays of integers, and the reverse: rows added where they were picked, in their order."""
        found = self.picked(o)
        if found is None:
            return False
        whole, rows, places, inner, step = found
        table, count, self.picks = self.layout.array(whole), math.prod(places[0].shape), True
        given = [self.reads(f"x{k}", x) for k, x in enumerate(places)]
        here, there = (self.place_of(table, places, number, i) for i in "im")
        row = [("i", count, f"const I p = {here};"), ("j", inner, "")]
        if rows is o.results[0]:
            self.say(self.nest([self.writes("o", rows), self.reads("x", whole), *given], row, f"o[i * {step} + j] = x[p + j];"))
            return True
        self.say(self.zeroed(whole))            # of equal places the first adds them all up, from one to the next
        links = self.room(16 * count)
        self.say(self.nest([("I *restrict l", links), *given], row[:1],
                           f"I first = 1, next = -1; for (I m = 0; first && m < i; m++) first = {there} != p; "
                           f"for (I m = i + 1; next < 0 && m < {count}; m++) if ({there} == p) next = m; "
                           "l[2 * i] = first; l[2 * i + 1] = next;"))
        self.say(self.nest([self.writes("o", whole), self.reads("x", rows), ("const I *restrict l", links), *given], row,
                           f"if (l[2 * i]) {{ {self.type_of(whole)} s = 0; "
                           f"for (I m = i; m >= 0; m = l[2 * m + 1]) s += x[m * {step} + j]; o[p + j] = s; }}"))
        return True

    @property
    def kernels(self) -> dict[str, tuple[Any, ...]]:
        return {**super().kernels, "fold": (self.folded,), "max_pool": (self.max_pool,), "pick": (self.at_places,),
                "unpick": (self.at_places,)}

    def folded(self, o: Operation, number: int) -> bool:
        """What lies in each window is added where the window lay: each element collects it."""
        y, out = self.layout.array(o.sources[0]), self.layout.array(o.results[0])
        n, t = out.ndim - 2, self.type_of(o.results[0])
        find = ""
        for k, (s, d) in enumerate(zip(o.attrs["stride"], o.attrs["dilation"], strict=True)):
            find += (f"for (I w{k} = 0; w{k} < {y.shape[2 + k]}; w{k}++) {{ const I d{k} = i{k + 2} - w{k} * {d}, p{k} = d{k} / {s}; "
                     f"if (d{k} < 0 || d{k} % {s} || p{k} >= {y.shape[2 + n + k]}) continue; ")
        names = ["i0", "i1", *[f"w{k}" for k in range(n)], *[f"p{k}" for k in range(n)]]
        self.say(self.nest([self.writes("o", o.results[0]), self.reads("x", o.sources[0])],
                           [(f"i{k}", m, "") for k, m in enumerate(out.shape)],
                           f"{t} s = 0; {find}s += x[{_element(y, names)}]; {'}' * n} o[{_element(out)}] = s;"))
        return True

    def max_pool(self, o: Operation, number: int) -> bool:
        """The greatest element of each window, and its place in the flattened image; of equals the first, of NaNs the last."""
        x, out, index = (self.layout.array(s) for s in (o.sources[0], *o.results))
        if not x.flags.c_contiguous or index.dtype.name != "int64":
            return False
        size, t, n = x.shape[2:], self.type_of(o.sources[0]), x.ndim - 2
        find = "".join(f"for (I w{k} = 0; w{k} < {o.attrs['kernel'][k]}; w{k}++) " for k in range(n)) + "{ "
        for k in range(n):
            find += (f"const I c{k} = p{k} * {o.attrs['stride'][k]} + w{k} * {o.attrs['dilation'][k]} - {o.attrs['widths'][k][0]}; "
                     f"if (c{k} < 0 || c{k} >= {size[k]}) continue; ")
        flat = " + ".join(f"c{k} * {math.prod(size[k + 1:])}" for k in range(n))
        self.say(self.nest([self.writes("o", o.results[0]), self.writes("l", o.results[1]), self.reads("x", o.sources[0])],
                           [("b", math.prod(x.shape[:2]), ""), *[(f"p{k}", m, "") for k, m in enumerate(out.shape[2:])]],
                           f"{t} best = -INFINITY; I where = -1; {find}const I a = {flat}; const {t} v = x[b * {math.prod(size)} + a]; "
                           "if (where < 0 || v > best || v != v) { best = v; where = a; } } o[n] = best; l[n] = where;"))
        return True

    def at_places(self, o: Operation, number: int) -> bool:
        """Elements at places of flattened images, and the reverse: zeros, with elements added there, image by image."""
        picks = o.op is not None and o.op.name == "pick"
        image, elements = (o.sources[0], o.results[0]) if picks else (o.results[0], o.sources[0])
        x, y, index = (self.layout.array(s) for s in (image, elements, o.sources[1]))
        if not (x.flags.c_contiguous and y.flags.c_contiguous and index.flags.c_contiguous) or index.dtype.name != "int64":
            return False
        size, count, images = math.prod(x.shape[2:]), math.prod(y.shape[2:]), ("b", math.prod(x.shape[:2]), "")
        places = self.reads("l", o.sources[1])
        if picks:
            self.say(self.nest([self.writes("o", elements), self.reads("x", image), places], [images, ("k", count, "")],
                               f"o[n] = x[b * {size} + l[n]];"))
        else:
            self.say(self.zeroed(image))
            self.say(self.nest([self.writes("o", image), self.reads("x", elements), places], [images],
                               f"for (I k = b * {count}; k < (b + 1) * {count}; k++) o[b * {size} + l[k]] += x[k];"))
        return True


def _element(array: np.ndarray, names: Sequence[str] | None = None) -> str:
    """The place of an element from its indices, i0 and so on."""
    names = names or [f"i{k}" for k in range(array.ndim)]
    return "0" + "".join(f" + {i} * {s // array.itemsize}" for i, n, s in zip(names, array.shape, array.strides, strict=True) if n != 1)


def _steps(array: np.ndarray, dims: Sequence[int], number: str) -> str:
    """The place of an element from the number that these dims' indices make together."""
    text, below = "", 1
    for k in reversed(dims):
        text += f" + {number} / {below} % {array.shape[k]} * {array.strides[k] // array.itemsize}" if array.shape[k] > 1 else ""
        below *= array.shape[k]
    return text


class _Run:
    """Calls the compiled program: `run(arrays)`, and `run.source()` for reading.

    The first run starts kernel after kernel, the second one has them captured as graphs, with the operations between them
    that the library computes, and later ones start those. An input that keeps its address is read where it lies; any other
    is copied to a place of its own first.
    """

    def __init__(self, made: _Generated, device: Any):
        self.made, self.device = made, device
        program, small = made.program, made.layout.small
        device.compile(made.code)
        self.held: dict[int, Any] = {c.BLOCK: device.empty(max(1, made.layout.block.nbytes)), SCRATCH: device.empty(max(1, made.scratch))}
        self.bases = [made.base(small[x]) for x in program.inputs]
        for k, array in enumerate(made.bases):
            if k not in self.bases:             # a constant
                self.held[k] = device.array(array)
        numbers = [k for k, x in enumerate(program.inputs) if not x.shape]
        self.numbers, self.slots = np.zeros(8 * len(numbers), np.uint8), device.empty(max(1, 8 * len(numbers)))[:8 * len(numbers)]
        self.scalars = []
        for n, k in enumerate(numbers):         # 0-d inputs travel together
            x = program.inputs[k]
            self.scalars.append((k, self.numbers[8 * n:8 * n + x.itemsize].view(x.dtype)))
            self.held[self.bases[k]] = device.view(self.slots, small[x], 8 * n)
        self.last: list[Any] = [None] * len(program.inputs)
        self.staged: set[int] = set()
        self.warm, self.plays = False, [None] * len(made.segments)
        self.bytes = made.layout.block.nbytes
        self.returned = {v: k for k, (v, _) in enumerate(program.updates)}

    def source(self) -> str:
        """The generated CUDA, and the calls that start it."""
        return f"{self.made.code}\n/* One run:\n{self.made.listing().replace('/*', '//').replace('*/', '')}\n*/\n"

    def __call__(self, arrays: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        made = self.made
        for k, slot in self.scalars:
            slot[...] = placed_on(arrays[k], CPU)
        self.device.put(self.slots, self.numbers)
        for k, x in enumerate(made.program.inputs):
            if x.shape and arrays[k] is not self.last[k]:
                self._take(k, x, arrays[k])
        for k, segment in enumerate(made.segments):
            if isinstance(segment, Operation):
                self._by_library(segment)
            elif not self.warm:
                self._play(segment)
            else:
                if self.plays[k] is None:
                    self.plays[k] = self.device.captured(lambda segment=segment: self._play(segment))
                self.plays[k]()
        self.warm = True
        if made.picks:
            self._check()
        return [self._copy(x) for x in made.program.outputs], self._news(arrays)

    def _take(self, k: int, x: Symbol, array: Any) -> None:
        """Read an input where it lies, if it can stay there, or copy it."""
        base, known = self.bases[k], self.held.get(self.bases[k])
        here = self.device.here(array)
        if not here and x.operation.kind == "variable":
            raise DeviceError(f'{x.name!r} lies on the CPU, and backend="cuda" computes on the GPU: move the model or tensor there '
                              'with .to("cuda") first.')
        if here and k not in self.staged and array.dtype == x.dtype and array.flags.c_contiguous:
            if known is None or self.device.address(known) == self.device.address(array):
                self.held[base], self.last[k] = array, array
                return
        if k not in self.staged:
            self.staged.add(k)
            self.last[k], self.plays = None, [None] * len(self.plays)
            self.held[base] = self.device.view(self.device.empty(max(1, math.prod(x.shape) * x.itemsize)), self.made.layout.small[x], 0)
        self.device.put(self.held[base], array)

    def _play(self, calls: list[Any]) -> None:
        addresses = {base: self.device.address(array) for base, array in self.held.items()}
        for call in calls:
            if isinstance(call, Call):
                getattr(self.device, call.method)(*[addresses[a.base] + a.offset if type(a) is Place else a for a in call.arguments])

    def _by_library(self, o: Operation) -> None:
        """Run an operation without a kernel of its own on the plan's arrays."""
        inputs = tuple([unboxed(self._array(x)) if isinstance(x, Symbol) else x for x in o.inputs])
        for symbol, out in zip(o.results, o.compute(self.device.xp, inputs), strict=True):
            if symbol is not None and symbol in self.made.layout.stored:
                self._array(symbol)[...] = out

    def _array(self, x: Symbol) -> Any:
        """The array of a symbol, on the device."""
        base, offset = self.made.place(x)
        return self.device.view(self.held[base], self.made.layout.array(x), offset)

    def _copy(self, x: Symbol) -> Any:
        return unboxed(self._array(x).copy())

    def _news(self, arrays: Sequence[Any]) -> list[Any]:
        """The new values that are not in their variable's own memory."""
        news: list[Any] = [None if x is None else self._copy(x) for x in self.made.returned]
        for k, x in enumerate(self.made.program.inputs):
            n = self.returned.get(x)
            if n is not None and k in self.staged and news[n] is None:
                news[n] = self._copy(x)
            elif n is not None and isinstance(arrays[k], np.generic):
                news[n] = unboxed(placed_on(news[n], CPU))
        return news if any([new is not None for new in news]) else []

    def _check(self) -> None:
        """Complain of an index that was out of range; to know it, the CPU waits for the GPU."""
        step = self.device.taken_integer("wrong")
        if step >= 0:
            c.complain(self.made.schedule.steps[step].operations[0])


__all__ = ["Call", "Place", "cuda"]
