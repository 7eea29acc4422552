"""Modules that bring activations to mean 0 and variance 1: over rows, groups of channels, or batches."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from .. import functions
from ..errors import ShapeError
from ..tensor import Tensor, describe
from ..writes import write
from . import functional as F
from . import init
from .layers import own
from .module import Module

__all__ = ["BatchNorm1d", "BatchNorm2d", "GroupNorm", "LayerNorm", "RMSNorm"]


class _Norm(Module):
    """What these share: a weight and running variances that start at one, a bias and running means that start at zero."""

    def _affine(self, device: Any, dtype: Any, *shape: int, **wanted: bool) -> None:
        """Own a parameter of this shape under each name that is wanted, and keep the other names free."""
        own(self, device, dtype, **{name: shape if there else None for name, there in wanted.items()})
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight one, bias zero."""
        _start(self.named_parameters(recurse=False))


def _start(tensors: Iterable[tuple[str, Tensor]]) -> None:
    for name, t in tensors:
        (init.ones_ if name in ("weight", "running_var") else init.zeros_)(t)


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
        self._affine(device, dtype, *self.normalized_shape, weight=elementwise_affine, bias=elementwise_affine and bias)

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
        self._affine(device, dtype, *self.normalized_shape, weight=elementwise_affine)

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
        self._affine(device, dtype, num_channels, weight=affine, bias=affine and bias)

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
        self._affine(device, dtype, num_features, weight=affine, bias=affine and bias)
        made = {"device": device, "dtype": dtype}
        self.register_buffer("running_mean", functions.zeros(num_features, **made) if track_running_stats else None)
        self.register_buffer("running_var", functions.ones(num_features, **made) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", functions.tensor(0, device=device) if track_running_stats else None)

    def reset_running_stats(self) -> None:
        """Forget the batches seen so far."""
        _start(self.named_buffers(recurse=False))

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
