"""The CUDA back end: a whole program as kernels, started one after the other or as one CUDA graph.

The kernels come from the same loops as C's; products of matrices are cuBLAS's. What has to do with a GPU and with CuPy is in
`cuda_device`. **None of it has run on a GPU yet, and none of it is timed**: NVIDIA's compiler takes the kernels, whole
training steps run on the CPU with threads emulated (`tests/engine/emulated_cuda.py`), and CuPy's part was read there.
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
from ..passes.fuse import LONGEST, Schedule, Step, reduction
from ..program import Program
from . import c, cuda_device
from .c_plan import complain
from .cuda_loops import RUNTIME, CudaLoop, Partial, blocks_for, each, element, threads_for

SCRATCH, WRONG = -2, -3         # as bases: room for what blocks leave to a second kernel, and a number for what went wrong
NOTHING = np.full(1, -1, np.int64)      # that number, where nothing did


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
    return f"{ {c.BLOCK: 'block', SCRATCH: 'scratch', WRONG: 'wrong'}.get(x.base, f'input{x.base}')} + {x.offset}"


def cuda(program: Program) -> Any:
    """The program as a function of arrays on the GPU, and of numbers."""
    return _Run(generated(program), cuda_device.Device())


def generated(program: Program) -> _Generated:
    """The program's kernels."""
    return _Generated(c._with_copies(_draws_first(dce(optimised(lower(optimised(program)))))))


def _draws_first(program: Program) -> Program:
    """Random numbers, which the library draws, before everything else and in the order they had: the rest is one graph."""
    program.graph.operations.sort(key=lambda o: o.kind == "operation" and o.does != "draw")
    return program


def supported(o: Operation) -> bool:
    """Whether a loop can hold the operation: what C's can, but for the sums of a column that fall into several."""
    x = o.sources[0] if o.sources else None
    several = reduction(o) == "column" and x is not None and x.shape[-1] == 1 < math.prod(o.results[0].shape)
    return c.supported(o) and not several


class _Generated(c._Generated):
    """The kernels of one program, and the calls that start them."""

    scratch = 0                         # bytes that blocks leave behind for another kernel, at most
    picks = False                       # whether indices are looked at, which may be wrong

    @classmethod
    def scheduled(cls, program: Program) -> Schedule:
        """As C's, without anything image by image: a GPU has enough to do with all of them."""
        return Schedule(program, supported, LONGEST if enabled("fuse") else 1)

    def _compile(self) -> None:
        """The kernels' text, each with the lines that it came from; a run's device compiles it."""
        self.segments = [s for s in self.segments if not isinstance(s, list) or any([isinstance(t, Call) for t in s])]
        for x in self.layout.constants:
            self.base(self.layout.array(x))
        self.code = RUNTIME
        for name, signature, body in self.functions.values():
            lines = "".join(f"{line}\n" for line in list(self.origins[name])[:6])
            self.code += f'{lines}extern "C" __global__ void {name}{signature} {body[0]}\n'

    def listing(self) -> str:
        """The calls of one run, in order."""
        return "\n".join(line for s in self.segments
                         for line in (map(str, s) if isinstance(s, list) else [f"{s.does} by CuPy"]))

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
        """A kernel with a thread for every index of the loops."""
        count = math.prod(n for _, n, _ in loops)
        if not count:
            return None
        text, below = "", count
        for name, n, begin in loops:
            below //= n
            text += f"    const I {name} = n / {below}u % {n}u; {begin}\n"
        return self.started(operands, f"{{\n{each(count, f'{text}    {body}')}\n}}", blocks_for(count), 256)

    def zeroed(self, x: Symbol) -> Call:
        return Call("zero", (self.pointer(x), self.layout.array(x).nbytes))

    def filled(self, x: Symbol, value: str) -> Call | None:
        return self.nest([self.writes("o", x)], [("i", math.prod(x.shape), "")], f"o[i] = {value};")

    def copied(self, to: np.ndarray, source: np.ndarray, to_pointer: Any, source_pointer: Any, how: str = "=") -> Call | None:
        loops = [(f"i{k}", n, "") for k, n in enumerate(to.shape) if n != 1 or not to.ndim]
        operands = [(f"{c.TYPES[to.dtype.name]} *restrict o", to_pointer),
                    (f"const {c.TYPES[source.dtype.name]} *restrict x", source_pointer)]
        return self.nest(operands, loops, f"o[{element(to)}] {how} x[{element(source)}];")

    # ---- kernels that differ from C's
    def fused(self, step: Step) -> None:
        """A loop as a kernel, and the totals of what its blocks have left behind."""
        loop, taken = CudaLoop(self.layout, step), 0
        places: list[Place] = []
        totals: list[tuple[Partial, Place]] = []
        for x in loop.operands:
            if isinstance(x, Partial):
                size = x.terms * x.sums * x.out.itemsize
                places.append(self.room(size, taken))
                totals.append((x, places[-1]))
                taken = places[-1].offset + size
            else:
                places.append(self.pointer(x))
        self.say(self.started(list(zip(loop.parameters, places, strict=True)), loop.body, loop.blocks, loop.threads))
        for left, place in totals:
            given = f"const {self.type_of(left.out)} *restrict x", place
            self.say(self.total(given, left.out, left.terms, f"m * {left.sums} + n"))

    def total(self, given: tuple[str, Place], out: Symbol, terms: int, element: str) -> Call | None:
        """Sums, each by a block: of x[element] over m, into o[n]."""
        sums, threads, t = math.prod(out.shape), threads_for(terms), self.type_of(out)
        body = (f"{{\n  const I n = blockIdx.x; {t} s = 0;\n  for (I m = threadIdx.x; m < {terms}; m += {threads}) "
                f"s += x[{element}];\n  s = all<{threads}, 0>(s);\n  if (threadIdx.x == 0) o[n] = s;\n}}")
        return self.started([given, self.writes("o", out)], body, sums, threads) if sums else None

    def summed(self, o: Operation, number: int) -> bool:
        """A sum over dims that no loop over rows and columns fits."""
        x, out = self.layout.array(o.sources[0]), self.layout.array(o.results[0])
        if out.dtype.kind != "f":
            return False
        dims = o.attrs["dim"]
        kept = [k for k in range(x.ndim) if k not in dims]
        place = "0" + _steps(x, kept, "n") + _steps(x, list(dims), "m")
        self.say(self.total(self.reads("x", o.sources[0]), o.results[0], math.prod(x.shape[k] for k in dims), place))
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
        apart, count, k = [0, 0, 0], 1, len(batch)          # the last dims are one call, where one step goes through them
        while k and (count == 1 or all([m.strides[k - 1] == s * count for m, s in zip(stacks, apart)])):
            k -= 1
            apart = [m.strides[k] for m in stacks] if count == 1 else apart
            count *= batch[k]
        pa, pb, pc = (self.pointer(s) for s in (x, y, out))
        steps = [s // a.itemsize for s in apart]
        for at in np.ndindex(*batch[:k]):
            da, db, dc = (sum(i * s for i, s in zip(at, m.strides)) for m in stacks)
            self.say(Call("product", (
                out.dtype.name, ta, tb, rows, columns, inner, Place(pa.base, pa.offset + da), lda, steps[0],
                Place(pb.base, pb.offset + db), ldb, steps[1], Place(pc.base, pc.offset + dc), columns, steps[2], count)))
        return True

    def indexed(self, o: Operation, number: int) -> bool:
        """Rows picked by arrays of integers, and the reverse: rows added where they were picked, in their order."""
        found = self.picked(o)
        if found is None:
            return False
        whole, rows, places, inner, step = found
        table, count, self.picks = self.layout.array(whole), math.prod(places[0].shape), True
        given = [*[self.reads(f"x{k}", x) for k, x in enumerate(places)], ("I *wrong", Place(WRONG, 0))]
        here, there = (self.place_of(table, places, number, i) for i in "im")
        row = [("i", count, f"const I p = {here};"), ("j", inner, "")]
        if rows is o.results[0]:
            to = self.writes("o", rows)
            self.say(self.nest([to, self.reads("x", whole), *given], row, f"o[i * {step} + j] = x[p + j];"))
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
        return {**super().kernels, "fold": (self.folded,)}

    def folded(self, o: Operation, number: int) -> bool:
        """What lies in each window is added where the window lay: each element of the image collects it."""
        y, out = self.layout.array(o.sources[0]), self.layout.array(o.results[0])
        n, find = out.ndim - 2, ""
        for k, (s, d) in enumerate(zip(o.attrs["stride"], o.attrs["dilation"], strict=True)):
            find += (f"for (I w{k} = 0; w{k} < {y.shape[2 + k]}; w{k}++) {{ "
                     f"const I d{k} = i{k + 2} - w{k} * {d}, p{k} = d{k} / {s}; "
                     f"if (d{k} < 0 || d{k} % {s} || p{k} >= {y.shape[2 + n + k]}) continue; ")
        names = ["i0", "i1", *[f"w{k}" for k in range(n)], *[f"p{k}" for k in range(n)]]
        self.say(self.nest([self.writes("o", o.results[0]), self.reads("x", o.sources[0])],
                           [(f"i{k}", m, "") for k, m in enumerate(out.shape)],
                           f"{self.type_of(o.results[0])} s = 0; {find}s += x[{element(y, names)}]; {'}' * n} "
                           f"o[{element(out)}] = s;"))
        return True


def _steps(array: np.ndarray, dims: Sequence[int], number: str) -> str:
    """The place of an element from the number that these dims' indices make together."""
    text, below = "", 1
    for k in reversed(dims):
        if array.shape[k] > 1:
            text += f" + {number} / {below} % {array.shape[k]} * {array.strides[k] // array.itemsize}"
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
        self.held: dict[int, Any] = {c.BLOCK: device.empty(max(1, made.layout.block.nbytes)),
                                     SCRATCH: device.empty(max(1, made.scratch)), WRONG: device.array(NOTHING)}
        self.bases = [made.base(small[x]) for x in program.inputs]
        for k, array in enumerate(made.bases):
            if k not in self.bases:             # a constant
                self.held[k] = device.array(array)
        numbers = [k for k, x in enumerate(program.inputs) if not x.shape]
        self.numbers, self.slots = np.zeros(8 * len(numbers) + 8, np.uint8), device.empty(8 * len(numbers) + 8)
        self.scalars = []
        for n, k in enumerate(numbers):         # 0-d inputs travel together
            x = program.inputs[k]
            self.scalars.append((k, self.numbers[8 * n:8 * n + x.itemsize].view(x.dtype)))
            self.held[self.bases[k]] = device.view(self.slots, small[x], 8 * n)
        self.last: list[Any] = [None] * len(program.inputs)
        self.staged: set[int] = set()
        self.warm = False
        self.plays: list[Any] = [None] * len(made.segments)
        self.returned = {v: k for k, (v, _) in enumerate(program.updates)}

    def source(self) -> str:
        """The generated CUDA, and the calls that start it."""
        listing = self.made.listing().replace("/*", "//").replace(" */", "")
        return f"{self.made.code}\n/* One run:\n{listing}\n*/\n"

    def __call__(self, arrays: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        made = self.made
        for k, slot in self.scalars:
            if not self.device.here(arrays[k]):
                slot[...] = arrays[k]
        self.device.put(self.slots, self.numbers)
        for k, _ in self.scalars:
            if self.device.here(arrays[k]):
                self.device.put(self.held[self.bases[k]], arrays[k])
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
        if not here and getattr(x.operation.value, "node", None) is not None:
            raise DeviceError(f'{x.name!r} lies on the CPU, and backend="cuda" computes on the GPU: move the model or tensor '
                              'there with .to("cuda") first.')
        stays = here and array.dtype == x.dtype and array.flags.c_contiguous and k not in self.staged
        if stays and (known is None or self.device.address(known) == self.device.address(array)):
            self.held[base] = self.last[k] = array
            return
        if k not in self.staged:
            self.staged.add(k)
            self.last[k], self.plays = None, [None] * len(self.plays)
            memory = self.device.empty(max(1, math.prod(x.shape) * x.itemsize))
            self.held[base] = self.device.view(memory, self.made.layout.small[x], 0)
        self.device.put(self.held[base], array)

    def _play(self, calls: list[Any]) -> None:
        addresses = {base: self.device.address(array) for base, array in self.held.items()}
        for call in calls:
            if isinstance(call, Call):
                arguments = [addresses[a.base] + a.offset if type(a) is Place else a for a in call.arguments]
                getattr(self.device, call.method)(*arguments)

    def _by_library(self, o: Operation) -> None:
        """Run an operation without a kernel of its own on the plan's arrays."""
        inputs = tuple([unboxed(self._array(x)) if isinstance(x, Symbol) else x for x in o.inputs])
        for symbol, out in zip(o.results, o.compute(self.device.xp, inputs), strict=True):
            if symbol is not None and symbol in self.made.layout.stored:
                self.device.put(self._array(symbol), out)

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
        step = int(placed_on(self.held[WRONG], CPU)[0])
        if step >= 0:
            self.device.put(self.held[WRONG], NOTHING)
            complain(self.made.schedule.steps[step].operations[0])


__all__ = ["Call", "Place", "cuda"]
