"""How operations and their gradient rules are written: the rules themselves, run on terms in place of numbers."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .core import OPS, VALUES, Op, parameters

# How tightly a term holds together: a weaker one gets brackets inside a stronger one.
_SUM, _PRODUCT, _POWER, _ATOM = range(4)


class Term:
    """A piece of written mathematics that takes part in arithmetic."""

    def __init__(self, text: str, strength: int = _ATOM):
        self.text, self.strength = text, strength

    def inside(self, strength: int) -> str:
        """The text, in brackets if it would fall apart inside something of this strength."""
        return self.text if self.strength >= strength else f"({self.text})"

    def __neg__(self) -> Term:
        return Term(f"−{self.inside(_PRODUCT)}", _PRODUCT)

    def __abs__(self) -> Term:
        return Term(f"|{self.text}|")

    __hash__ = None  # type: ignore[assignment]
    dtype = None


def _operator(name: str, sign: str, left: int, right: int, strength: int, form: str = "{}{}{}") -> None:
    """Let terms be written with an operator between them; `left` and `right` say how tightly its sides must hold together."""
    def written(a: Any, b: Any) -> Term:
        a, b = term(a), term(b)
        if name == "mul" and b.text == "0":
            return b
        return Term(form.format(a.inside(left), sign, b.inside(right)), strength)

    setattr(Term, f"__{name}__", written)
    setattr(Term, f"__r{name}__", lambda self, other: written(other, self))


for _name, _sign, _left, _right, _strength in (
        ("add", " + ", _SUM, _SUM, _SUM), ("sub", " − ", _SUM, _PRODUCT, _SUM), ("mul", " · ", _PRODUCT, _PRODUCT, _PRODUCT),
        ("truediv", " / ", _PRODUCT, _POWER, _PRODUCT), ("pow", "^", _ATOM, _ATOM, _POWER)):
    _operator(_name, _sign, _left, _right, _strength)
for _name, _sign in (("gt", ">"), ("lt", "<"), ("ge", "≥"), ("le", "≤"), ("eq", "="), ("ne", "≠")):
    _operator(_name, f" {_sign} ", _SUM, _SUM, _ATOM, "[{}{}{}]")


def term(value: Any) -> Term:
    """A number or term as a term."""
    return value if isinstance(value, Term) else Term(f"{value:g}" if isinstance(value, (int, float)) else str(value))


# Functions that are not written as their name and their arguments.
_WRITTEN: dict[str, Callable[..., Term]] = {
    **dict.fromkeys(("sum_to", "reshape", "expand", "cast", "alias", "clone", "broadcast_to", "getitem"), lambda x, *_: x),
    "matmul": lambda x, y: Term(f"{x.inside(_PRODUCT)} {y.inside(_PRODUCT)}", _PRODUCT),
    "permute": lambda x: Term(x.inside(_ATOM) + "ᵀ"),
    "sum": lambda x: Term(f"Σ {x.inside(_PRODUCT)}", _PRODUCT),
    "where": lambda condition, x, y: Term(f"{x.inside(_PRODUCT)} if {condition.text} else {y.inside(_PRODUCT)}", _SUM)}


class Writing:
    """The namespace in which rules are written down: each function gives its name and its arguments."""

    def __getattr__(self, name: str) -> Callable[..., Term]:
        write = _WRITTEN.get(name) or (lambda *terms: Term(f"{name}({', '.join(t.text for t in terms)})"))
        return lambda *args, **attrs: write(*map(term, args))


_writing = Writing()


def forward_notation(op: Op, count: int | None = None) -> str:
    """The operation's result in terms of its inputs, of which there are `count` where it takes any number: `{x} · {y}`."""
    inputs = [Term("{%s}" % name) for name in op.names(count)]
    called = f"{op.label}({', '.join(t.text for t in inputs)})"
    return op.notation.get("out") or _written(called, lambda: op.forward(_writing, *inputs))


def rule_notation(op: Op, count: int | None = None) -> dict[str, str]:
    """For each input the gradient that flows to it, with `{g}` for the gradient that arrives: `{g} · {y}`."""
    names = op.names(count)
    rules = op.rules * len(names) if op.variadic else op.rules
    return {name: op.notation.get(name) or _rule_written(op, rule) for name, rule in zip(names, rules, strict=True)
            if name in op.notation or rule is not None}


def _rule_written(op: Op, rule: Any) -> str:
    kept = [Term("{%s}" % name) if op.places[name][0] in VALUES else None for name in parameters(rule, 2)]
    # A rule that only moves elements cannot be run on terms: the gradient takes the same way back.
    return _written("{g}", lambda: rule(_writing, Term("{g}"), *kept))


def _written(otherwise: str, run: Callable[[], Any]) -> str:
    """What a computation on terms comes to; where it does not take terms, something else."""
    try:
        result = run()
    except Exception:
        return otherwise
    return result.text if isinstance(result, Term) else otherwise


def table() -> list[tuple[str, str, dict[str, str]]]:
    """Every operation with its result and its gradient rules as they are written: (name, result, rules)."""
    return [(name, forward_notation(op), rule_notation(op)) for name, op in sorted(OPS.items())]
