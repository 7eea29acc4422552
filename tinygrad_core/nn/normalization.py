"""Modules that bring activations to mean 0 and variance 1: over rows, groups of channels, or batches."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from .. import functions
from ..errors import ShapeError
from ..tensor import Tensor, describe
from ..writes import write
from . import functional as F
from . import init
from .layers import parameter
from .module import Module

__all__ = ["BatchNorm1d", "BatchNorm2d", "GroupNorm", "LayerNorm", "RMSNorm"]


class _Norm(Module):
    """What these share: a weight that starts at one and a bias that starts at zero."""

    def _affine(self, shape: tuple[int, ...], weight: bool, bias: bool, device: Any, dtype: Any) -> None:
        for name, wanted in (("weight", weight), ("bias", bias)):
            self.register_parameter(name, parameter(*shape, device=device, dtype=dtype) if wanted else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight one, bias zero."""
        for name, p in self.named_parameters(recurse=False):
            (init.ones_ if name == "weight" else init.zeros_)(p)


class LayerNorm(_Norm):
    """Each sample normalised over its last dims; see `functional.layer_norm`.

    Args:
        normalized_shape: the sizes of these dims.
        elementwise_affine, bias: whether a weight, and a bias, are learned.
    """

    shown = "normalized_shape | eps elementwise_affine bias"

    def __init__(self, normalized_shape: int | Sequence[int], eps: float = 1e-5, elementwise_affine: bool = True,
                 bias: bool = True, device: Any = None, dtype: Any = None):
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self._affine(self.normalized_shape, elementwise_affine, elementwise_affine and bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """The input normalised."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)


class RMSNorm(_Norm):
    """Each sample divided by the root of its mean square over the last dims; see `functional.rms_norm`."""

    shown = "normalized_shape | eps elementwise_affine"

    def __init__(self, normalized_shape: int | Sequence[int], eps: float | None = None,
                 elementwise_affine: bool = True, device: Any = None, dtype: Any = None):
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self.register_parameter("weight", parameter(*self.normalized_shape, device=device, dtype=dtype)
                                if elementwise_affine else None)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        """The input normalised."""
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)


class GroupNorm(_Norm):
    """Each sample's channels normalised in groups: (N, num_channels, *); see `functional.group_norm`."""

    shown = "num_groups num_channels | eps affine bias"

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True,
                 device: Any = None, dtype: Any = None, *, bias: bool = True):
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"GroupNorm: {num_channels} channels cannot be cut into {num_groups} groups")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self._affine((num_channels,), affine, affine and bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """The input normalised."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)


class BatchNorm1d(_Norm):
    """Each channel of (N, C) or (N, C, L) normalised over the batch; see `functional.batch_norm`.

    Args:
        num_features: the number of channels, C.
        momentum: how far the running mean and variance move towards each training batch's; None for their
            plain average over all batches.
        affine, bias: whether a weight, and a bias, are learned.
        track_running_stats: keep running numbers, and use them outside training.
    """

    ndims: ClassVar[tuple[int, ...]] = (2, 3)
    shown = "num_features | eps momentum affine bias track_running_stats"

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
                 track_running_stats: bool = True, device: Any = None, dtype: Any = None, *, bias: bool = True):
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self._affine((num_features,), affine, affine and bias, device, dtype)
        made = {"device": device, "dtype": dtype}
        self.register_buffer("running_mean", functions.zeros(num_features, **made) if track_running_stats else None)
        self.register_buffer("running_var", functions.ones(num_features, **made) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", functions.tensor(0, device=device) if track_running_stats else None)

    def reset_running_stats(self) -> None:
        """Forget the batches seen so far."""
        if self.track_running_stats:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            init.zeros_(self.num_batches_tracked)

    def forward(self, input: Tensor) -> Tensor:
        """The input normalised."""
        if input.ndim not in self.ndims or input.shape[1] != self.num_features:
            raise ShapeError(f"{type(self).__name__}({self.num_features}) needs an input of "
                             f"{' or '.join(map(str, self.ndims))} dims with {self.num_features} channels as the "
                             f"second, got {describe(input)}.")
        momentum = self.momentum or 0.0
        if self.training and self.track_running_stats:
            write(self.num_batches_tracked, self.num_batches_tracked + 1)
            if self.momentum is None:
                momentum = 1.0 / float(self.num_batches_tracked)
        by_batch = self.training or self.running_mean is None
        return F.batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias, by_batch, momentum,
                            self.eps)


class BatchNorm2d(BatchNorm1d):
    """Each channel of (N, C, H, W) normalised over the batch and its places; see `BatchNorm1d`."""

    ndims = (4,)
