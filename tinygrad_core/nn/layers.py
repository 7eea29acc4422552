"""Layers with weights that multiply, slide or are looked up; and two that have none, Identity and Flatten."""
from __future__ import annotations

import math
from typing import Any, ClassVar

from .. import functions
from ..errors import ShapeError
from ..tensor import Tensor
from . import functional as F
from . import init
from .module import Module, Parameter
from .sliding import many

__all__ = ["Bilinear", "Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d", "Embedding", "Flatten", "Identity",
           "Linear", "PReLU"]


def parameter(*shape: int, device: Any = None, dtype: Any = None) -> Parameter:
    """A parameter of zeros, to be given its starting values."""
    return Parameter(functions.zeros(shape, device=device, dtype=dtype))


class Identity(Module):
    """Gives back what it gets; takes any arguments, so that it can stand in for any layer."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__()

    def forward(self, input: Any) -> Any:
        """The input."""
        return input


class Flatten(Module):
    """The dims from `start_dim` to `end_dim` made into one; by default all but the batch."""

    shown = "start_dim end_dim"

    def __init__(self, start_dim: int = 1, end_dim: int = -1):
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        """The input flattened."""
        return functions.flatten(input, self.start_dim, self.end_dim)


class Linear(Module):
    """y = x Wᵀ + b, from (*, in_features) to (*, out_features).

    Args:
        in_features, out_features: sizes of an input row and an output row.
        bias: whether b is there.

    Weight (out_features, in_features) and bias start evenly drawn from ±1/√in_features.
    """

    shown = "in_features out_features bias"

    def __init__(self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None):
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = parameter(out_features, in_features, device=device, dtype=dtype)
        self.register_parameter("bias", parameter(out_features, device=device, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new starting values."""
        init.by_fan_in(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """x Wᵀ + b."""
        return F.linear(input, self.weight, self.bias)


class Bilinear(Module):
    """y = x1ᵀ W x2 + b, from (*, in1_features) and (*, in2_features) to (*, out_features)."""

    shown = "in1_features in2_features out_features bias"

    def __init__(self, in1_features: int, in2_features: int, out_features: int, bias: bool = True, device: Any = None,
                 dtype: Any = None):
        super().__init__()
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        self.weight = parameter(out_features, in1_features, in2_features, device=device, dtype=dtype)
        self.register_parameter("bias", parameter(out_features, device=device, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new starting values, evenly from ±1/√in1_features."""
        bound = 1 / math.sqrt(self.in1_features)
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """x1ᵀ W x2 + b."""
        return F.bilinear(input1, input2, self.weight, self.bias)


class Embedding(Module):
    """A table of `num_embeddings` vectors, looked up by index: (*,) gives (*, embedding_dim).

    Args:
        padding_idx: a row of zeros that is not learned.
        max_norm, norm_type: rows longer than `max_norm` are shortened when they are looked up.
        scale_grad_by_freq: a row's gradient is divided by how often the row is looked up.
        sparse: not to be had; gradients are whole tables.

    The table starts normally distributed.
    """

    shown = "num_embeddings embedding_dim | padding_idx=None max_norm=None norm_type=2.0 scale_grad_by_freq=False"

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None,
                 max_norm: float | None = None, norm_type: float = 2.0, scale_grad_by_freq: bool = False,
                 sparse: bool = False, device: Any = None, dtype: Any = None):
        super().__init__()
        F.refuse_sparse(sparse)
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.weight = parameter(num_embeddings, embedding_dim, device=device, dtype=dtype)
        self.reset_parameters()

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None,
                        max_norm: float | None = None, norm_type: float = 2.0, scale_grad_by_freq: bool = False,
                        sparse: bool = False) -> Embedding:
        """A table that is `embeddings` (V, D); `freeze`: and is not learned."""
        rows, size = embeddings.shape
        table = cls(rows, size, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
        table.weight = Parameter(embeddings, requires_grad=not freeze)
        return table

    def reset_parameters(self) -> None:
        """Draw a new table."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            self.weight.array[self.padding_idx] = 0

    def forward(self, input: Tensor) -> Tensor:
        """The rows at the indices."""
        return F.embedding(input, self.weight, self.padding_idx, self.max_norm, self.norm_type,
                           self.scale_grad_by_freq)


class PReLU(Module):
    """x above 0, weight * x below, with a learned weight for all channels or one for each."""

    shown = "num_parameters"

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None):
        super().__init__()
        self.num_parameters = num_parameters
        self.weight = Parameter(functions.full((num_parameters,), float(init), device=device, dtype=dtype))

    def forward(self, input: Tensor) -> Tensor:
        """The function of each element."""
        return F.prelu(input, self.weight)


# ---- convolution
class _Conv(Module):
    """What convolutions share: their settings, a weight, a bias, how they start and print."""

    n: ClassVar[int]
    transposed: ClassVar[bool] = False
    shown = ("in_channels out_channels | kernel_size stride padding=0 dilation=1 output_padding=0 groups=1 bias=True "
             "padding_mode=zeros")

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any, padding: Any,
                 dilation: Any, groups: int, bias: bool, padding_mode: str, device: Any, dtype: Any,
                 output_padding: Any = 0):
        super().__init__()
        name = type(self).__name__
        if in_channels % groups or out_channels % groups:
            raise ValueError(f"{name}: in_channels ({in_channels}) and out_channels ({out_channels}) must be "
                             f"multiples of groups ({groups})")
        if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
            raise ValueError(f"{name}: padding_mode must be 'zeros', 'reflect', 'replicate' or 'circular', got "
                             f"{padding_mode!r}")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.padding_mode = padding_mode
        self.kernel_size = many(kernel_size, self.n, name, "kernel_size")
        self.stride, self.dilation = many(stride, self.n, name, "stride"), many(dilation, self.n, name, "dilation")
        self.padding: Any = padding if isinstance(padding, str) else many(padding, self.n, name, "padding")
        self.output_padding = many(output_padding, self.n, name, "output_padding")
        channels = (in_channels, out_channels // groups) if self.transposed else (out_channels, in_channels // groups)
        self.weight = parameter(*channels, *self.kernel_size, device=device, dtype=dtype)
        self.register_parameter("bias", parameter(out_channels, device=device, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new starting values, evenly from ±1/√fan_in."""
        init.by_fan_in(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """The convolution of (N, C, ...)."""
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._widths(), self.padding_mode)
            padding = 0
        function = F.conv1d if self.n == 1 else F.conv2d
        return function(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def _widths(self) -> list[int]:
        """The padding as `functional.pad` takes it: from the last dim, before and after."""
        if self.padding == "same":
            totals = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)][::-1]
            return [w for total in totals for w in (total // 2, total - total // 2)]
        padding: tuple[int, ...] = (0,) * self.n if self.padding == "valid" else self.padding
        return [p for p in reversed(padding) for _ in range(2)]


class Conv1d(_Conv):
    """`out_channels` kernels slid along sequences (N, in_channels, L); see `functional.conv1d`."""

    n = 1

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
                 dilation: Any = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros",
                 device: Any = None, dtype: Any = None):
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
                         padding_mode, device, dtype)


class Conv2d(Conv1d):
    """`out_channels` kernels slid over images (N, in_channels, H, W).

    Args:
        kernel_size, stride, padding, dilation, groups: as in `functional.conv2d`.
        bias: whether a bias is added to each output channel.
        padding_mode: "zeros", or what the padding repeats: "reflect", "replicate", "circular".

    Weight (out_channels, in_channels/groups, KH, KW) and bias start evenly drawn from ±1/√fan_in.
    """

    n = 2


class ConvTranspose1d(_Conv):
    """The transposed convolution of sequences (N, in_channels, L); see `functional.conv_transpose1d`."""

    n, transposed = 1, True

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
                 output_padding: Any = 0, groups: int = 1, bias: bool = True, dilation: Any = 1,
                 padding_mode: str = "zeros", device: Any = None, dtype: Any = None):
        if padding_mode != "zeros":
            raise ValueError(f"{type(self).__name__} has padding_mode 'zeros' only, got {padding_mode!r}")
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
                         padding_mode, device, dtype, output_padding)

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        """The transposed convolution; `output_size` chooses among the sizes that the stride leaves open."""
        function = F.conv_transpose1d if self.n == 1 else F.conv_transpose2d
        more = self.output_padding if output_size is None else self._more_for(input, tuple(output_size)[-self.n:])
        return function(input, self.weight, self.bias, self.stride, self.padding, more, self.groups, self.dilation)

    def _more_for(self, input: Tensor, wanted: tuple[int, ...]) -> tuple[int, ...]:
        """The output padding that gives the wanted size."""
        least = [(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, s, p, d, k in zip(
            input.shape[-self.n:], self.stride, self.padding, self.dilation, self.kernel_size, strict=True)]
        more = tuple(w - m for w, m in zip(wanted, least, strict=True))
        if any(not 0 <= m < s for m, s in zip(more, self.stride, strict=True)):
            most = [m + s - 1 for m, s in zip(least, self.stride, strict=True)]
            raise ShapeError(f"{type(self).__name__}: an output_size from {least} to {most} is possible here, asked for "
                             f"{list(wanted)}.")
        return more


class ConvTranspose2d(ConvTranspose1d):
    """The transposed convolution of images (N, in_channels, H, W); see `functional.conv_transpose2d`."""

    n = 2
