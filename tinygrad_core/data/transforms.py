"""Transforms: small changes to an image before it is learned from, each a function of one sample."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..device import default_generator
from ..errors import ShapeError
from ..functions import tensor
from ..tensor import Tensor, wrap


class Compose:
    """One transform after the other."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]):
        self.transforms = list(transforms)

    def __call__(self, sample: Any) -> Any:
        for transform in self.transforms:
            sample = transform(sample)
        return sample

    def __repr__(self) -> str:
        return f"Compose({', '.join(map(repr, self.transforms))})"


class ToTensor:
    """An image array, (H, W) or (H, W, C) of bytes, as a float32 tensor (C, H, W) from 0 to 1; tensors stay."""

    def __call__(self, image: Any) -> Tensor:
        if isinstance(image, Tensor):
            return image
        array = np.asarray(image)
        array = array[:, :, None] if array.ndim == 2 else array
        if array.ndim != 3:
            raise ShapeError(f"ToTensor needs an image of shape (H, W) or (H, W, C), got {array.shape}.")
        array = array.transpose(2, 0, 1)
        return tensor(array.astype(np.float32) / np.float32(255) if array.dtype == np.uint8 else array)


class Normalize:
    """`(image - mean) / std` for each channel of a (C, H, W) tensor."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]):
        self.mean, self.std = (np.asarray(v, np.float32).reshape(-1, 1, 1) for v in (mean, std))

    def __call__(self, image: Tensor) -> Tensor:
        return (image - tensor(self.mean, device=image.device)) / tensor(self.std, device=image.device)


class Lambda:
    """Any function as a transform."""

    def __init__(self, lambd: Callable[[Any], Any]):
        self.lambd = lambd

    def __call__(self, sample: Any) -> Any:
        return self.lambd(sample)


class RandomHorizontalFlip:
    """The image mirrored left to right with probability `p`."""

    def __init__(self, p: float = 0.5):
        self.p = p

    def __call__(self, image: Tensor) -> Tensor:
        return wrap(image.array[..., ::-1].copy()) if default_generator.stream.random() < self.p else image


class RandomCrop:
    """A piece of `size` from a random place of the image, to which `padding` zeros were added on every side first."""

    def __init__(self, size: int | tuple[int, int], padding: int = 0):
        self.size, self.padding = (size, size) if isinstance(size, int) else size, padding

    def __call__(self, image: Tensor) -> Tensor:
        array = np.pad(image.array, [(0, 0)] * (image.ndim - 2) + [(self.padding,) * 2] * 2)
        room = [have - want for have, want in zip(array.shape[-2:], self.size)]
        if min(room) < 0:
            raise ShapeError(f"RandomCrop wants {self.size} of an image of shape {array.shape}.")
        top, left = (int(default_generator.stream.integers(0, r + 1)) for r in room)
        return wrap(array[..., top:top + self.size[0], left:left + self.size[1]].copy())
