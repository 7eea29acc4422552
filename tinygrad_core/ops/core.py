"""What an operation is: one record in one table, and the namespaces in which a gradient rule can be run."""
from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from types import CodeType
from typing import Any

# What a node can keep for its rule, in the order in which it is stored.
OUT, INPUT, SHAPE, ATTR, AUX = range(5)
Rule = Callable[..., Any]


class Op:
    """One operation: its forward computation on arrays and a gradient rule for each input.

    A rule is written once, against a namespace `F`: `rule(F, g, ...)` where `g` is the gradient of the
    output. Given arrays it computes; given Tensors it builds graph, which is what second-order gradients are.
    **A rule's parameter names say what a node must keep**: `out` (the result), an input's name, an input's
    name with `_shape`, or an attribute of the operation. What no rule names is not kept.
    """

    __slots__ = ("name", "label", "forward", "inputs", "variadic", "rules", "keep", "broadcasts", "view", "aux", "backward",
                 "formula", "several", "holds", "notation", "floating", "mixes", "reach", "push", "fast", "save", "lift")

    def __init__(self, name: str, forward: Callable[..., Any], rules: dict[str, Rule], *, label: str | None = None,
                 broadcasts: bool = False, view: bool = False, aux: tuple[str, ...] = (),
                 backward: Rule | None = None, several: bool = False,
                 floating: bool = False, notation: dict[str, str] | None = None):
        code = forward.__code__
        positional = code.co_varnames[1:code.co_argcount]
        self.variadic = bool(code.co_flags & 0x04)
        self.inputs = (code.co_varnames[code.co_argcount + code.co_kwonlyargcount],) if self.variadic else positional
        self.name, self.label, self.forward = name, label or name, forward
        self.broadcasts, self.view, self.aux, self.several = broadcasts, view, aux, several
        self.backward, self.notation = backward, notation or {}
        self.formula: Callable[..., Any] | None = None
        self.floating, self.mixes = floating, floating or (broadcasts and len(positional) > 1)
        unknown = set(rules) - set(self.inputs)
        if unknown:
            raise TypeError(f"{name}: a rule for {unknown}, but its inputs are {self.inputs}")
        self.rules = tuple(rules.get(i) for i in self.inputs)
        self._plan_saving()

    def _plan_saving(self) -> None:
        """From the rules' parameter names: what a node keeps, which inputs' rules read it, in which order."""
        readers: dict[tuple[int, Any], int] = {}
        wanted = [[self.locate(p) for p in parameters(r, 2)] if r else [] for r in self.rules]
        for i, places in enumerate(wanted):
            for place in places:
                readers[place] = readers.get(place, 0) | (-1 if self.variadic else 1 << i)
        always = [self.locate(p) for p in parameters(self.backward, 3)] if self.backward else []
        if self.backward is not None and not any(self.rules):
            always += self._everything()
        readers.update(dict.fromkeys(always, -1))
        self._lay_out(readers, wanted)

    def _everything(self) -> list[tuple[int, Any]]:
        return [(INPUT, i) for i in range(len(self.inputs))] + [(ATTR, n) for n in code_names(self.forward)]

    def keep_everything(self) -> None:
        """Let nodes keep every input and attribute, for a formula that will be run on them again."""
        self._lay_out(dict.fromkeys(self._everything(), -1), [[] for _ in self.rules])

    def _lay_out(self, readers: dict[tuple[int, Any], int], wanted: list[list[tuple[int, Any]]]) -> None:
        order = sorted(readers, key=lambda place: (place[0], str(place[1])))
        self.keep = tuple((kind, key, readers[kind, key]) for kind, key in order)
        self.save = _saver(self.keep, self.variadic)
        self.lift = _lifter(self.keep, self.variadic)
        index = {place: k for k, place in enumerate(order)}
        picks = [[index[p] for p in places] for places in wanted]
        self.push = self.fast = _pusher(self, len(order), picks)
        if self.backward is not None:
            picks = [[index[self.locate(p)] for p in parameters(self.backward, 3)]]
            self.fast = _pusher(self, len(order), picks, self.backward)
        # Which inputs a gradient can reach; None for a variadic operation, whose every input it can.
        whole = self.backward is not None
        self.reach = None if self.variadic else tuple(whole or rule is not None for rule in self.rules)
        self.holds = any(kind in (OUT, INPUT, AUX) for kind, _, _ in self.keep)

    def locate(self, parameter: str) -> tuple[int, Any]:
        """What a rule's parameter stands for: (kind, which one)."""
        if parameter == "out":
            return OUT, 0
        if parameter in self.aux:
            return AUX, self.aux.index(parameter)
        if parameter in self.inputs:
            return INPUT, self.inputs.index(parameter)
        if parameter.endswith("_shape") and parameter[:-6] in self.inputs:
            return SHAPE, self.inputs.index(parameter[:-6])
        if parameter in code_names(self.forward):
            return ATTR, parameter
        raise TypeError(f"{self.name}: a rule asks for {parameter!r}, which the operation does not have")

    def __repr__(self) -> str:
        return f"<op {self.name}>"


def code_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names of a function's keyword-only parameters: an operation's attributes."""
    code = function.__code__
    return code.co_varnames[code.co_argcount:code.co_argcount + code.co_kwonlyargcount]


def parameters(function: Callable[..., Any], skip: int) -> tuple[str, ...]:
    """The names of a function's positional parameters after the first `skip`."""
    return function.__code__.co_varnames[skip:function.__code__.co_argcount]


def through(F: Any, g: Any, *_: Any) -> Any:
    """The rule of an input whose gradient is the result's own; the backward pass knows it and calls nothing."""
    return g


def _pusher(op: Op, saved: int, picks: list[list[int]], backward: Rule | None = None) -> Callable[..., None]:
    """The rules, or `backward` for all inputs at once, as one function of (F, g, parents, saved, shapes).

    It adds each input's gradient to the `g` of its parent, where there is one, and is spelled out because training
    spends its time here. What was saved is read first: where it is not at hand, nothing has been added yet.
    """
    inputs = range(len(op.inputs))
    read = ["".join(f", s{k}" for k in places) for places in picks]
    lines = ["".join(f"s{k}, " for k in range(saved)) + "= saved"] if saved else []
    if backward is None and not any(op.rules):
        lines = ["pass"]
    elif op.variadic:
        lines += [f"for p, d in zip(parents, rule0(F, g{read[0]})):", "    if p is not None and d is not None:",
                  "        p.g = d if p.g is None else p.g + d"]
    else:
        lines.append("".join(f"p{k}, " for k in inputs) + "= parents")
        if backward is not None:
            lines.append("".join(f"d{k}, " for k in inputs) + f"= backward(F.xp, g, parents{read[0]})")
        for k, rule in enumerate(op.rules):
            if backward is not None:
                lines.append(f"if p{k} is not None and d{k} is not None:")
            elif rule is None:
                continue
            else:
                lines += [f"if p{k} is not None:", f"    d{k} = " + ("g" if rule is through else f"rule{k}(F, g{read[k]})")]
                if op.broadcasts:
                    lines += [f"    if shapes is not None and d{k}.shape != shapes[{k}]:",
                              f"        d{k} = F.sum_to(d{k}, shape=shapes[{k}])"]
            lines.append(f"    p{k}.g = d{k} if p{k}.g is None else p{k}.g + d{k}")
    names = {"backward": backward, **{f"rule{k}": rule for k, rule in enumerate(op.rules)}}
    exec(_compiled("def push(F, g, parents, saved, shapes):\n    " + "\n    ".join(lines), "exec"), names)
    return names["push"]


def _written(source: str, **names: Any) -> Callable[..., Any]:
    """The function that a text says; many operations have the same text."""
    return eval(_compiled(source, "eval"), names)


@cache
def _compiled(source: str, mode: str) -> CodeType:
    return compile(source, f"{__file__} (written out)", mode)


def _saver(keep: tuple[tuple[int, Any, int], ...], variadic: bool) -> Callable[..., tuple[Any, ...]]:
    """The plan of what to keep as one function of (out, values, aux, attrs, mask): a node is made at every operation.

    `mask` has a bit for each input that wants a gradient; what none of their rules reads is kept as None.
    """
    terms = []
    for kind, key, readers in keep:
        if kind == OUT:
            term = "out"
        elif kind == INPUT:
            term = "tuple(values)" if variadic else f"values[{key}]"
        elif kind == SHAPE:
            term = "tuple([v.shape for v in values])" if variadic else f"getattr(values[{key}], 'shape', ())"
        elif kind == ATTR:
            term = f"attrs[{key!r}]"
        else:
            term = f"aux[{key}]"
        terms.append(term if readers == -1 or kind in (SHAPE, ATTR) else f"({term} if mask & {readers} else None)")
    return _written(f"lambda out, values, aux, attrs, mask: ({''.join(t + ', ' for t in terms)})")


def _lifter(keep: tuple[tuple[int, Any, int], ...], variadic: bool) -> Callable[..., tuple[Any, ...]]:
    """What was saved with its place in the graph, as one function of (lift, node, saved): `lift(value, its node)`."""
    terms = []
    for k, (kind, key, _) in enumerate(keep):
        if kind == INPUT and variadic:
            terms.append(f"tuple(map(lift, saved[{k}], node.parents))")
        else:
            whose = {OUT: "node", INPUT: f"node.parents[{key}]", AUX: "None"}.get(kind)
            terms.append(f"lift(saved[{k}], {whose})" if whose else f"saved[{k}]")
    return _written(f"lambda lift, node, saved: ({''.join(t + ', ' for t in terms)})")


OPS: dict[str, Op] = {}


def gradient_op(op: Op, arrived: int) -> Op:
    """The backward computation of a fused operation as an operation of its own, for graphs that run later.

    Its inputs are the gradients of the `arrived` results and whatever arrays the node saved; attributes and shapes
    stay attributes, and `needs` says which gradients to compute.
    """
    name = f"{op.name}_backward" + (f"_{arrived}" if op.several else "")
    if name in OPS:
        return OPS[name]
    gradients = [f"g{k}" for k in range(arrived)]
    values = [saved_name(op, kind, key) for kind, key, _ in op.keep if kind in (OUT, INPUT, AUX)]
    attributes = [saved_name(op, kind, key) for kind, key, _ in op.keep if kind in (SHAPE, ATTR)]
    assert op.backward is not None and not op.variadic
    g = f"({', '.join(gradients)},)" if op.several else "g0"
    code = (f"lambda xp, {', '.join(gradients + values)}, *, {', '.join(['needs', *attributes])}: "
            f"tuple(backward(xp, {', '.join([g, 'needs', *parameters(op.backward, 3)])}))")
    OPS[name] = made = Op(name, _written(code, backward=op.backward), {}, label=f"{op.label}′", several=True)
    made.reach = (True,) * len(made.inputs)
    made.keep_everything()
    made.formula = lambda *inputs, **attrs: by_formula[0](op, arrived, inputs, attrs)
    return made


def saved_name(op: Op, kind: int, key: Any) -> str:
    """What a rule calls something that a node saved: the reverse of `Op.locate`."""
    if kind == OUT:
        return "out"
    return op.inputs[key] + "_shape" * (kind == SHAPE) if kind in (INPUT, SHAPE) else op.aux[key] if kind == AUX else key


# Entered by the backward pass, which stands above this table: `by_formula[0]` computes what a `gradient_op` does.
by_formula: list[Callable[..., Any]] = []


def primitive(name: str, forward: Callable[..., Any], /, *, label: str | None = None, broadcasts: bool = False,
              view: bool = False, aux: tuple[str, ...] = (), backward: Rule | None = None,
              several: bool = False, floating: bool = False,
              notation: dict[str, str] | None = None,
              **rules: Rule) -> Op:
    """Enter an operation into the table.

    Args:
        name: the name under which rules and functions find it.
        forward: `forward(xp, *inputs, **attributes)` on arrays of the library `xp`; inputs are positional,
            attributes keyword-only. With `aux` it returns `(out, *aux)`.
        broadcasts: inputs of different shapes are stretched; their gradients are summed back.
        view: the result shares memory with the first input.
        aux: names of by-products of the forward computation that the backward one reads.
        backward: all gradients at once, `backward(xp, g, needs, ...)` on arrays, where rules would be too slow;
            `needs[k]` is true where input k wants its gradient. Without rules beside it, the operation is fused:
            where graph is wanted, the formula it equals (see `equals`) is run again and differentiated.
        several: the forward computation returns a tuple of results; a rule's `g` is the list of their gradients,
            with None for a result that got none.
        floating: integers become floating-point numbers before it.
        notation: how to write the result (`out`) and the gradients of inputs, where it cannot be read off the rules.
        **rules: for each differentiable input its gradient rule; see `Op`.
    """
    if name in OPS:
        raise ValueError(f"two operations are called {name!r}")
    OPS[name] = op = Op(name, forward, rules, label=label, broadcasts=broadcasts, view=view, aux=aux,
                        backward=backward, several=several, floating=floating,
                        notation=notation)
    return op


def equals(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function of tensors as the formula that the operation `name` equals; it stands above this table."""
    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        OPS[name].formula = function
        return function
    return enter


class Arrays:
    """The namespace in which rules compute: every operation, on the arrays of one library."""

    def __init__(self, xp: Any):
        self.xp = xp

    def __getattr__(self, name: str) -> Any:
        if name not in OPS:
            raise AttributeError(name)
        function = partial(OPS[name].forward, self.xp)
        setattr(self, name, function)
        return function


_namespaces: dict[str, Arrays] = {}


def arrays(xp: Any) -> Arrays:
    """The one `Arrays` namespace of a library."""
    space = _namespaces.get(xp.__name__)
    if space is None:
        space = _namespaces[xp.__name__] = Arrays(xp)
    return space
