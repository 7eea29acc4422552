"""How operations and their gradient rules are written: the rules themselves, run on terms in place of numbers."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .core import ATTR, OPS, SHAPE, Op, parameters

# How tightly a term holds together: a weaker one gets brackets inside a stronger one.
_SUM, _PRODUCT, _POWER, _ATOM = range(4)
_TRANSPARENT = {"sum_to", "reshape", "expand", "cast", "alias", "clone", "broadcast_to", "getitem"}


class Term:
    """A piece of written mathematics that takes part in arithmetic."""

    def __init__(self, text: str, strength: int = _ATOM):
        self.text, self.strength = text, strength

    def inside(self, strength: int) -> str:
        """The text, in brackets if it would fall apart inside something of this strength."""
        return self.text if self.strength >= strength else f"({self.text})"

    def __add__(self, other: Any) -> Term:
        return Term(f"{self.text} + {term(other).text}", _SUM)

    def __radd__(self, other: Any) -> Term:
        return term(other) + self

    def __sub__(self, other: Any) -> Term:
        return Term(f"{self.text} − {term(other).inside(_PRODUCT)}", _SUM)

    def __rsub__(self, other: Any) -> Term:
        return term(other) - self

    def __mul__(self, other: Any) -> Term:
        other = term(other)
        if other.text == "0":
            return other
        return Term(f"{self.inside(_PRODUCT)} · {other.inside(_PRODUCT)}", _PRODUCT)

    def __rmul__(self, other: Any) -> Term:
        return term(other) * self

    def __truediv__(self, other: Any) -> Term:
        return Term(f"{self.inside(_PRODUCT)} / {term(other).inside(_POWER)}", _PRODUCT)

    def __rtruediv__(self, other: Any) -> Term:
        return term(other) / self

    def __pow__(self, other: Any) -> Term:
        return Term(f"{self.inside(_ATOM)}^{term(other).inside(_ATOM)}", _POWER)

    def __rpow__(self, other: Any) -> Term:
        return term(other) ** self

    def __neg__(self) -> Term:
        return Term(f"−{self.inside(_PRODUCT)}", _PRODUCT)

    def __abs__(self) -> Term:
        return Term(f"|{self.text}|")

    def _compare(self, sign: str, other: Any) -> Term:
        return Term(f"[{self.text} {sign} {term(other).text}]")

    def __gt__(self, other: Any) -> Term:
        return self._compare(">", other)

    def __lt__(self, other: Any) -> Term:
        return self._compare("<", other)

    def __ge__(self, other: Any) -> Term:
        return self._compare("≥", other)

    def __le__(self, other: Any) -> Term:
        return self._compare("≤", other)

    def __eq__(self, other: Any) -> Term:  # type: ignore[override]
        return self._compare("=", other)

    def __ne__(self, other: Any) -> Term:  # type: ignore[override]
        return self._compare("≠", other)

    __hash__ = None  # type: ignore[assignment]
    dtype = None


def term(value: Any) -> Term:
    """A number or term as a term."""
    return value if isinstance(value, Term) else Term(f"{value:g}" if isinstance(value, (int, float)) else str(value))


class Writing:
    """The namespace in which rules are written down: each function gives its name and its arguments."""

    def __getattr__(self, name: str) -> Callable[..., Term]:
        def function(*args: Any, **attrs: Any) -> Term:
            if name in _TRANSPARENT:
                return term(args[0])
            if name == "matmul":
                return Term(f"{term(args[0]).inside(_PRODUCT)} {term(args[1]).inside(_PRODUCT)}", _PRODUCT)
            if name == "permute":
                return Term(term(args[0]).inside(_ATOM) + "ᵀ")
            if name == "sum":
                return Term(f"Σ {term(args[0]).inside(_PRODUCT)}", _PRODUCT)
            if name == "where":
                return Term(f"{term(args[1]).inside(_PRODUCT)} if {term(args[0]).text} else "
                            f"{term(args[2]).inside(_PRODUCT)}", _SUM)
            return Term(f"{name}({', '.join(term(a).text for a in args)})")
        return function


_writing = Writing()


def forward_notation(op: Op) -> str:
    """The operation's result in terms of its inputs: `{x} · {y}`."""
    if "out" in op.notation:
        return op.notation["out"]
    inputs = [Term("{%s}" % name) for name in op.inputs]
    try:
        written = op.forward(_writing, *inputs)
        return written.text if isinstance(written, Term) else f"{op.label}({', '.join(t.text for t in inputs)})"
    except Exception:
        return f"{op.label}({', '.join(t.text for t in inputs)})"


def rule_notation(op: Op) -> dict[str, str]:
    """For each input the gradient that flows to it, with `{g}` for the gradient that arrives: `{g} · {y}`."""
    written = {}
    for name, rule in zip(op.inputs, op.rules, strict=True):
        if name in op.notation:
            written[name] = op.notation[name]
        elif rule is not None:
            written[name] = _write(op, rule)
    return written


def _write(op: Op, rule: Callable[..., Any]) -> str:
    args = []
    for parameter in parameters(rule, 2):
        kind, _ = op.locate(parameter)
        args.append(None if kind in (SHAPE, ATTR) else Term("{%s}" % parameter))
    try:
        result = rule(_writing, Term("{g}"), *args)
    except Exception:
        return "{g}"            # a rule that only moves elements: the gradient takes the same way back
    return result.text if isinstance(result, Term) else "{g}"


def table() -> list[tuple[str, str, dict[str, str]]]:
    """Every operation with its result and its gradient rules as they are written: (name, result, rules)."""
    return [(name, forward_notation(op), rule_notation(op)) for name, op in sorted(OPS.items())]
