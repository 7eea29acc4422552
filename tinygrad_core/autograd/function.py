"""Custom functions: an operation that a person writes, forward and backward, in Python."""
from __future__ import annotations

from typing import Any, ClassVar
from weakref import ref

from ..errors import GradError, here, stand
from ..functions import zeros
from ..node import Leaf, Node, Output
from ..ops import Arrays, Op
from ..tensor import Tensor, mode, wrap
from .switches import no_grad, set_grad_enabled


class Context:
    """What a custom function's forward leaves for its backward; the `ctx` of both."""

    def __init__(self, needs: tuple[bool, ...]):
        self.needs_input_grad = needs
        self._saved: tuple[Any, ...] = ()
        self._stiff: set[int] = set()
        self._dirty: set[int] = set()
        self._filled = True
        self._weak_node: Any = lambda: None      # weak, because the node holds this context

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors, inputs or results, for backward; a change in place of one of them will be noticed."""
        self._saved = tensors

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """What was kept, with its place in the graph."""
        if not isinstance(getattr(self._weak_node(), "saved", ()), tuple):
            raise GradError("backward ran through this function already, and what it had saved was freed then; pass "
                            "retain_graph=True to the first backward.")
        return tuple(t if t is None or isinstance(t, Tensor) else self._result(*t) for t in self._saved)

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say that these results carry no gradient."""
        self._stiff = {id(t) for t in tensors}

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say that forward wrote into these inputs, and returns them: they are the results then, not copies."""
        self._dirty = {id(t) for t in tensors}

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros for the gradient of a result that nothing depends on; otherwise None."""
        self._filled = value

    def _keep_results_as_arrays(self, results: tuple[Tensor, ...]) -> None:
        """A result kept as a tensor would hold the node that holds it: keep its array, and where it belongs."""
        places = {id(t): k for k, t in enumerate(results)}
        self._saved = tuple((t.array, places[id(t)], len(results)) if id(t) in places else t for t in self._saved)

    def _result(self, array: Any, index: int, count: int) -> Tensor:
        t, node = wrap(array), self._weak_node()
        t.node = None if node is None else _end(node, index, count)
        return t


def _end(node: Node, index: int, count: int) -> Node:
    """Where one of a function's results hangs in the graph."""
    return node if count == 1 else Output(node, index, count)


class _CustomOp:
    """Stands in a node where an operation of the table would: runs the person's backward."""

    variadic = holds = True
    broadcasts = False
    backward = formula = None
    keep: tuple[Any, ...] = ()
    inputs, aux, label = ("input",), (), ""
    rules: tuple[Any, ...] = ()
    notation: ClassVar[dict[str, str]] = {}
    names = Op.names

    def __init__(self, function: type[Function], inputs: tuple[Any, ...]):
        self.name, self.function, self.count = function.__name__, function, len(inputs)
        self.shapes = tuple([x.shape if isinstance(x, Tensor) else None for x in inputs])

    @staticmethod
    def lift(_: Any, node: Node, saved: Any) -> Any:
        """What was saved; the context's tensors have their places in the graph."""
        return saved

    def push(self, F: Any, g: Any, parents: Any, saved: Any, _: Any) -> None:
        """Add the gradients of the inputs to those of their nodes."""
        numbers = type(F) is Arrays
        ctx, shapes, *_ = saved
        grads = [(zeros(shape, dtype=dtype) if ctx._filled else None) if d is None else wrap(d) if numbers else d
                 for d, (shape, dtype) in zip(g if isinstance(g, list) else [g], shapes)]
        place = stand(None)
        try:
            with set_grad_enabled(not numbers):
                result = self.function.backward(ctx, *grads)
        finally:
            stand(place)
        result = result if isinstance(result, tuple) else (result,)
        if len(result) != self.count:
            raise GradError(f"{self.name}.backward returned {len(result)} gradients, and its forward took {self.count} "
                            f"inputs: return one for each, None for those without.")
        for k, (r, shape) in enumerate(zip(result, self.shapes)):
            if r is not None and shape is not None and r.shape != shape:
                raise GradError(f"{self.name}.backward returned a gradient of shape {r.shape} for input {k}, which has "
                                f"shape {shape}; a gradient has the shape of what it is the gradient of.")
        for p, r in zip(parents, result):
            if p is not None and r is not None:
                d = r.array if numbers else r
                p.g = d if p.g is None else p.g + d

    fast = push


class Function:
    """A differentiable operation of one's own.

    Write two static methods in a subclass: `forward(ctx, *inputs)`, which computes on tensors and may keep some
    with `ctx.save_for_backward(...)`, and `backward(ctx, *gradients)`, which gets a gradient for each result
    and returns one for each input, None where there is none. Then call `Subclass.apply(*inputs)`. With
    `setup_context(ctx, inputs, output)` defined, `forward` takes the inputs alone.
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """The computation."""
        raise NotImplementedError("a Function needs a static method forward(ctx, ...)")

    @staticmethod
    def backward(ctx: Context, *grads: Any) -> Any:
        """The gradients of the inputs from those of the results."""
        raise NotImplementedError("a Function needs a static method backward(ctx, ...)")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run the function on tensors and other values."""
        parents = tuple(a.node if isinstance(a, Tensor) else None for a in args)
        ctx = Context(tuple(p is not None for p in parents))
        with no_grad():
            if hasattr(cls, "setup_context"):
                out = cls.forward(*args)
                cls.setup_context(ctx, args, out)
            else:
                out = cls.forward(ctx, *args)
        results = out if isinstance(out, tuple) else (out,)
        if any(p is not None for p in parents) and mode.grad:
            results = cls._link(ctx, args, parents, results)
        return results if isinstance(out, tuple) else results[0]

    @classmethod
    def _link(cls, ctx: Context, args: tuple[Any, ...], parents: tuple[Any, ...],
              results: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The results with a node that will run this function's backward."""
        # A result that is one of the inputs needs a place of its own in the graph.
        fresh = tuple(wrap(r.array) if any(r is a for a in args) and id(r) not in ctx._dirty else r for r in results)
        if any(isinstance(r.node, Leaf) for r in fresh):
            raise GradError(f"{cls.__name__}.forward wrote into a leaf that requires gradients, which would break the link "
                            "between its value and its gradient.")
        ctx._keep_results_as_arrays(results)
        watched = [t.array if isinstance(t, Tensor) else t[0] for t in ctx._saved if t is not None]
        shapes = tuple((r.shape, r.dtype) for r in fresh)
        node = Node(_CustomOp(cls, args), parents, (ctx, shapes, *watched))       # type: ignore[arg-type]
        ctx._weak_node = ref(node)
        node.where = here()
        for k, r in enumerate(fresh):
            if id(results[k]) not in ctx._stiff and r.dtype.kind == "f":
                r.node = _end(node, k, len(fresh))
        return fresh
