"""Is a gradient right? Held against slopes measured by small steps."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import GradError
from ..tensor import Tensor
from .engine import grad
from .functional import rows_of
from .switches import enable_grad


def gradcheck(func: Callable[..., Any], inputs: Tensor | Sequence[Any], eps: float = 1e-6, atol: float = 1e-5,
              rtol: float = 1e-3, raise_exception: bool = True) -> bool:
    """Whether the gradients of `func` equal central differences (f(x + eps) - f(x - eps)) / (2 eps).

    Args:
        func: a function of tensors that returns one floating-point tensor or several.
        inputs: its arguments; those to check require gradients and are float64, since in float32 rounding alone
            makes slopes differ.
        eps: the step.
        atol, rtol: how far the two may differ: atol + rtol * |measured|.
        raise_exception: say where they differ in an error; otherwise just return False.
    """
    args = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    checked = [k for k, a in enumerate(args) if isinstance(a, Tensor) and a.requires_grad]
    if not checked:
        raise GradError("gradcheck needs at least one input with requires_grad=True")
    if any(args[k].dtype != np.float64 for k in checked):
        raise GradError("gradcheck needs float64 inputs: in float32 a small step drowns in rounding. Use x.double().")
    outs = _listed(func(*args))
    for o, out in enumerate(outs):
        if not isinstance(out, Tensor) or out.dtype.kind != "f":
            continue
        analytic = _analytic(out, [args[k] for k in checked])
        for k, mine in zip(checked, analytic, strict=True):
            measured = _measured(func, args, k, o, eps)
            if not np.allclose(mine, measured, rtol=rtol, atol=atol):
                if raise_exception:
                    raise GradError(_difference(o, k, mine, measured))
                return False
    return True


def gradgradcheck(func: Callable[..., Any], inputs: Tensor | Sequence[Any], grad_outputs: Any = None,
                  eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3, raise_exception: bool = True) -> bool:
    """Whether the gradients of the gradients of `func` are right; arguments as for `gradcheck`."""
    args = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    outs = [o for o in _listed(func(*args)) if o.requires_grad]
    rng = np.random.default_rng(0)
    given = list(grad_outputs) if grad_outputs is not None else [
        Tensor(rng.standard_normal(o.shape), requires_grad=True) for o in outs]

    def first(*both: Any) -> Any:
        results = [o for o in _listed(func(*both[:len(args)])) if o.requires_grad]
        asked = [x for x in both[:len(args)] if isinstance(x, Tensor) and x.requires_grad]
        found = grad(results, asked, both[len(args):], create_graph=True, allow_unused=True)
        return tuple(g if g is not None else x * 0 for g, x in zip(found, asked, strict=True))

    return gradcheck(first, [*args, *given], eps, atol, rtol, raise_exception)


def _listed(out: Any) -> list[Any]:
    return list(out) if isinstance(out, (tuple, list)) else [out]


def _analytic(out: Tensor, inputs: list[Tensor]) -> list[np.ndarray]:
    """The Jacobian of `out` for each input, (outputs, inputs), from backward passes."""
    rows = rows_of(out, inputs)
    return [np.array([row[k].detach().numpy() for row in rows]).reshape(out.numel(), x.numel()) for k, x in enumerate(inputs)]


def _measured(func: Callable[..., Any], args: list[Any], k: int, o: int, eps: float) -> np.ndarray:
    """The Jacobian of output `o` for input `k` by central differences."""
    base = args[k].detach().numpy()

    def at(place: tuple[int, ...], step: float) -> np.ndarray:
        moved = np.array(base)
        moved[place] += step
        with enable_grad():             # some functions take gradients inside: their inputs must ask for them here too
            given = [Tensor(moved, requires_grad=True) if i == k else a for i, a in enumerate(args)]
            return np.array(_listed(func(*given))[o].detach().numpy(), np.float64).reshape(-1)

    columns = [(at(place, eps) - at(place, -eps)) / (2 * eps) for place in np.ndindex(base.shape)]
    return np.stack(columns, 1) if columns else np.zeros((0, 0))


def _difference(o: int, k: int, mine: np.ndarray, measured: np.ndarray) -> str:
    row, column = np.unravel_index(np.argmax(np.abs(mine - measured)), mine.shape)
    return (f"the gradient of output {o} with respect to input {k} is wrong: d out[{row}] / d in[{column}] (flattened) "
            f"is {mine[row, column]:.6g} by backward and {measured[row, column]:.6g} by small steps")
