"""The graph of operations that run later: how it is built, what one operation in it is, and how it is printed."""
from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from weakref import ref

import numpy as np

from ..device import get_default_device, is_array, place
from ..dispatch import _casts, _casts_needed, _several, _unpack, record
from ..errors import EngineError, Line, ShapeError, at_line, here, learner_frame, learner_line
from ..formulas import BELOW
from ..node import Leaf
from ..ops import OPS, Op
from ..symbol import Dim, NoValueError, StaticError, Symbol, first_symbol, hint, leaves, mapped, probes, shape_text
from ..tensor import Tensor, describe, mode, root_of, view_chain, wrap
from .infer import NEW, concrete, infer

_NAME = re.compile(r"^[A-Za-z0-9_.][A-Za-z0-9_./\-]*$")


class Ref:
    """Within an operation's attributes: the place of an input that is a symbol, as in `x[index]`."""

    __slots__ = ("input",)

    def __init__(self, input: int):
        self.input = input

    def __repr__(self) -> str:
        return f"<input {self.input}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and other.input == self.input

    def __hash__(self) -> int:
        return hash((Ref, self.input))


class Operation:
    """One line of a graph: an operation of the table, with symbols where a dynamic run would have arrays.

    Attributes:
        kind: "placeholder", "variable", "constant" or "operation".
        op: the entry of the table; None for the other kinds.
        does: its name; "" for the other kinds.
        inputs: symbols, Python numbers or None; set by `read`.
        sources: those that are symbols.
        attrs: the operation's attributes; `Ref`s stand for inputs.
        results: the symbols it computes; None for a gradient that nobody wanted.
        control: operations that must run before it.
        value: the array of a constant, the tensor of a variable.
        where: the learner's line that defined it, as `errors.here` notes it.
        module: the path of the module in whose `forward` it was defined.
        again: whether it computes anew, near its readers, what another operation computed before.
    """

    __slots__ = ("graph", "kind", "op", "does", "inputs", "attrs", "results", "control", "value", "name", "where", "module",
                 "number", "operands", "again", "sources")

    op: Any                         # an Op wherever `does` says something

    def __init__(self, graph: Graph, kind: str, op: Op | None, inputs: tuple[Any, ...], attrs: dict[str, Any],
                 name: str, value: Any = None):
        self.graph, self.kind, self.op, self.attrs, self.name, self.value = graph, kind, op, attrs, name, value
        self.read(inputs)
        self.does = "" if op is None else op.name
        self.results: tuple[Any, ...] = ()
        self.control: tuple[Operation, ...] = ()
        self.where: Any = None
        self.module = graph.module
        self.number = -1
        self.again = False
        self.operands = len(inputs)             # how many inputs are operands; the others belong to attributes

    def read(self, inputs: tuple[Any, ...]) -> None:
        """Let it have these inputs."""
        self.inputs = inputs
        self.sources: tuple[Symbol, ...] = tuple([x for x in inputs if isinstance(x, Symbol)])

    def twin(self, graph: Graph, inputs: tuple[Any, ...]) -> Operation:
        """The same operation, from the same line, in another graph and on other inputs; it has no results yet."""
        made = Operation(graph, self.kind, self.op, inputs, self.attrs, self.name, self.value)
        made.where, made.module, made.operands = self.where, self.module, self.operands
        return made

    @property
    def stateful(self) -> bool:
        """Whether two runs may differ, or change something: random numbers, and assignments."""
        return self.does in STATEFUL or any([getattr(v, "stateful", False) for v in self.attrs.values()])

    def compute(self, xp: Any, values: tuple[Any, ...], sizes: Any = None,
                other: dict[str, Any] | None = None) -> tuple[Any, ...]:
        """The results for arrays (and numbers) in the place of the inputs; `other` attributes take the place of its own."""
        attrs = concrete(self.attrs, sizes) if sizes is not None else self.attrs
        if self.operands < len(values):
            attrs = fill(attrs, values)
        if other:
            attrs = {**attrs, **other}
        return results_of(self.op, self.op.forward(xp, *values[:self.operands], **attrs))

    def run(self, xp: Any, values: tuple[Any, ...], sizes: Any = None) -> tuple[Any, ...]:
        """`compute`, with errors that name the line which defined the operation."""
        try:
            return self.compute(xp, values, sizes)
        except EngineError:
            raise
        except Exception as error:
            raise self.failed(error) from None

    def failed(self, error: Exception) -> EngineError:
        """The error to raise when a run of the operation failed."""
        kind = ShapeError if isinstance(error, (ValueError, IndexError)) else StaticError
        words = str(error).replace(str(BELOW), "below 0")
        return kind(f"{self.name}: {words}.\n  defined at {Line.at(self.where) if self.where is not None else 'no line'}")

    def __repr__(self) -> str:
        from .show import listing_line
        return listing_line(self)


STATEFUL = {"draw", "assign"}


def _symbol(shape: tuple[Any, ...], dtype: Any, operation: Operation, index: int) -> Symbol:
    """A result, whose new unknown sizes are those of its own dims."""
    symbol = Symbol(shape, dtype, operation, index)
    if any([isinstance(n, Dim) for n in shape]):
        symbol.shape = tuple([Dim(n.hints, (symbol, k)) if isinstance(n, Dim) and n.of is NEW else n
                              for k, n in enumerate(shape)])
    return symbol


def results_of(op: Op, out: Any) -> tuple[Any, ...]:
    """What a forward computation returned, as one flat tuple: its results, then its by-products."""
    if op.aux:
        out, *aux = out
        return (*(out if op.several else (out,)), *aux)
    return tuple(out) if op.several else (out,)


def fill(value: Any, inputs: tuple[Any, ...]) -> Any:
    """Attributes with every `Ref` replaced by the input it stands for."""
    return mapped(value, lambda v: inputs[v.input] if isinstance(v, Ref) else v)


class Slot:
    """Where a run reads an array that no tensor holds: a gradient, an optimiser's state, a number computed anew."""

    def __init__(self, read: Callable[[], Any], store: Callable[[Any], None] | None, name: str):
        self.read, self._store, self.name = read, store, name

    @property
    def array(self) -> Any:
        """The array, as it is now."""
        return self.read()

    @array.setter
    def array(self, value: Any) -> None:
        assert self._store is not None, "nothing is stored in a number that is computed anew"
        self._store(value)


class Graph:
    """Operations that were defined and have not run.

    `with Graph() as g:` makes operations on its tensors, and everything random, nodes of the graph; an operation
    on a symbolic tensor becomes a node of its graph anywhere.
    """

    def __init__(self, name: str = "graph"):
        self.name = name
        self.device = get_default_device()          # where its numbers will lie
        self.operations: list[Operation] = []
        self.finalized = False
        self.module = ""
        self.recorder: Any = None                   # who is told of definitions
        self._before: list[Any] = []                # who watched when this graph was entered
        self._names: dict[str, int] = {}
        self._scopes: list[str] = []
        self._modules: list[str] = []
        self._inside: list[Any] = []                # the modules whose forward is running
        self._known: dict[int, tuple[Any, Symbol]] = {}     # id of an array -> (what keeps it alive, its symbol)
        self._controls: list[tuple[Operation, ...]] = []
        self.views: list[ref[Tensor]] = []         # in the order in which they were taken
        self.slots: dict[int, Slot] = {}            # by the id of their array at the start

    # ---- where operations are written down
    def __enter__(self) -> Graph:
        self._before.append(mode.watch)
        self.recorder = mode.watch if mode.graph is None else mode.graph.recorder
        mode.watch = self
        return self

    def __exit__(self, *_: Any) -> None:
        mode.watch = self._before.pop()
        if not self._before:
            self.recorder = None

    def as_default(self) -> Graph:
        """TensorFlow's way to say it: `with graph.as_default():`."""
        return self

    def define(self, op: Op, inputs: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        """Write down an operation in place of running it; returns what running it would: tensors, without numbers."""
        if op.name == "getitem":
            attrs = {"index": self._counted(attrs["index"])}
        given = inputs
        inputs = tuple([self.tensor_of(x) if isinstance(x, Tensor) else x for x in inputs])
        values, parents, mask = _unpack(op, inputs)
        if op.mixes and _casts_needed(op, values):
            cast = _casts(op, inputs, values)
            if cast is not None:
                return self.define(op, tuple(cast), attrs)
        outs = self.add(op, tuple(values), attrs)
        plain = len(outs) - len(op.aux)
        aux = outs[plain:]
        if op.several:
            return _several(op, inputs, parents, mask, outs[:plain], values, aux, attrs)
        result = wrap(outs[0])
        if mask and mode.grad and outs[0].dtype.kind == "f":
            result.node = record(op, parents, mask, outs[0], values, aux, attrs)
        if op.view and not _copies(attrs.get("index")):
            self._looks_into(result, given[0], op, attrs)
        return result

    def add(self, op: Op, inputs: tuple[Any, ...], attrs: dict[str, Any], name: str | None = None) -> tuple[Symbol, ...]:
        """Append an operation on symbols and numbers; its results as symbols."""
        self._open_for(op.name)
        inputs = tuple([self.symbol_of(x) if hasattr(x, "dtype") and not isinstance(x, np.generic) else x
                        for x in inputs])
        operands = len(inputs)
        inputs, attrs = self._referred(inputs, attrs)
        inputs = tuple([self._after_assignments(x) for x in inputs])
        operation = Operation(self, "operation", op, inputs, attrs, self.unique(name or op.name))
        operation.operands = operands
        self._check_sources(operation)
        try:
            described = infer(operation)
        except (EngineError, RecursionError):
            raise
        except Exception as error:
            raise self._explain(operation, error) from None
        operation.results = tuple([None if d is None else _symbol(d[0], d[1], operation, k) for k, d in enumerate(described)])
        self._append(operation)
        return operation.results

    def _open_for(self, what: str) -> None:
        if self.finalized:
            raise StaticError(f"this graph is finalized, and {what} would add to it: define everything before finalize().")

    def _counted(self, index: Any) -> Any:
        """An index with the numbers of the masks in it, which decide how many elements there are."""
        def number(i: Any) -> Any:
            mask = i.array if isinstance(i, Tensor) else i
            if type(mask) is Symbol and mask.dtype.kind == "b":
                return self.asked_for_value(mask, "used as a mask, as in x[mask]; where(mask, x, 0) keeps the size")
            return i
        return mapped(index, number)

    def _append(self, operation: Operation) -> None:
        operation.number, operation.where = len(self.operations), here(1)
        operation.control = tuple([c for controls in self._controls for c in controls])
        self.operations.append(operation)
        if self.recorder is not None:
            self.recorder.defined(operation)

    def _referred(self, inputs: tuple[Any, ...], attrs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Inputs and attributes with every symbol (or tensor) among the attributes made a further input."""
        more = list(inputs)

        def referred(value: Any) -> Any:
            if isinstance(value, Tensor):
                value = value.array
            if isinstance(value, Symbol) or is_array(value):
                more.append(self.symbol_of(value))
                return Ref(len(more) - 1)
            return value

        placed = mapped(attrs, referred)
        return tuple(more), placed

    # ---- symbols for what is not computed here
    def tensor_of(self, t: Tensor) -> Tensor:
        """A tensor in this graph: itself where it is symbolic, a variable or constant of the graph otherwise."""
        if type(t.array) is Symbol:
            return t
        twin = wrap(self.symbol_of(t.array, t))
        twin.node, twin._view = t.node, t._view
        return twin

    def symbol_of(self, array: Any, tensor: Tensor | None = None) -> Symbol:
        """The symbol of an array: what it stands for in this graph."""
        if type(array) is Symbol:
            return array
        known = self._known.get(id(array))
        if known is not None:
            return known[1]
        symbol = self.capture(array, tensor)
        self._known[id(array)] = (array, symbol)
        return symbol

    def capture(self, array: Any, tensor: Tensor | None) -> Symbol:
        """A symbol for real numbers met in the graph: a tensor that can learn is a variable, any other a constant."""
        if tensor is not None and isinstance(tensor.node, Leaf):
            own = vars(self._inside[-1]).get("_parameters", {}) if self._inside else {}
            called = next((n for n, p in own.items() if p is not None and p.array is array), None)
            name = tensor.name or called or _called(tensor)
            return self.source("variable", array.shape, array.dtype, as_name(name), tensor)
        return self.source("constant", np.shape(array), array.dtype, "constant", place(array, self.device))

    def source(self, kind: str, shape: tuple[Any, ...], dtype: Any, name: str, value: Any = None) -> Symbol:
        """Append what has no inputs: a placeholder, variable or constant."""
        self._open_for(f"a {kind}")
        operation = Operation(self, kind, None, (), {}, self.unique(name), value)
        symbol = Symbol(shape, np.dtype(dtype), operation)
        symbol.shape = tuple([Dim(probes(0), (symbol, k)) if n is None else n for k, n in enumerate(shape)])
        operation.results = (symbol,)
        self._append(operation)
        return symbol

    def unique(self, name: str) -> str:
        """A name that no operation of the graph has yet, within the open name scopes."""
        if not _NAME.match(name):
            raise StaticError(f"{name!r} cannot name an operation: names have letters, digits and _ . / -, no spaces.")
        name = "/".join([*self._scopes, name])
        count = self._names.get(name, 0)
        self._names[name] = count + 1
        return f"{name}_{count}" if count else name

    def slot(self, read: Any, store: Any, name: str) -> Symbol:
        """A variable of a place outside that is no tensor, such as an optimiser's state; the same array is the same one."""
        array = read()
        known = self._known.get(id(array))
        if known is not None:
            return known[1]
        slot = self.slots[id(array)] = Slot(read, store, name)
        symbol = self.source("variable", np.shape(array), array.dtype, name, slot)
        self._known[id(array)] = (array, symbol)
        return symbol

    # ---- memory that several tensors look into, and order among operations that change something
    def alias(self, t: Tensor) -> Tensor:
        """Another tensor on the same memory, which gradients do not pass: what `t.detach()` is."""
        twin = wrap(t.array)
        self._looks_into(twin, t, OPS["identity"], {})
        return twin

    def _looks_into(self, view: Tensor, base: Tensor, op: Op, attrs: dict[str, Any]) -> None:
        """Note that a tensor is a view of another, which shows what is written into that."""
        view._view = (base, op, attrs)
        self.views.append(ref(view))

    def write(self, t: Tensor, result: Tensor) -> Tensor:
        """A tensor written in place: from here on it stands for another symbol; see `writes.write`."""
        new = self.tensor_of(result)
        if t.shape != result.shape:
            raise StaticError(f"an in-place operation cannot change a tensor's shape: it has {t.shape}, the result has "
                              f"{result.shape}.")
        if new.dtype != t.dtype:
            new = self.define(OPS["cast"], (new,), {"dtype": t.dtype})
        if t._view is not None and not _shows(t):
            t._view = None
        self.may_write(t)
        self._write_through(t, new)
        self._refresh_views(t)
        return t

    def _write_through(self, t: Tensor, new: Tensor) -> None:
        """Let a tensor, and what it looks into, stand for new values; a leaf stays one."""
        history = new.node                      # of what was given: that may be `t` itself
        if t._view is not None:
            base, op, attrs = t._view
            whole = self._put(base, op, attrs, new)
            if op.name == "identity":           # a detached tensor's history is its own
                whole = wrap(whole.array)
                whole.node = base.node
            self._write_through(base, whole)
        self.become(t, new.array)
        if mode.grad and not isinstance(t.node, Leaf):
            t.node = history

    def _put(self, base: Tensor, op: Op, attrs: dict[str, Any], new: Tensor) -> Tensor:
        """What a tensor is with new values in the place that a view of it shows."""
        if op.name == "identity":
            return new
        if op.name == "getitem":
            return self.define(OPS["setitem"], (base, new), attrs)
        if op.name == "reshape":
            return self.define(op, (new,), {"shape": base.shape})
        if op.name == "permute":
            return self.define(op, (new,), {"dims": tuple([attrs["dims"].index(k) for k in range(base.ndim)])})
        raise StaticError(f"writing into a {op.name} of a tensor cannot be traced, because it shows one number in several "
                          "places: write the new values into the tensor itself, as in x[index] = value.")

    def _refresh_views(self, written: Tensor) -> None:
        """Every other living view of the written memory shows what is there from here on."""
        memory = _memory(written)
        self.views = [r for r in self.views if r() is not None]
        for view in [r() for r in self.views]:
            if view is None or view is written or view._view is None or _memory(view) != memory or not _shows(view):
                continue
            base, op, attrs = view._view
            if op.name == "identity":
                view.array = self.tensor_of(base).array
            else:
                again = self.define(op, (base,), attrs)
                view.array, view.node = again.array, None if view.node is None else again.node

    def may_write(self, t: Tensor) -> None:
        """Refuse to write into what has no value yet, or is not part of the graph."""
        root = root_of(t)
        if type(root.array) is not Symbol or isinstance(root.node, Leaf):
            name = root.array.name if type(root.array) is Symbol else describe(root)
            raise StaticError(f"{name!r} cannot be written in place in a graph, where nothing happens before a run: give a "
                              f"Variable its new value with assign(variable, value).")

    def become(self, t: Any, new: Symbol) -> None:
        """Let a tensor stand for `new` from here on."""
        t.array = new

    def _after_assignments(self, x: Any) -> Any:
        """A variable read under control of an assignment to it is what was assigned."""
        if isinstance(x, Symbol) and x.operation.kind == "variable":
            for controls in reversed(self._controls):
                for c in reversed(controls):
                    if c.does == "assign" and c.inputs[0] is x:
                        return c.results[0]
        return x

    def _check_sources(self, operation: Operation) -> None:
        for x in operation.sources:
            if x.operation.graph is not self:
                raise StaticError(f"{operation.does or operation.name} in graph {self.name!r} got "
                                  f"{x.name!r} of another graph ({x.operation.graph.name!r}, defined at {x.line}): a graph "
                                  f"can only compute with its own tensors.")

    def _explain(self, operation: Operation, error: Exception) -> EngineError:
        from ..dispatch import explain
        return explain(operation.op, tuple([wrap(x) if isinstance(x, Symbol) else x for x in operation.inputs]),
                       operation.attrs, error)

    def asked_for_value(self, symbol: Symbol, what: str) -> Any:
        """Python wants a number that does not exist yet."""
        raise NoValueError(
            f"{symbol.name!r} was {what}, but it has no value while the graph is being built: it is a "
            f"{symbol.dtype} {shape_text(symbol.shape)} that session.run will compute.\n  defined at {symbol.line}\n"
            "Fetch it with session.run(...); to choose by its value inside the graph use cond(), where() or "
            f"while_loop().{at_line(learner_line())}")

    # ---- what the engine tells whoever watches
    def emptied(self, leaf: Any) -> None:
        """A leaf's gradient is forgotten, which is nothing to a graph that leaves none behind."""

    def entered(self, module: Any) -> None:
        """A module's forward begins."""
        self._modules.append(self.module)
        self._inside.append(module)
        name = next((n for n, m in getattr(self, "_module_names", {}).items() if m is module), type(module).__name__)
        self.module = f"{self.module}.{name}" if self.module else name
        if self.recorder is not None:
            self.recorder.entered(module)

    def left(self, module: Any) -> None:
        """A module's forward ended."""
        self.module = self._modules.pop()
        self._inside.pop()
        if self.recorder is not None:
            self.recorder.left(module)

    def _nothing(self, *_: Any) -> None:
        """What happens while a graph is built concerns the graph alone."""

    made = seeded = visited = freed = collected = updated = ran = wrote = failed = _nothing

    # ---- looking
    def finalize(self) -> None:
        """Refuse every further operation."""
        self.finalized = True

    def __iter__(self) -> Iterator[Operation]:
        return iter(self.operations)

    def __len__(self) -> int:
        return len(self.operations)

    def __getitem__(self, name: str) -> Operation:
        found = next((o for o in self.operations if o.name == name), None)
        if found is None:
            raise KeyError(f"no operation {name!r} in this graph; there are {', '.join(o.name for o in self.operations)}")
        return found

    def __str__(self) -> str:
        from .show import listing
        return listing(self.operations)

    def __repr__(self) -> str:
        return f"<graph {self.name!r} of {len(self.operations)} operations>"

    def to_dot(self) -> str:
        """The graph in Graphviz's DOT language."""
        from .show import dot
        return dot(self.operations)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        from .show import mimebundle
        return mimebundle(self)


def as_name(text: str) -> str:
    """A tensor's name, which may be any text, as one that an operation can have."""
    return re.sub(r"[^A-Za-z0-9_./\-]|^[/\-]", "_", text) or "tensor"


def _called(tensor: Tensor) -> str:
    """What the learner's code calls a tensor, where that can name an operation."""
    from ..recorder import variable_name
    name = variable_name(tensor, learner_frame()) or ""
    return name if _NAME.match(name) else "variable"


def _copies(index: Any) -> bool:
    """Whether indexing copies what it picks: by arrays and truth values, rather than by numbers and slices."""
    parts = index if isinstance(index, tuple) else (index,)
    return any([isinstance(p, (list, bool, np.bool_)) or bool(getattr(p, "ndim", 0)) for p in parts])


def _memory(t: Tensor) -> int:
    """What tells memory apart: a tensor from outside is its array, whatever tensors hold it; another one is itself."""
    root = root_of(t)
    return id(root if type(root.array) is Symbol else root.array)


def _shows(view: Tensor) -> bool:
    """Whether a view looks into its root: a reshape copies where numbers have to move. It is tried out."""
    root = root_of(view)
    memory = array = root.array
    if type(array) is not np.ndarray:           # of what has no memory yet: as it will lie
        memory = array = np.empty(tuple([hint(n, 0) for n in root.shape]), np.bool_)
    for op, attrs in view_chain(view):
        if first_symbol([v.array if isinstance(v, Tensor) else v for v in leaves(attrs)]) is not None:
            return True                         # a part whose place a run decides
        array = op.forward(np, array, **concrete(attrs, 0))
    return isinstance(array, np.generic) or np.may_share_memory(array, memory)
