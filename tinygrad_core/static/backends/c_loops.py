"""One fused loop as C: rows outside, columns inside, split where a row's sum or maximum must be known first."""
from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from ...symbol import Symbol
from ..graph import Operation
from ..passes.fuse import Step, domain, owner, reduction, through

_ON_STACK = 1 << 12            # elements of a temporary row; threads may have small stacks
_LANES = 8                      # numbers that the compiler computes with at once
_BLOCK = 32                     # short rows that are computed together


class Loop:
    """The C text of a step.

    Attributes:
        signature: the parameters, one pointer for each operand.
        body: the function's body; equal bodies are one function.
        operands: the symbols whose addresses are passed.
    """

    def __init__(self, layout: Any, step: Step):
        from .c import EXPRESSIONS, TYPES
        self.expressions, self.types = EXPRESSIONS, TYPES
        self.layout, self.step = layout, step
        self.rows, self.columns = step.domain
        self.inside = {o.results[0] for o in step.operations}
        self.operands: list[Symbol] = []
        self.parameters: list[str] = []
        self.names: dict[Any, str] = {}
        self.level: dict[Symbol, int] = {}
        self.temporary: list[str] = []
        self.before: list[str] = []
        self.behind: list[str] = []
        self._find_levels()
        self.read: dict[Symbol, int] = {}       # the last pass over a row that reads a value
        for o in step.operations:
            for s in map(through, o.sources):
                self.read[s] = max(self.read.get(s, 0), self.level[o.results[0]])
        self.body = self._renamed(self._text())
        self.signature = "(" + ", ".join(self.parameters) + ")"

    # ---- which loop over the columns computes what
    def _find_levels(self) -> None:
        """A value that needs a row's sum belongs to the next loop over that row."""
        for o in self.step.operations:
            level = 0
            for x in o.sources:
                s = through(x)
                if s in self.inside:
                    level = max(level, self.level[s] + (reduction(s.operation) is not None))
            self.level[o.results[0]] = level
        self._sink()

    def _sink(self) -> None:
        """Move values to the first pass that reads them, where that leaves no more of them waiting in between."""
        readers: dict[Symbol, int] = {}
        for o in reversed(self.step.operations):
            out = o.results[0]
            inner = [through(x) for x in o.sources if through(x) in self.inside]
            waiting = [s for s in dict.fromkeys(inner) if not reduction(s.operation) and not self._is_row_number(s.operation)]
            if out in readers and not reduction(o) and not self._is_row_number(o) and len(waiting) <= 1:
                self.level[out] = max(self.level[out], readers[out])
            for s in inner:
                readers[s] = min(readers.get(s, self.level[out]), self.level[out])

    def _is_row_number(self, o: Operation) -> bool:
        """Whether an elementwise operation computes one number for a row, not one for each column."""
        return not reduction(o) and self.columns > 1 and domain(o.results[0].shape)[1] == 1 \
            and domain(o.results[0].shape)[0] == self.rows

    def _text(self) -> str:
        rows = f"for (I r = 0; r < {self.rows}; r++) " if self.rows != 1 else "const I r = 0; "
        passes = self._passes()
        return ("{\n" + "".join(f"  {t}\n" for t in (*self.temporary, *self.before)) + f"  {rows}{{\n"
                + "".join(f"    {c}\n" for c in passes) + "  }\n" + "".join(f"  {t}\n" for t in self.behind) + "}")

    def _passes(self) -> list[str]:
        """What is done with one row: numbers of the row, and passes over its columns, in turn."""
        code = []
        for level in range(max(self.level.values()) + 2):
            mine = [o for o in self.step.operations if self.level[o.results[0]] == level]
            code += [self._row_number(o) for o in mine if self._is_row_number(o)]
            loop = [o for o in mine if not self._is_row_number(o)]
            if loop:
                code.append(self._loop(loop, level))
        return code

    def _row_number(self, o: Operation) -> str:
        out = o.results[0]
        text = self._begun(out, self._expression(o, self.level[out]))
        if out in self.layout.stored:
            text += " " + self._once(f"{self._element(out, out.shape, True)} = {self._of_row(out)};")
        return text

    def _loop(self, operations: list[Operation], level: int) -> str:
        """One pass over a row's columns."""
        starts, inner, stores, ends = [], [], [], []
        for o in operations:
            out, kind = o.results[0], reduction(o)
            if kind is None:
                inner.append(f"{self._type(out)} v{id(out)} = {self._expression(o, level)};")
                if out in self.layout.stored:
                    stores.append(f"{self._element(out, out.shape, True)} = v{id(out)};")
                elif self.read.get(out, 0) > level:
                    stores.append(f"{self._kept(out)} = v{id(out)};")
                continue
            value = self._value(o.sources[0], o.sources[0].shape, level)
            if kind == "row":
                largest, w = o.does == "amax", self._of_row(out)
                starts.append(self._begun(out, "-INFINITY" if largest else "0"))
                inner.append(f"{w} = {value} > {w} || {value} != {value} ? {value} : {w};" if largest else f"{w} += {value};")
                ends += self._row_done(w, largest)
                if out in self.layout.stored:
                    ends.append(self._once(f"{self._element(out, out.shape, True)} = {w};"))
            else:
                inner.append(f"{self._total(out) if kind == 'all' else self._column(out)} += {value};")
        return self._over_columns(starts, "\n      ".join([*inner, *stores]), ends, level)

    # ---- how C does it: one row after the other, one column after the other
    def _over_columns(self, starts: list[str], body: str, ends: list[str], level: int) -> str:
        if self.columns == 1:                   # no loop, and later passes read the values as they are
            return "\n    ".join([*starts, "const I j = 0; (void)j;" if level == 0 else "", body, *ends])
        loop = f"for (I j = 0; j < {self.columns}; j++) {{\n      {body}\n    }}"
        return "\n    ".join([*starts, '_Pragma("GCC ivdep")', loop, *ends])

    def _of_row(self, x: Symbol) -> str:
        """The variable with a row's number."""
        return f"w{id(x)}"

    def _begun(self, x: Symbol, value: str) -> str:
        """Its beginning."""
        return f"{self._type(x)} {self._of_row(x)} = {value};"

    def _once(self, store: str) -> str:
        """A store of a row's number."""
        return store

    def _row_done(self, name: str, largest: bool) -> list[str]:
        """What a pass ends with that has summed up a row, or found its maximum."""
        return []

    def _kept(self, x: Symbol) -> str:
        """Where a value waits for a later pass over its row."""
        t = self._type(x)
        if self.columns <= _ON_STACK:
            self.temporary.append(f"{t} t{id(x)}[{self.columns}];")
        else:
            self.temporary.append(f"{t} *t{id(x)} = malloc({self.columns} * sizeof({t}));")
            self.behind.append(f"free(t{id(x)});")
        return self._waiting(x)

    def _waiting(self, x: Symbol) -> str:
        return f"t{id(x)}[j]"

    def _total(self, x: Symbol) -> str:
        """Where the sum over everything is added up."""
        self.before.append(f"{self._type(x)} q{id(x)} = 0;")
        self.behind.append(f"{self._pointer(x, True)}[0] = q{id(x)};")
        return f"q{id(x)}"

    def _column(self, x: Symbol) -> str:
        """Where a column is added up."""
        pointer = self._pointer(x, True)
        kept = math.prod(x.shape[:-1])
        self.before.append(f"memset({pointer}, 0, {math.prod(x.shape) * x.itemsize});")
        return f"{pointer}[{f'(r % {kept}) * {self.columns} + ' if kept > 1 else ''}j]"

    # ---- values
    def _type(self, x: Symbol) -> str:
        return "int" if x.dtype.name == "bool" else self.types[x.dtype.name]

    def _expression(self, o: Operation, level: int) -> str:
        out = o.results[0]
        working = next((x.dtype for x in (out, *o.sources) if x.dtype.kind == "f"), out.dtype)
        values = [self._value(x, out.shape, level, working) for x in o.inputs[:o.operands]]
        f, t = "f" if working.name == "float32" else "", self.types[working.name]
        if o.does == "clamp":
            text = values[0]
            for key, sign in (("low", "<"), ("high", ">")):
                if o.attrs[key] is not None:
                    bound = self._literal(o.attrs[key], working)
                    text = f"({text} {sign} {bound} ? {bound} : {text})"
            return text
        if o.does == "cast":
            return f"({self._type(out)})({values[0]}{' != 0' if out.dtype.name == 'bool' else ''})"
        return self.expressions[o.does].format(*[f"({v})" for v in values], f=f, t=t)

    def _value(self, x: Any, shape: tuple[int, ...], level: int, working: Any = None) -> str:
        """An input as C, where the loop stands: a literal, a value of this row or column, or an element of memory."""
        if not isinstance(x, Symbol):
            return self._literal(x, working or np.dtype("float64"))
        s = through(x)
        if s in self.inside:
            o = s.operation
            if reduction(o) or self._is_row_number(o):
                return self._of_row(s)
            if self.level[s] == level or self.columns == 1:
                return f"v{id(s)}"
            return self._element(s, s.shape, True) if s in self.layout.stored else self._waiting(s)
        if x.operation.kind == "constant" and np.size(x.operation.value) == 1:
            return self._literal(self.layout.constants[x].item(), x.dtype)
        return self._element(x, shape, False)

    @staticmethod
    def _literal(value: Any, dtype: Any) -> str:
        if dtype.kind != "f":
            return str(int(value))
        number = float(np.dtype(dtype).type(value))
        if math.isnan(number):
            return "NAN"
        if math.isinf(number):
            return "INFINITY" if number > 0 else "(-INFINITY)"
        text = repr(float(f"{number:.9g}")) if dtype.name == "float32" else repr(number)
        return (text if "." in text or "e" in text else text + ".0") + ("f" if dtype.name == "float32" else "")

    def _pointer(self, x: Symbol, written: bool) -> str:
        """The parameter that holds a symbol's address."""
        name = self.names.get(x)
        if name is None:
            name = self.names[x] = f"{'o' if written else 'x'}{len(self.operands)}"
            self.operands.append(x)
            t = self.types[x.dtype.name]
            shared = owner(x) in self.layout.shared     # it may lie where another operand does
            self.parameters.append(f"{'' if written else 'const '}{t} *{'' if shared else 'restrict '}{name}")
        return name

    def _element(self, x: Symbol, shape: tuple[int, ...], written: bool) -> str:
        """The element of memory that belongs to row r and column j of a value of this shape."""
        array = self.layout.array(x)
        array = array if array.shape == shape else np.broadcast_to(array, shape)
        steps = [s // array.itemsize for s in array.strides]
        column = "" if not shape or shape[-1] == 1 or not steps[-1] else " + j" if steps[-1] == 1 else f" + j * {steps[-1]}"
        return f"{self._pointer(x, written)}[0{self._row_offset(shape[:-1], steps[:-1])}{column}]"

    @staticmethod
    def _row_offset(sizes: tuple[int, ...], steps: list[int]) -> str:
        """Where row r lies: dims that follow one another in memory count as one."""
        merged: list[tuple[int, int]] = []
        for n, s in zip(sizes, steps, strict=True):
            if n == 1:
                continue
            if merged and merged[-1][1] == n * s:
                merged[-1] = (merged[-1][0] * n, s)
            else:
                merged.append((n, s))
        text, below = "", 1
        for k, (n, s) in enumerate(reversed(merged)):
            if s:
                part = "r" if below == 1 else f"(r / {below})"
                part = f"({part} % {n})" if k < len(merged) - 1 else part
                text += f" + {part} * {s}" if s != 1 else f" + {part}"
            below *= n
        return text

    def _renamed(self, text: str) -> str:
        """Numbers in the order of appearance in place of identities, so that equal loops have equal text."""
        names: dict[str, str] = {}
        return re.sub(r"\b([vwtqc])(\d{4,})\b", lambda m: m[1] + names.setdefault(m[2], str(len(names))), text)


class ShortRows(Loop):
    """A loop whose rows leave the better part of a vector empty: the inner loop runs down a block of them.

    What is left over behind the last whole vector goes through functions of the math library one by one, which takes as long
    as a vector each. Down the rows there are no such ends, and numbers that lie apart cost less.
    """

    @staticmethod
    def pays(step: Step, functions: set[str]) -> bool:
        """Whether a loop calls such functions on rows that end with more single numbers than there are whole vectors."""
        rows, columns = step.domain
        return (rows >= _LANES and columns < _LANES * (columns % _LANES) and columns > 1
                and any([o.does in functions for o in step.operations])
                and not any([reduction(o) == "column" for o in step.operations]))

    def _text(self) -> str:
        over = "const I R = 0;" if self.rows <= _BLOCK else f"for (I R = 0; R < {self.rows}; R += {_BLOCK})"
        stop = (str(self.rows) if self.rows <= _BLOCK else f"R + {_BLOCK}" if self.rows % _BLOCK == 0
                else f"R + {_BLOCK} < {self.rows} ? R + {_BLOCK} : {self.rows}")
        passes = self._passes()
        return "\n  ".join(["{", *self.temporary, *self.before, f"{over} {{", f"  const I N = {stop};",
                            *[f"  {text}" for text in passes], "}", *self.behind]) + "\n}"

    @staticmethod
    def _down(*lines: str) -> str:
        return f'_Pragma("GCC ivdep") for (I r = R; r < N; r++) {{ {" ".join(lines)} }}'

    def _row_number(self, o: Operation) -> str:
        return self._down(super()._row_number(o))

    def _over_columns(self, starts: list[str], body: str, ends: list[str], level: int) -> str:
        loop = f"for (I j = 0; j < {self.columns}; j++) {self._down(body)}"
        return "\n    ".join([*[self._down(*starts)] * bool(starts), loop, *[self._down(*ends)] * bool(ends)])

    def _of_row(self, x: Symbol) -> str:
        return f"w{id(x)}[r - R]"

    def _begun(self, x: Symbol, value: str) -> str:
        self.temporary.append(f"{self._type(x)} w{id(x)}[{_BLOCK}];")
        return f"{self._of_row(x)} = {value};"

    def _kept(self, x: Symbol) -> str:
        self.temporary.append(f"{self._type(x)} t{id(x)}[{self.columns * _BLOCK}];")
        return self._waiting(x)

    def _waiting(self, x: Symbol) -> str:
        return f"t{id(x)}[j * {_BLOCK} + r - R]"
