"""Layers with weights that multiply, slide or are looked up; and two that have none, Identity and Flatten."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from .. import functions
from ..errors import ShapeError
from ..functions.arguments import one_of
from ..tensor import Tensor
from . import functional as F
from . import init
from .module import Module, Parameter
from .sliding import Sliding, around

__all__ = ["Bilinear", "Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d", "Embedding", "Flatten", "Identity",
           "Linear", "PReLU"]


def own(module: Module, device: Any, dtype: Any, **shapes: tuple[int, ...] | None) -> None:
    """Give a module parameters of these shapes, by name; None keeps the name free for one, as `bias=False` does."""
    for name, shape in shapes.items():
        new = None if shape is None else Parameter(functions.zeros(shape, device=device, dtype=dtype))
        module.register_parameter(name, new)


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
        own(self, device, dtype, weight=(out_features, in_features), bias=(out_features,) if bias else None)
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
        shape = (out_features, in1_features, in2_features)
        own(self, device, dtype, weight=shape, bias=(out_features,) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new starting values, evenly from ±1/√in1_features."""
        init.by_size(self.in1_features, self.parameters())

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
        self.max_norm, self.norm_type, self.scale_grad_by_freq = max_norm, norm_type, scale_grad_by_freq
        own(self, device, dtype, weight=(num_embeddings, embedding_dim))
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

    slides: ClassVar[Sliding]
    function: ClassVar[Callable[..., Tensor]]
    transposed: ClassVar[bool] = False
    shown = ("in_channels out_channels | kernel_size stride padding=0 dilation=1 output_padding=0 groups=1 bias=True "
             "padding_mode=zeros")

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
                 dilation: Any = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros",
                 device: Any = None, dtype: Any = None):
        super().__init__()
        name, each = type(self).__name__, self.slides.each
        if in_channels % groups or out_channels % groups:
            raise ValueError(f"{name}: in_channels ({in_channels}) and out_channels ({out_channels}) must be "
                             f"multiples of groups ({groups})")
        if self.transposed and padding_mode != "zeros":
            raise ValueError(f"{name} has padding_mode 'zeros' only, got {padding_mode!r}")
        one_of(f"{name}: padding_mode", padding_mode, "zeros", "reflect", "replicate", "circular")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride, self.dilation = each(kernel_size=kernel_size, stride=stride, dilation=dilation)
        self.padding: Any = padding if isinstance(padding, str) else each(padding=padding)[0]
        self.output_padding, self.padding_mode = (0,) * self.slides.n, padding_mode
        channels = (in_channels, out_channels // groups) if self.transposed else (out_channels, in_channels // groups)
        own(self, device, dtype, weight=(*channels, *self.kernel_size), bias=(out_channels,) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new starting values, evenly from ±1/√fan_in."""
        init.by_fan_in(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """The convolution of (N, C, ...), or the transposed one."""
        padding = self.padding
        if self.padding_mode != "zeros":
            widths = around(self.slides, padding, self.kernel_size, self.stride, self.dilation)
            input = F.pad(input, [w for before_and_after in reversed(widths) for w in before_and_after], self.padding_mode)
            padding = 0
        more = {"output_padding": self.output_padding} if self.transposed else {}
        return type(self).function(input, self.weight, self.bias, self.stride, padding, groups=self.groups,
                                   dilation=self.dilation, **more)


class Conv1d(_Conv):
    """`out_channels` kernels slid along sequences (N, in_channels, L); see `functional.conv1d`."""

    slides, function = Sliding("Conv1d", 1), staticmethod(F.conv1d)


class Conv2d(_Conv):
    """`out_channels` kernels slid over images (N, in_channels, H, W).

    Args:
        kernel_size, stride, padding, dilation, groups: as in `functional.conv2d`.
        bias: whether a bias is added to each output channel.
        padding_mode: "zeros", or what the padding repeats: "reflect", "replicate", "circular".

    Weight (out_channels, in_channels/groups, KH, KW) and bias start evenly drawn from ±1/√fan_in.
    """

    slides, function = Sliding("Conv2d", 2), staticmethod(F.conv2d)


class _ConvTranspose(_Conv):
    """What transposed convolutions share: their parameters come in another order."""

    transposed = True

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
                 output_padding: Any = 0, groups: int = 1, bias: bool = True, dilation: Any = 1,
                 padding_mode: str = "zeros", device: Any = None, dtype: Any = None):
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
                         padding_mode, device, dtype)
        self.output_padding, = self.slides.each(output_padding=output_padding)

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        """The transposed convolution; `output_size` chooses among the sizes that the stride leaves open."""
        more = self.output_padding if output_size is None else self._more_for(input, tuple(output_size)[-self.slides.n:])
        return type(self).function(input, self.weight, self.bias, self.stride, self.padding, more, self.groups,
                                   self.dilation)

    def _more_for(self, input: Tensor, wanted: tuple[int, ...]) -> tuple[int, ...]:
        """The output padding that gives the wanted size."""
        least = [(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, s, p, d, k in zip(
            input.shape[-self.slides.n:], self.stride, self.padding, self.dilation, self.kernel_size, strict=True)]
        more = tuple(w - m for w, m in zip(wanted, least, strict=True))
        if any(not 0 <= m < s for m, s in zip(more, self.stride, strict=True)):
            most = [m + s - 1 for m, s in zip(least, self.stride, strict=True)]
            raise ShapeError(f"{type(self).__name__}: an output_size from {least} to {most} is possible here, asked for "
                             f"{list(wanted)}.")
        return more


class ConvTranspose1d(_ConvTranspose):
    """The transposed convolution of sequences (N, in_channels, L); see `functional.conv_transpose1d`."""

    slides, function = Sliding("ConvTranspose1d", 1), staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTranspose):
    """The transposed convolution of images (N, in_channels, H, W); see `functional.conv_transpose2d`."""

    slides, function = Sliding("ConvTranspose2d", 2), staticmethod(F.conv_transpose2d)
