"""A traced function whose results are differentiated outside: a plan for its forward pass, and one for its backward pass."""
from __future__ import annotations

from typing import Any

from ..autograd import Function
from ..autograd import grad as differentiate
from ..node import Leaf
from ..symbol import StaticError, Symbol
from ..tensor import Tensor, mode, wrap
from .arguments import finished, unwritten
from .pieces import ends
from .program import ancestors, specialise
from .session import Plan


class Joint:
    """The two plans of a trace, and what goes from one to the other."""

    def __init__(self, entry: Any):
        self.entry = entry
        traced, graph = entry.traced, entry.traced.graph
        self.captured = [o.value for o in graph.operations
                         if o.kind == "variable" and isinstance(o.value, Tensor) and isinstance(o.value.node, Leaf)]
        self.inputs = [*traced.placeholders, *[graph._known[id(t.array)][1] for t in self.captured]]
        self.wanted = [k for k, t in enumerate(entry.result_tensors) if t.node is not None]
        forward_end = len(graph.operations)
        with graph:
            self.seeds = [graph.source("placeholder", x.shape, x.dtype, "gradient") for x in
                          (entry.outputs[k] for k in self.wanted)]
            nodes = [*entry.argument_nodes, *[t.node for t in self.captured]]
            sources = [_standing_in(x, node) for x, node in zip(self.inputs, nodes, strict=True)]
            asked = [t for t in sources if t.node is not None]
            grads = differentiate([entry.result_tensors[k] for k in self.wanted], asked, [wrap(s) for s in self.seeds],
                                  retain_graph=True, allow_unused=True)
        found = iter(grads)
        self.grads = [None if t.node is None else next(found) for t in sources]
        made = set(ancestors([g.array for g in self.grads if g is not None]))
        cut = {x for o in made if o.number >= forward_end for x in o.sources if x.operation.number < forward_end
               and x.operation.kind != "constant"}
        self.kept = sorted(cut - set(self.inputs), key=lambda x: (x.operation.number, x.index))
        self.plans: dict[Any, tuple[Plan, Plan]] = {}

    def planned(self, shapes: tuple[Any, ...]) -> tuple[Plan, Plan]:
        """The forward and the backward plan for arguments of these shapes."""
        found = self.plans.get(shapes)
        if found is None:
            entry, graph = self.entry, self.entry.traced.graph
            given = dict(zip(entry.traced.placeholders, shapes, strict=True))
            outputs = [*ends(entry.traced), *self.kept]
            forward = specialise(outputs, given, list(graph.updates.items()))
            known = {x: y.shape for x, y in zip(outputs, forward.outputs, strict=True)}
            behind = {s: known[entry.outputs[k]] for s, k in zip(self.seeds, self.wanted, strict=True)}
            behind.update({x: known[x] for x in self.kept})
            behind.update({x: given.get(x, x.shape) for x in self.inputs})
            backward = specialise([g.array for g in self.grads if g is not None], behind)
            found = self.plans[shapes] = (Plan(forward, entry.backend, len(given)),
                                          Plan(backward, entry.backend, len(behind)))
        return found


def _standing_in(symbol: Symbol, node: Any) -> Tensor:
    t = wrap(symbol)
    t.node = node
    return t


class Both(Function):
    """Runs a joint's plans as one differentiable operation."""

    @staticmethod
    def forward(ctx: Any, joint: Joint, *tensors: Tensor) -> Any:
        traced = joint.entry.traced
        given = list(tensors[:len(traced.placeholders)])
        first, ctx.second = joint.planned(tuple([t.shape for t in given]))
        captured = [t.array.copy() if any([t is v for v in first.changed]) else t.array for t in joint.captured]
        values = unwritten(traced, first.run([t.array for t in given]), given)
        ctx.joint, ctx.kept = joint, values[len(values) - len(joint.kept):]
        ctx.arrays = [*unwritten(traced, [t.array for t in given], given), *captured]
        finished(traced, values, given)
        return tuple([wrap(v) for v in values[:len(joint.entry.outputs)]])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        joint = ctx.joint
        if mode.grad:
            raise StaticError("gradients of gradients do not pass through a compiled function: compute the first gradient "
                              "inside it (autograd.grad(..., create_graph=True)), or leave the function uncompiled.")
        seeds = [grads[k].array for k in joint.wanted]
        found = iter(ctx.second.run([*seeds, *ctx.kept, *ctx.arrays]))
        return (None, *[None if g is None else wrap(next(found)) for g in joint.grads])
