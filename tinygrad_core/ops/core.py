"""What an operation is: one record in one table, and the namespaces in which a gradient rule can be run."""
from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from types import CodeType
from typing import Any, NamedTuple

# What a node can keep for its rule, in the order in which it is stored.
OUT, INPUT, SHAPE, ATTR, AUX = range(5)
VALUES = (OUT, INPUT, AUX)      # what of it are arrays
Rule = Callable[..., Any]
OPS: dict[str, Op] = {}


class Kept(NamedTuple):
    """Something that a node keeps: the name under which rules ask for it, its kind, and which one of that kind.

    `readers` has a bit for each input whose rule reads it, and -1 where it is always kept.
    """

    name: str
    kind: int
    key: Any
    readers: int


class Op:
    """One operation: its forward computation on arrays and a gradient rule for each input; made, it stands in the table.

    A rule is written once, against a namespace `F`: `rule(F, g, ...)` where `g` is the gradient of the
    output. Given arrays it computes; given Tensors it builds graph, which is what second-order gradients are.
    **A rule's parameter names say what a node must keep**: `out` (the result), an input's name, an input's
    name with `_shape`, or an attribute of the operation. What no rule names is not kept.

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
        **rules: for each differentiable input its gradient rule.
    """

    __slots__ = ("name", "label", "forward", "inputs", "attributes", "variadic", "rules", "places", "keep", "broadcasts",
                 "view", "aux", "backward", "formula", "several", "holds", "notation", "floating", "mixes", "reach", "push",
                 "fast", "save", "lift")

    def __init__(self, name: str, forward: Callable[..., Any], /, *, label: str | None = None, broadcasts: bool = False,
                 view: bool = False, aux: tuple[str, ...] = (), backward: Rule | None = None, several: bool = False,
                 floating: bool = False, notation: dict[str, str] | None = None, **rules: Rule):
        if name in OPS:
            raise ValueError(f"two operations are called {name!r}")
        code = forward.__code__
        names = code.co_varnames
        positional, last = names[1:code.co_argcount], code.co_argcount + code.co_kwonlyargcount
        self.variadic = bool(code.co_flags & 0x04)
        self.inputs, self.attributes = names[last:last + 1] if self.variadic else positional, names[code.co_argcount:last]
        self.name, self.label, self.forward = name, label or name, forward
        self.broadcasts, self.view, self.aux, self.several = broadcasts, view, aux, several
        self.backward, self.notation = backward, notation or {}
        self.formula: Callable[..., Any] | None = None
        self.floating, self.mixes = floating, floating or (broadcasts and len(positional) > 1)
        unknown = set(rules) - set(self.inputs)
        if unknown:
            raise TypeError(f"{name}: a rule for {unknown}, but its inputs are {self.inputs}")
        self.rules = tuple(rules.get(i) for i in self.inputs)
        self.places = {"out": (OUT, 0), **{n: (INPUT, i) for i, n in enumerate(self.inputs)},
                       **{n + "_shape": (SHAPE, i) for i, n in enumerate(self.inputs)},
                       **{n: (ATTR, n) for n in sorted(self.attributes)}, **{n: (AUX, i) for i, n in enumerate(aux)}}
        self._plan_saving()
        OPS[name] = self

    def _plan_saving(self) -> None:
        """From the rules' parameter names: what a node keeps, and which inputs' rules read it."""
        readers: dict[str, int] = {}
        for i, rule in enumerate(self.rules):
            for name in parameters(rule, 2):
                readers[name] = readers.get(name, 0) | (-1 if self.variadic else 1 << i)
        always = parameters(self.backward, 3)
        if self.backward is not None and not any(self.rules):
            always += self.inputs + self.attributes
        self._lay_out({**readers, **dict.fromkeys(always, -1)})

    def keep_everything(self) -> None:
        """Let nodes keep every input and attribute, for a formula that will be run on them again."""
        self._lay_out(dict.fromkeys(self.inputs + self.attributes, -1))

    def _lay_out(self, readers: dict[str, int]) -> None:
        for name in readers:
            if name not in self.places:
                raise TypeError(f"{self.name}: a rule asks for {name!r}, which the operation does not have")
        self.keep = tuple(Kept(name, *place, readers[name]) for name, place in self.places.items() if name in readers)
        texts = _TEXTS_OF_ALL if self.variadic else _TEXTS
        self.save, self.lift = _saver(self.keep, texts), _lifter(self.keep, texts)
        self.push = self._pusher()
        self.fast = self._pusher(self.backward) if self.backward else self.push
        # Which inputs a gradient can reach; None for a variadic operation, whose every input it can.
        self.reach = None if self.variadic else tuple(bool(self.backward or rule) for rule in self.rules)
        self.holds = any(kept.kind in VALUES for kept in self.keep)

    def _pusher(self, backward: Rule | None = None) -> Callable[..., None]:
        """The rules, or `backward` for all inputs at once, as one function of (F, g, parents, saved, shapes).

        It adds each input's gradient to the `g` of its parent, where there is one, and is spelled out because training
        spends its time here. What was saved is read first: where it is not at hand, nothing has been added yet.
        """
        numbers = range(len(self.inputs))
        lines = ["def push(F, g, parents, saved, shapes):", f"[{', '.join(kept.name + '_' for kept in self.keep)}] = saved"]
        if self.variadic:
            lines += [f"for p, d in zip(parents, rule0(F, g{_read(self.rules[0])}) if rule0 else ()):",
                      "    if p is not None and d is not None:", "        p.g = d if p.g is None else p.g + d"]
        else:
            lines.append(f"[{', '.join(f'p{k}' for k in numbers)}] = parents")
        if backward:
            lines.append(f"[{', '.join(f'd{k}' for k in numbers)}] = backward(F.xp, g, parents{_read(backward, 3)})")
        for k, rule in enumerate(() if self.variadic else self.rules):
            if backward:
                lines.append(f"if p{k} is not None and d{k} is not None:")
            elif rule:
                slope = "g" if rule is through else f"rule{k}(F, g{_read(rule)})"
                lines += [f"if p{k} is not None:", f"    d{k} = {slope}"]
                if self.broadcasts:
                    lines += [f"    if shapes is not None and d{k}.shape != shapes[{k}]:",
                              f"        d{k} = F.sum_to(d{k}, shape=shapes[{k}])"]
            if backward or rule:
                lines.append(f"    p{k}.g = d{k} if p{k}.g is None else p{k}.g + d{k}")
        names: dict[str, Any] = {"backward": backward, **{f"rule{k}": rule for k, rule in enumerate(self.rules)}}
        exec(_compiled("\n    ".join(lines), "exec"), names)
        return names["push"]

    def names(self, count: int | None = None) -> tuple[str, ...]:
        """The names of its inputs; where it takes any number of them, of `count` ones."""
        if count is None or not self.variadic:
            return self.inputs
        return tuple(f"{self.inputs[0]}{k}" for k in range(count))

    def __repr__(self) -> str:
        return f"<op {self.name}>"


primitive = Op                  # as the entries of the table read: primitive("sin", ...)


def parameters(function: Callable[..., Any] | None, skip: int) -> tuple[str, ...]:
    """The names of a function's positional parameters after the first `skip`; none where there is no function."""
    return () if function is None else function.__code__.co_varnames[skip:function.__code__.co_argcount]


def _read(rule: Rule | None, skip: int = 2) -> str:
    """What a rule reads of what was saved, as its further arguments."""
    return "".join([f", {name}_" for name in parameters(rule, skip)])


def through(F: Any, g: Any, *_: Any) -> Any:
    """The rule of an input whose gradient is the result's own; the backward pass knows it and calls nothing."""
    return g


def _written(source: str, **names: Any) -> Callable[..., Any]:
    """The function that a text says; many operations have the same text."""
    return eval(_compiled(source, "eval"), names)


@cache
def _compiled(source: str, mode: str) -> CodeType:
    return compile(source, f"{__file__} (written out)", mode)


# For each kind the text that saves it, and the one that gives it its place in the graph again.
_TEXTS = {OUT: ("out", "lift(saved[{k}], node)"), INPUT: ("values[{key}]", "lift(saved[{k}], node.parents[{key}])"),
          SHAPE: ("getattr(values[{key}], 'shape', ())", "saved[{k}]"), ATTR: ("attrs[{key!r}]", "saved[{k}]"),
          AUX: ("aux[{key}]", "lift(saved[{k}], None)")}
_TEXTS_OF_ALL = {**_TEXTS, INPUT: ("tuple(values)", "tuple(map(lift, saved[{k}], node.parents))"),
                 SHAPE: ("tuple([v.shape for v in values])", "saved[{k}]")}


def _saver(keep: tuple[Kept, ...], texts: dict[int, tuple[str, str]]) -> Callable[..., tuple[Any, ...]]:
    """The plan of what to keep as one function of (out, values, aux, attrs, mask): a node is made at every operation.

    `mask` has a bit for each input that wants a gradient; what none of their rules reads is kept as None.
    """
    terms = ""
    for _, kind, key, readers in keep:
        term = texts[kind][0].format(key=key)
        terms += f"{term}, " if readers == -1 or kind in (SHAPE, ATTR) else f"{term} if mask & {readers} else None, "
    return _written(f"lambda out, values, aux, attrs, mask: ({terms})")


def _lifter(keep: tuple[Kept, ...], texts: dict[int, tuple[str, str]]) -> Callable[..., tuple[Any, ...]]:
    """What was saved with its place in the graph, as one function of (lift, node, saved): `lift(value, its node)`."""
    terms = [texts[kept.kind][1].format(k=k, key=kept.key) + ", " for k, kept in enumerate(keep)]
    return _written(f"lambda lift, node, saved: ({''.join(terms)})")


def gradient_op(op: Op, arrived: int) -> Op:
    """The backward computation of a fused operation as an operation of its own, for graphs that run later.

    Its inputs are the gradients of the `arrived` results and whatever arrays the node saved; attributes and shapes
    stay attributes, and `needs` says which gradients to compute.
    """
    name = f"{op.name}_backward" + (f"_{arrived}" if op.several else "")
    if name in OPS:
        return OPS[name]
    gradients = [f"g{k}" for k in range(arrived)]
    values = [kept.name for kept in op.keep if kept.kind in VALUES]
    attributes = [kept.name for kept in op.keep if kept.kind not in VALUES]
    assert op.backward is not None and not op.variadic
    g = f"[{', '.join(gradients)}]" if op.several else "g0"
    code = (f"lambda xp, {', '.join(gradients + values)}, *, {', '.join(['needs', *attributes])}: "
            f"tuple(backward(xp, {', '.join([g, 'needs', *parameters(op.backward, 3)])}))")
    made = Op(name, _written(code, backward=op.backward), label=f"{op.label}′", several=True)
    made.keep_everything()
    made.reach = (True,) * len(made.inputs)     # it can be differentiated in its turn, by its formula

    def formula(*inputs: Any, needs: tuple[bool, ...], **attrs: Any) -> tuple[Any, ...]:
        g = list(inputs[:arrived]) if op.several else inputs[0]
        return tuple(by_formula[0](op, {**attrs, **dict(zip(values, inputs[arrived:]))}, g, needs))

    made.formula = formula
    return made


# Entered by the backward pass, which stands above this table: `by_formula[0]` differentiates the formula that a fused
# operation equals.
by_formula: list[Callable[..., Any]] = []


def equals(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function of tensors as the formula that the operation `name` equals; it stands above this table."""
    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        OPS[name].formula = function
        return function
    return enter


class Namespace:
    """Every operation of the table under its name, as the function that `callable_of` makes of it at the first use."""

    def __init__(self, callable_of: Callable[[Op], Callable[..., Any]]):
        self._callable_of = callable_of

    def __getattr__(self, name: str) -> Any:
        if name not in OPS:
            raise AttributeError(name)
        function = self._callable_of(OPS[name])
        setattr(self, name, function)
        return function


class Arrays(Namespace):
    """The namespace in which rules compute: every operation, on the arrays of one library."""

    def __init__(self, xp: Any):
        super().__init__(lambda op: partial(op.forward, xp))
        self.xp = xp


@cache
def arrays(xp: Any) -> Arrays:
    """The one `Arrays` namespace of a library."""
    return Arrays(xp)
