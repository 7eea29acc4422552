"""Bodies: graphs that operations of another graph run, made from Python functions; and the bodies of their gradients."""
from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..autograd import enable_grad, no_grad
from ..autograd import grad as differentiate
from ..dispatch import apply
from ..node import Leaf
from ..symbol import Dim, StaticError, Symbol
from ..tensor import Tensor, mode, wrap
from .backends.interpreter import interpreter
from .graph import Graph, fill
from .infer import stand_in
from .passes import optimised
from .program import specialise


class Block:
    """A body: a graph with inputs and outputs, which is run by another graph's operation."""

    def __init__(self, graph: Graph, inputs: Sequence[Symbol], outputs: Sequence[Symbol], backend: str = ""):
        self.graph, self.inputs, self.outputs, self.backend = graph, list(inputs), list(outputs), backend
        self._runs: dict[Any, Any] = {}
        self._gradient: Block | None = None
        self._plain = self
        self._twins: dict[str, Block] = {}
        self._lock = threading.Lock()           # compiled code has one block of memory

    def on(self, backend: str) -> Block:
        """The same body, run by the back end of this name after the passes; without one it runs as it was written.

        "shapes" runs nothing and returns zeros.
        """
        if backend not in self._twins:
            self._twins[backend] = twin = Block(self.graph, self.inputs, self.outputs, backend)
            twin._plain = self
        return self._twins[backend]

    @property
    def draws(self) -> list[Symbol]:
        """The random numbers that are drawn, whether anybody needs them or not, as eager mode does."""
        return [o.results[0] for o in self.graph.operations if o.does == "draw"]

    @property
    def stateful(self) -> bool:
        """Whether two runs may differ."""
        return any(o.stateful for o in self.graph.operations)

    def __call__(self, *arrays: Any) -> list[Any]:
        """The outputs' arrays for the inputs' arrays."""
        shapes = tuple([np.shape(a) for a in arrays])
        with self._lock:
            run = self._runs.get(shapes)
            if run is None:
                run = self._runs[shapes] = self._made(shapes)
            return run(list(arrays))[0][:len(self.outputs)]

    def _made(self, shapes: tuple[tuple[int, ...], ...]) -> Any:
        """What runs the body for inputs of these shapes."""
        from .backends import compiled  # which knows bodies
        program = specialise([*self.outputs, *self.draws], dict(zip(self.inputs, shapes, strict=True)))
        if self.backend == "shapes":
            zeros = [stand_in(x.shape, x.dtype) for x in program.outputs]
            return lambda _: (zeros, [])
        if not self.backend:
            return interpreter(program)
        return compiled(program if self.backend == "c" else optimised(program), self.backend)

    def gradient(self) -> Block:
        """The body that computes the gradients of the inputs from the inputs and the gradients of the outputs.

        Only floating-point inputs have one, and only floating-point outputs bring one; where there is no path it is zeros.
        """
        if self._plain is not self:
            return self._plain.gradient().on(self.backend)
        if self._gradient is None:
            self._gradient = self._differentiated()
        return self._gradient

    def _differentiated(self) -> Block:
        if self.stateful:
            raise StaticError(f"gradients do not pass through random numbers that are drawn inside the {self.graph.name} of "
                              "cond, while_loop or scan: going back would draw others. Draw them outside; scan can go along "
                              "them.")
        graph = Graph(f"{self.graph.name}'s gradient")
        given = [_input(graph, x) for x in self.inputs]
        seeds = [_input(graph, x, "gradient") for x in self.outputs if x.dtype.kind == "f"]
        with graph, enable_grad():
            tensors = [leaf(s) for s in given]
            grads = gone_back(_replayed(self, tensors), tensors, [wrap(s) for s in seeds], True)
        return Block(graph, [*given, *seeds], [graph.tensor_of(g).array for g in grads])


def gone_back(outs: Sequence[Tensor], xs: Sequence[Tensor], seeds: Sequence[Tensor], create_graph: bool) -> list[Tensor]:
    """The gradients of what is floating-point among `xs`, given those of what is among `outs`: zeros where no path leads."""
    asked = [t for t in xs if t.dtype.kind == "f"]
    floats = [t for t in outs if t.dtype.kind == "f"]
    paths = [(t, s) for t, s in zip(floats, seeds, strict=True) if t.node is not None]
    found = differentiate([t for t, _ in paths], asked, [s for _, s in paths], create_graph=create_graph,
                          allow_unused=True) if paths and asked else (None,) * len(asked)
    with no_grad():
        return [t * 0 if g is None else g for t, g in zip(asked, found, strict=True)]


def _input(graph: Graph, like: Symbol, name: str = "") -> Symbol:
    """An input of a body: a placeholder like a symbol of another graph."""
    x = graph.source("placeholder", like.shape, like.dtype, name or like.operation.name.rpartition("/")[2])
    x.shape = tuple([Dim(n.hints, (x, k)) if isinstance(n, Dim) else n for k, n in enumerate(like.shape)])
    return x


def leaf(array: Any) -> Tensor:
    """An array or symbol as a tensor that gradients can be taken with respect to."""
    t = wrap(array)
    if array.dtype.kind == "f":
        t.node = Leaf()
    return t


def _replayed(block: Block, tensors: list[Tensor]) -> list[Tensor]:
    """A body's operations again, on tensors of the graph that is being built, with a tape."""
    known: dict[Symbol, Any] = dict(zip(block.inputs, tensors, strict=True))
    for o in block.graph.operations:
        if o.kind == "constant":
            known[o.results[0]] = wrap(mode.graph.symbol_of(o.value))
        elif o.kind == "operation":
            inputs = tuple([known[x] if isinstance(x, Symbol) else x for x in o.inputs])
            attrs = fill(o.attrs, tuple([t.array if isinstance(t, Tensor) else t for t in inputs]))
            out = apply(o.op, *inputs[:o.operands], **attrs)
            known.update(zip(o.results, out if isinstance(out, tuple) else (out,)))
    return [known[x] for x in block.outputs]


class _Body(Graph):
    """A graph that takes what it needs of the graph around it as inputs."""

    def __init__(self, around: Graph, name: str):
        super().__init__(name)
        self.around = around
        self.taken: dict[Symbol, Symbol] = {}           # a symbol of the graph around -> the input that brings it
        self.outer: dict[Symbol, Tensor] = {}           # and the tensor that it was

    def tensor_of(self, t: Tensor) -> Tensor:
        """A tensor in this body; one from outside comes in as an input, with what it stands for there, or as a constant."""
        if type(t.array) is Symbol and t.array.operation.graph is self:
            return t
        outer = self.around.tensor_of(t)
        made = outer.array.operation
        return wrap(super().symbol_of(made.value) if made.kind == "constant" else self.take(outer))

    def symbol_of(self, array: Any, tensor: Tensor | None = None) -> Symbol:
        """The symbol of an array in this body."""
        own = type(array) is Symbol and array.operation.graph is self
        return array if own else self.tensor_of(wrap(array) if tensor is None else tensor).array

    def take(self, outer: Tensor) -> Symbol:
        """The input that brings a tensor of the graph around."""
        x = outer.array
        if x not in self.taken:
            self.taken[x] = _input(self, x)
            self.outer[x] = outer
        return self.taken[x]


Body = tuple[_Body, list[Symbol], list[Symbol]]            # its graph, its own inputs, its results


def traced(function: Callable[..., Any], around: Graph, name: str, given: Sequence[Tensor] = ()) -> Body:
    """A Python function as a body: its graph, the inputs for `given`, and its results."""
    body = _Body(around, name)
    inputs = [_input(body, t.array) for t in given]
    with body, no_grad():
        results = function(*[wrap(s) for s in inputs])
        flat = list(results) if isinstance(results, (tuple, list)) else [results]
        flat = [body.tensor_of(t if isinstance(t, Tensor) else Tensor(t)).array for t in flat]
    return body, inputs, flat


def as_blocks(bodies: list[Body]) -> tuple[list[Block], list[Tensor]]:
    """Bodies as blocks with one list of what they take from outside, and those tensors."""
    outer: dict[Symbol, Tensor] = {}
    for body, _, _ in bodies:
        outer.update(body.outer)
    made = [Block(body, [*own, *[body.take(t) for t in outer.values()]], results) for body, own, results in bodies]
    return made, list(outer.values())
