"""ScalarGraph: a graph of single numbers whose leaves can be dragged; the browser works out the rest."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import traitlets

from tinygrad_core.recording import Recording, record

from .frame import Frame, as_text, library_of, read_recording

_ONE = ("neg", "abs", "exp", "log", "sqrt", "sin", "cos", "tanh", "sigmoid", "relu")
_TWO = ("add", "sub", "mul", "div", "pow", "maximum", "minimum")
_INPUTS = ("x", "y")


class ScalarGraph(Frame):
    """Drag a leaf and see every value and every slope move at once; on each edge stands its local slope.

    Args:
        what: a recording of single numbers, `with record() as rec: …`, or a function of numbers, called with `leaves`.
        title: what the picture is called; by default the recording's own title.
        result: what the result is called where it has no name of its own; by default y, or out where y is taken.
        predict: ask for each number before it is shown.
        step: the step to start at; by default the last, where all values and slopes are seen.
        leaves: for a function, what each of its arguments is at first: a number, a tensor, or anything whose
            number is in `.data`. The function may use operators, `**`, the operations of the engine, and, as
            methods or by NumPy, `exp`, `log`, `sqrt`, `sin`, `cos`, `tanh`, `sigmoid`, `relu`.

    The browser computes in float64 and needs no kernel. `values` holds the leaves that were moved, by name, and can
    be set; `predictions` lists what the learner answered. Raises `TypeError` for what is neither a recording nor a
    function, and `ValueError` where a node is no single number, or an operation is none that the browser knows.
    """

    _bundle = "scalar"
    _saved: ClassVar[tuple[str, ...]] = ("recording", "values", "predict", "predictions")

    recording = traitlets.Unicode(help="one run, as JSON").tag(sync=True)
    values = traitlets.Dict(help="the leaves that were moved, by name").tag(sync=True)
    predict = traitlets.Bool(False, help="ask before showing").tag(sync=True)
    predictions = traitlets.List(traitlets.Dict(), help="what was asked and answered").tag(sync=True)

    def __init__(
        self, what: Any, *, title: str | None = None, result: str | None = None, predict: bool = False, step: int = -1,
        **leaves: Any,
    ) -> None:
        if callable(what):
            what = _traced(what, leaves)
        elif hasattr(what, "backward") or hasattr(what, "edges"):
            raise TypeError(
                "a result that is already computed does not say by which operations: give the function, "
                "ScalarGraph(lambda a, b: a * b + a, a=2.0, b=3.0), or a recording of the run, "
                "`with record() as rec:` and ScalarGraph(rec)")
        elif leaves:
            raise TypeError(f"a recording brings its own leaves, got {', '.join(leaves)} besides: they belong to a function")
        data = read_recording(what, "ScalarGraph")
        _check(data["events"])
        events = [dict(e) for e in data["events"]]
        root = _root(events)
        if root["name"] is None:
            root["name"] = result or ("out" if any(e.get("name") == "y" for e in events) else "y")
        self._title = title or data.get("meta", {}).get("title") or "Drag a number"
        self._nodes = sum(e["type"] == "define" for e in events)
        data = {**data, "meta": {**data.get("meta", {}), "title": self._title}, "sources": {}, "events": events}
        super().__init__(recording=as_text(data), predict=predict, step=step)

    def __repr__(self) -> str:
        return f"<ScalarGraph of {self._nodes} numbers, {self._title}: run this cell to see it>"


def _root(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The definition of the result: where backward began last, else the last operation."""
    defines = {e["node"]: e for e in events if e["type"] == "define"}
    starts = [e["node"] for e in events if e["type"] == "accumulate" and e["edge"] is None and e["into"] == "node"]
    operations = [node for node, e in defines.items() if e["kind"] == "operation"]
    if not operations:
        raise ValueError("there is no result to look at: no operation was run on the leaves")
    return defines[starts[-1] if starts else operations[-1]]


def _check(events: list[dict[str, Any]]) -> None:
    """Raise unless every node is a single number, made by an operation that the browser knows."""
    for e in events:
        if e["type"] != "define":
            continue
        who = e["name"] or e["op"]
        if e["shape"]:
            raise ValueError(f"a scalar graph is made of single numbers, and {who!r} has shape {tuple(e['shape'])}: "
                             "GraphStepper shows tensors of any shape")
        if e["kind"] == "operation" and e["op"] not in _ONE + _TWO:
            raise ValueError(f"{e['op']!r} is none of the operations that a scalar graph works out by itself: "
                             f"{', '.join(_TWO + _ONE)}. GraphStepper shows it")


def _traced(f: Callable[..., Any], leaves: dict[str, Any]) -> Recording:
    """One run of `f` on stand-ins for its numbers; on tensors where it is written for those."""
    if not leaves:
        raise TypeError("a function needs its numbers: ScalarGraph(lambda a, b: a * b + a, a=2.0, b=3.0)")
    numbers = {name: _number(name, x) for name, x in leaves.items()}
    if not any(hasattr(x, "backward") for x in leaves.values()):
        writing = _Writing()
        try:
            result = f(**{name: writing.leaf(name, x) for name, x in numbers.items()})
        except TypeError as error:
            library = library_of(error)
            if library is None and "_Number" not in str(error):
                raise
            if library is None:
                raise TypeError(f"{error}: a scalar graph knows {', '.join(_TWO + _ONE)}") from None
        else:
            if not isinstance(result, _Number):
                raise TypeError(f"the function's result does not depend on its numbers: it gave {result!r}")
            return Recording(writing.events[: writing.end(result)])
    else:
        library = library_of(next(x for x in leaves.values() if hasattr(x, "backward")))
    with record() as rec:
        tensors = {name: library.tensor(x, dtype=library.float64, requires_grad=True) for name, x in numbers.items()}
        for name, tensor in tensors.items():
            tensor.name = name
        f(**tensors)
    return rec


def _number(name: str, x: Any) -> float:
    """What a leaf is at first, as a plain number."""
    plain = x.item() if hasattr(x, "item") else getattr(x, "data", x)
    if isinstance(plain, bool) or not isinstance(plain, (int, float)) or not math.isfinite(plain):
        raise TypeError(f"leaf {name!r} must be one finite number, got {x!r}")
    return float(plain)


class _Writing:
    """Writes down the operations that stand-ins go through, as events of a recording."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._nodes = self._edges = 0

    def _event(self, type_: str, **fields: Any) -> None:
        self.events.append({"seq": len(self.events), "type": type_, "source": None, "module": "", **fields})

    def _define(self, op: str, kind: str, name: str | None, inputs: list[_Number], graded: bool) -> _Number:
        made = _Number(self, self._nodes, graded)
        self._nodes += 1
        links = []
        for arg, x in zip(_INPUTS, inputs, strict=False):
            links.append({"edge": self._edges, "node": x.node, "arg": arg})
            self._edges += 1
        self._event("define", node=made.node, op=op, kind=kind, name=name, label=name or op, inputs=links,
                    requires_grad=graded, shape=[], dtype="float64", forward="", rules={})
        return made

    def _source(self, kind: str, name: str | None, value: float) -> _Number:
        made = self._define(kind, kind, name, [], kind == "leaf")
        self._event("execute", node=made.node, value={"shape": [], "dtype": "float64", "data": value})
        return made

    def leaf(self, name: str, value: float) -> _Number:
        return self._source("leaf", name, value)

    def operation(self, op: str, *inputs: Any) -> Any:
        numbers = []
        for x in inputs:
            if not isinstance(x, _Number):
                if isinstance(x, bool) or not hasattr(x, "__float__") or getattr(x, "shape", None):
                    return NotImplemented
                x = self._source("constant", None, float(x))
            numbers.append(x)
        return self._define(op, "operation", None, numbers, any(x.graded for x in numbers))

    def end(self, result: _Number) -> int:
        """How many events there are up to the result."""
        return 1 + next(k for k, e in enumerate(self.events) if e["type"] == "define" and e["node"] == result.node)


class _Number:
    """Stands for a number while a function is written down."""

    def __init__(self, writing: _Writing, node: int, graded: bool) -> None:
        self._writing, self.node, self.graded = writing, node, graded

    def _refuse(self, *_: Any) -> Any:
        raise ValueError(
            "a graph that can be dragged holds one way through the function: it cannot take an `if`, a comparison, or "
            "a function of `math` on a number that moves. Use maximum, relu, abs, and x.tanh() or np.tanh(x)")

    __bool__ = __float__ = __int__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __eq__ = __ne__ = _refuse

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"a scalar graph has no operation {name!r}: it knows {', '.join(_TWO + _ONE)}")


def _one(op: str) -> Callable[[_Number], Any]:
    return lambda self: self._writing.operation(op, self)


def _two(op: str, turned: bool = False) -> Callable[[_Number, Any], Any]:
    if turned:
        return lambda self, other: self._writing.operation(op, other, self)
    return lambda self, other: self._writing.operation(op, self, other)


for _name in _ONE:
    setattr(_Number, f"__{_name}__" if _name in ("neg", "abs") else _name, _one(_name))
for _name in _TWO:
    if _name in ("maximum", "minimum"):
        setattr(_Number, _name, _two(_name))
        continue
    _dunder = "truediv" if _name == "div" else _name
    setattr(_Number, f"__{_dunder}__", _two(_name))
    setattr(_Number, f"__r{_dunder}__", _two(_name, turned=True))
