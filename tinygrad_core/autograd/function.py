"""Custom functions: an operation that a person writes, forward and backward, in Python."""
from __future__ import annotations

from typing import Any, ClassVar
from weakref import ref

from ..errors import GradError, here, stand
from ..node import Node, Output
from ..ops import Arrays
from ..tensor import Tensor, mode, wrap
from .switches import no_grad, set_grad_enabled


class Context:
    """What a custom function's forward leaves for its backward; the `ctx` of both."""

    def __init__(self, needs: tuple[bool, ...]):
        self.needs_input_grad = needs
        self._saved: tuple[Any, ...] = ()
        self._stiff: set[int] = set()
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

    def _keep_results_as_arrays(self, results: tuple[Tensor, ...]) -> None:
        """A result kept as a tensor would hold the node that holds it: keep its array, and where it belongs."""
        places = {id(t): k for k, t in enumerate(results)}
        self._saved = tuple((t.array, places[id(t)], len(results)) if id(t) in places else t for t in self._saved)

    def _result(self, array: Any, index: int, count: int) -> Tensor:
        t = wrap(array)
        node = self._weak_node()
        if node is not None:
            t.node = node if count == 1 else Output(node, index, count)
        return t


class _CustomOp:
    """Stands in a node where an operation of the table would: runs the person's backward."""

    variadic = holds = True
    broadcasts = False
    backward = formula = None
    keep: tuple[Any, ...] = ()
    inputs, aux, label = ("input",), (), ""
    rules: tuple[Any, ...] = ()
    notation: ClassVar[dict[str, str]] = {}

    def __init__(self, function: type[Function], ctx: Context, inputs: int, outputs: int):
        self.name = function.__name__
        self.function, self.ctx, self.count, self.outputs = function, ctx, inputs, outputs

    @staticmethod
    def lift(_: Any, node: Node, saved: Any) -> Any:
        """What was saved; the context's tensors have their places in the graph."""
        return saved

    def push(self, F: Any, g: Any, parents: Any, saved: Any, _: Any) -> None:
        """Add the gradients of the inputs to those of their nodes."""
        numbers = type(F) is Arrays
        ctx, shapes, *_ = saved
        given = g if isinstance(g, list) else [g]
        grads = [self._zero(shape, dtype) if d is None else wrap(d) if numbers else d
                 for d, (shape, dtype) in zip(given, shapes)]
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
        for p, r in zip(parents, result):
            if p is not None and r is not None:
                d = r.array if numbers else r
                p.g = d if p.g is None else p.g + d

    fast = push

    @staticmethod
    def _zero(shape: tuple[int, ...], dtype: Any) -> Tensor:
        from ..functions import zeros
        return zeros(shape, dtype=dtype)


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
    def backward(ctx: Context, *grads: Tensor) -> Any:
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
        fresh = tuple(wrap(r.array) if any(r is a for a in args) else r for r in results)
        stiff = [id(r) in ctx._stiff for r in results]
        ctx._keep_results_as_arrays(results)
        op = _CustomOp(cls, ctx, len(args), len(results))
        watched = [t.array if isinstance(t, Tensor) else t[0] for t in ctx._saved if t is not None]
        shapes = tuple((r.shape, r.dtype) for r in fresh)
        node = Node(op, parents, (ctx, shapes, *watched))       # type: ignore[arg-type]
        ctx._weak_node = ref(node)
        node.where = here()
        for k, (r, fixed) in enumerate(zip(fresh, stiff, strict=True)):
            if not fixed and r.dtype.kind == "f":
                r.node = node if len(fresh) == 1 else Output(node, k, len(fresh))
        return fresh
