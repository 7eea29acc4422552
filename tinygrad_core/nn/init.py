"""Starting values for parameters: each function fills a tensor in place, unseen by gradients, and returns it."""
from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ..device import Generator, array_module, default_generator
from ..errors import ShapeError
from ..functions.arguments import one_of as _one_of
from ..tensor import Tensor
from ..writes import fill as _fill


def _stream(tensor: Tensor, generator: Generator | None) -> Any:
    """The random stream on the tensor's device."""
    return (generator or default_generator).on(tensor.device)


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Numbers drawn evenly from [a, b)."""
    return _fill(tensor, _stream(tensor, generator).random(tensor.shape) * (b - a) + a)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Numbers drawn from the normal distribution."""
    return _fill(tensor, _stream(tensor, generator).standard_normal(tensor.shape) * std + mean)


def trunc_normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0,
                  generator: Generator | None = None) -> Tensor:
    """Normally distributed numbers; those outside [a, b] are drawn again."""
    stream = _stream(tensor, generator)
    values = stream.standard_normal(tensor.shape) * std + mean
    while (outside := (values < a) | (values > b)).any():
        values[outside] = stream.standard_normal(int(outside.sum())) * std + mean
    return _fill(tensor, values)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """One number everywhere."""
    return _fill(tensor, val)


def zeros_(tensor: Tensor) -> Tensor:
    """Zeros."""
    return _fill(tensor, 0)


def ones_(tensor: Tensor) -> Tensor:
    """Ones."""
    return _fill(tensor, 1)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix."""
    return _fill(tensor, array_module(tensor.array).eye(*tensor.shape))


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor on the deviation that keeps a signal's size through a nonlinearity; `param`: leaky_relu's slope."""
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    known = {"tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4, **dict.fromkeys(
        ("linear", "sigmoid", "conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d"), 1.0)}
    if nonlinearity not in known:
        raise ValueError(f"calculate_gain knows leaky_relu, {', '.join(known)}; got {nonlinearity!r}")
    return known[nonlinearity]


def fans(tensor: Tensor) -> tuple[int, int]:
    """How many numbers each output is made of, and how many outputs each input goes to: (fan_in, fan_out)."""
    if tensor.ndim < 2:
        raise ShapeError("an initialisation by fan needs a weight with at least two dims (out, in, ...), got "
                         f"{tensor.shape}.")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Evenly from ±gain √(6 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
    bound = gain * math.sqrt(6 / sum(fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with deviation gain √(2 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(fans(tensor))), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fan = fans(tensor)[_one_of("mode", mode, "fan_in", "fan_out") == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(max(1, fan))


def kaiming_uniform_(tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
                     generator: Generator | None = None) -> Tensor:
    """Evenly from ±gain √(3 / fan) (He et al. 2015); `a` is the leaky_relu's slope."""
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
                    generator: Generator | None = None) -> Tensor:
    """Normal with deviation gain / √fan (He et al. 2015); `a` is the leaky_relu's slope."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Rows, or columns if there are fewer, of length `gain` at right angles (Saxe et al. 2013)."""
    fans(tensor)
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    xp, stream = array_module(tensor.array), _stream(tensor, generator)
    q, r = xp.linalg.qr(stream.standard_normal((max(rows, columns), min(rows, columns))))
    q = q * xp.sign(xp.diag(r))             # makes the distribution uniform
    return _fill(tensor, gain * (q if rows >= columns else q.T).reshape(tensor.shape))


def by_size(n: int, tensors: Iterable[Tensor | None]) -> None:
    """PyTorch's default for most layers: evenly from ±1/√n."""
    bound = 1 / math.sqrt(n) if n else 0.0
    for tensor in tensors:
        if tensor is not None:
            uniform_(tensor, -bound, bound)


def by_fan_in(weight: Tensor, bias: Tensor | None) -> None:
    """`by_size` for layers with a weight and a bias, n being how many numbers each output is made of."""
    by_size(math.prod(weight.shape[1:]), (weight, bias))
