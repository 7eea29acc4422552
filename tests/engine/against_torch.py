"""The same code run by this engine and by PyTorch: values, dtypes, first and second gradients must agree."""
from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_core as tg

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

# float32 sums run in another order in the two; second gradients lose more digits.
TOLERANCE = {"float64": (1e-8, 1e-9), "float32": (2e-4, 2e-5)}
SECOND = {"float64": (1e-7, 1e-8), "float32": (1e-3, 2e-4)}


def compare(code: Any, *arrays: Any, dtypes: tuple[str, ...] = ("float64", "float32"), second: bool = True,
            constants: tuple[Any, ...] = (), seed: int = 0) -> None:
    """Run `code(T, *tensors, *constants)` with T the engine and then torch, and hold the two against each other.

    Args:
        code: returns a tensor or several; `T` is `tinygrad_core` or `torch`.
        arrays: floating-point inputs; gradients with respect to all are compared.
        constants: further inputs, which get no gradient.
        second: compare gradients of gradients too.
    """
    for dtype in dtypes:
        ours = _run(tg, code, [a.astype(dtype) for a in arrays], constants, second, seed)
        theirs = _run(torch, code, [a.astype(dtype) for a in arrays], constants, second, seed)
        assert len(ours) == len(theirs)
        for (what, mine), (_, expected) in zip(ours, theirs, strict=True):
            if mine is None or expected is None:
                # PyTorch gives None where we give zeros, and the other way round, for unused paths.
                present = mine if expected is None else expected
                assert present is None or not np.any(present), f"{what} in {dtype}: {mine} against {expected}"
                continue
            assert mine.shape == expected.shape, f"{what} in {dtype}: shape {mine.shape}, expected {expected.shape}"
            assert mine.dtype == expected.dtype, f"{what} in {dtype}: dtype {mine.dtype}, expected {expected.dtype}"
            rtol, atol = (SECOND if what.startswith("second") else TOLERANCE)[dtype]
            scale = max(1.0, float(np.abs(expected[np.isfinite(expected)]).max(initial=0.0)))
            np.testing.assert_allclose(mine, expected, rtol=rtol, atol=atol * scale, err_msg=f"{what} in {dtype}")


def _run(T: Any, code: Any, arrays: list[Any], constants: Any, second: bool, seed: int) -> list[tuple[str, Any]]:
    rng = np.random.default_rng(seed)
    inputs = [T.tensor(a, requires_grad=True) for a in arrays]
    results = code(T, *inputs, *[T.tensor(c) if isinstance(c, np.ndarray) else c for c in constants])
    results = results if isinstance(results, tuple) else (results,)
    found = [(f"result {k}", _numpy(r)) for k, r in enumerate(results)]
    wanted = [r for r in results if r.requires_grad]
    if not inputs or not wanted:
        return found
    loss = None
    for r in wanted:
        w = T.tensor(np.asarray(rng.standard_normal(tuple(r.shape)), arrays[0].dtype))
        part = (r * w).sum() + (r * r * w).sum() * 0.5
        loss = part if loss is None else loss + part
    firsts = T.autograd.grad(loss, inputs, create_graph=second, allow_unused=True)
    found += [(f"gradient of input {k}", _numpy(g)) for k, g in enumerate(firsts)]
    if not second:
        return found
    total = None
    for g in firsts:
        v = None if g is None else T.tensor(np.asarray(rng.standard_normal(tuple(g.shape)), arrays[0].dtype))
        if v is not None and g.requires_grad:
            total = (g * v).sum() if total is None else total + (g * v).sum()
    seconds = [None] * len(inputs)
    if total is not None and total.requires_grad:
        seconds = T.autograd.grad(total, inputs, allow_unused=True)
    return found + [(f"second gradient of input {k}", _numpy(g)) for k, g in enumerate(seconds)]


def _numpy(t: Any) -> Any:
    return None if t is None else np.asarray(t.detach().numpy())
