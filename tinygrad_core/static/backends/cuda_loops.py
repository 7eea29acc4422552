"""One fused loop as a CUDA kernel: a thread an element, or a block of threads a row where rows or columns are summed up."""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...symbol import Symbol
from ..passes.fuse import Step, reduction
from .c_loops import Loop

THREADS = 256                   # in a block, at most
BLOCKS = 2048                   # at most, where each goes on with the next row or element
PARTIAL = 256                   # blocks at most where each leaves a sum behind, which a second kernel adds up

RUNTIME = r"""
#define restrict __restrict__
#define int32_t int
#define int64_t long long
#define uint8_t unsigned char
#define uint16_t unsigned short
#ifndef INFINITY
#define INFINITY __int_as_float(0x7f800000)
#define NAN __int_as_float(0x7fffffff)
#endif
typedef long long I;
#define EITHER(t) static __device__ inline t either_##t(int c, t a, t b) { return c ? a : b; }
EITHER(float) EITHER(double) EITHER(int64_t) EITHER(int32_t) EITHER(uint8_t)
/* A place from an index, as Python counts; a place that is not there is remembered, and the first row stands in. `wrong` is
   a parameter of every kernel that looks for places. */
#define at(k, n, who) found(k, n, who, wrong)
static __device__ inline I found(I k, I n, I who, I *wrong) {
  if (k < 0) k += n;
  if (k < 0 || k >= n) { *wrong = who; k = 0; }
  return k;
}
template <int MAX, class T> __device__ inline T two(T a, T b) { return MAX ? (b > a || b != b ? b : a) : a + b; }
/* The sum (or maximum) of what the N threads of a block have, for each of them: always in the same order. */
template <int N, int MAX, class T> __device__ inline T all(T v) {
  for (int m = 16; m; m /= 2) v = two<MAX>(v, __shfl_xor_sync(0xffffffffu, v, m));
  if (N > 32) {
    __shared__ T warps[N / 32];
    __syncthreads();
    if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = v;
    __syncthreads();
    v = warps[0];
    for (int k = 1; k < N / 32; k++) v = two<MAX>(v, warps[k]);
  }
  return v;
}
"""


class Partial(NamedTuple):
    """Sums that blocks leave behind, `terms` for each of `sums`, and where their totals go."""

    out: Symbol
    terms: int
    sums: int


def threads_for(count: int) -> int:
    """How many threads share `count` elements, about four each: a power of two, a warp at least."""
    return min(THREADS, max(32, 1 << (max(count - 1, 0) // 4).bit_length()))


def each(count: int, body: str) -> str:
    """A kernel's body that runs for n = 0 to count - 1, a thread each."""
    number = "unsigned" if count < 1 << 31 else "I"
    return (f"  for ({number} n = blockIdx.x * {THREADS}u + threadIdx.x; n < {count}u; n += gridDim.x * {THREADS}u) {{\n"
            f"{body}\n  }}")


def blocks_for(count: int, most: int = BLOCKS) -> int:
    """How many blocks `each` is started with."""
    return max(1, min(most, -(-count // THREADS)))


def element(array: np.ndarray, names: Sequence[str] | None = None) -> str:
    """The place of an element from its indices, by default i0 and so on."""
    names = names or [f"i{k}" for k in range(array.ndim)]
    return "0" + "".join(f" + {i} * {s // array.itemsize}" for i, n, s in zip(names, array.shape, array.strides, strict=True)
                         if n != 1)


class CudaLoop(Loop):
    """The CUDA text of a step.

    Attributes:
        threads, blocks: how the kernel is started.
        operands: what it is given: symbols for their addresses, and a `Partial` for room to leave sums in.
    """

    def __init__(self, layout: Any, step: Step):
        sums = [o for o in step.operations if reduction(o)]
        rows, columns = step.domain
        self.by_rows = columns > 1 and any([reduction(o) in ("row", "column") for o in sums])
        self.threads = threads_for(columns) if self.by_rows else THREADS
        self.items = -(-columns // self.threads)            # columns of a thread
        most = PARTIAL if any([reduction(o) != "row" for o in sums]) else BLOCKS
        if self.by_rows:                        # a block's rows must add up into the same sums: r % kept is always the same
            kept = math.lcm(*[math.prod(o.results[0].shape[:-1]) for o in sums if reduction(o) == "column"])
            self.blocks = max(1, rows if rows <= most else max(kept, most // kept * kept))
        else:
            self.blocks = blocks_for(rows * columns, most)
        super().__init__(layout, step)

    def _text(self) -> str:
        passes = "\n".join(f"    {c}" for c in self._passes())
        if self.by_rows:
            loop = f"  for (I r = blockIdx.x; r < {self.rows}; r += gridDim.x) {{\n{passes}\n  }}"
        else:
            place = f"const I r = n / {self.columns}u, j = n % {self.columns}u;" if self.columns > 1 else "const I r = n;"
            loop = each(self.rows * self.columns, f"    {place} (void)r;\n{passes}") if self.columns else ""
        before, behind = [f"  {t}" for t in (*self.temporary, *self.before)], [f"  {t}" for t in self.behind]
        return "\n".join(["{", *before, loop, *behind, "}"])

    def _over_columns(self, starts: list[str], body: str, ends: list[str], level: int) -> str:
        if self.columns == 1:
            return super()._over_columns(starts, body, ends, level)
        if not self.by_rows:
            return body
        return "\n    ".join([*starts, *self._columns_of_a_thread(f"{{\n      {body}\n    }}"), *ends])

    def _columns_of_a_thread(self, body: str) -> list[str]:
        unroll = ["#pragma unroll"] if 1 < self.items <= 16 else []
        inside = f"if (j < {self.columns}) " if self.columns % self.threads else ""
        return [*unroll, f"for (int i = 0; i < {self.items}; i++) {{", f"const I j = i * {self.threads} + threadIdx.x;",
                f"{inside}{body} }}"]

    def _once(self, store: str) -> str:
        return store if self.columns == 1 else f"if ({'threadIdx.x' if self.by_rows else 'j'} == 0) {{ {store} }}"

    def _row_done(self, name: str, largest: bool) -> list[str]:
        return [f"{name} = all<{self.threads}, {int(largest)}>({name});"] if self.by_rows else []

    def _kept(self, x: Symbol) -> str:
        if self.by_rows:
            self.temporary.append(f"{self._type(x)} t{id(x)}[{self.items}];")
            return self._waiting(x)
        self.temporary.append(f"{self._type(x)} t{id(x)};")
        return f"t{id(x)}"

    def _waiting(self, x: Symbol) -> str:
        return f"t{id(x)}[i]"

    def _total(self, x: Symbol) -> str:
        self.before.append(f"{self._type(x)} q{id(x)} = 0;")
        self.behind.append(f"q{id(x)} = all<{self.threads}, 0>(q{id(x)}); "
                           f"if (threadIdx.x == 0) {self._room(x, 1)}[blockIdx.x] = q{id(x)};")
        return f"q{id(x)}"

    def _column(self, x: Symbol) -> str:
        if not self.by_rows:                    # a single column: see `cuda.supported`
            return self._total(x)
        self.before.append(f"{self._type(x)} c{id(x)}[{self.items}] = {{}};")
        store = f"{self._room(x, math.prod(x.shape))}[blockIdx.x * {self.columns} + j] = c{id(x)}[i];"
        self.behind += self._columns_of_a_thread(store)
        return f"c{id(x)}[i]"

    def _room(self, x: Symbol, count: int) -> str:
        """A parameter for the sums that each block leaves behind; the result's own memory where those are the totals."""
        left = self.blocks * (self.columns if self.by_rows and count > 1 else 1)
        if left == count:
            return self._pointer(x, True)
        name = f"p{len(self.operands)}"
        self.operands.append(Partial(x, left // count, count))      # type: ignore[arg-type]
        self.parameters.append(f"{self.types[x.dtype.name]} *restrict {name}")
        return name
