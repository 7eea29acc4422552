"""Small sets that come with scikit-learn or are drawn on the spot: no download, ready in milliseconds."""
from __future__ import annotations

import numpy as np

from ..device import Generator, default_generator
from ..errors import EngineError
from ..functions import unsqueeze
from .datasets import TensorDataset


def _sklearn(name: str, numbers: str, scale: float = 1) -> TensorDataset:
    """A set of scikit-learn: its numbers, divided by `scale`, as float32, and its targets as int64."""
    try:
        from sklearn import datasets
    except ImportError as error:
        raise EngineError(f"data.{name} comes with scikit-learn, which is not installed: pip install scikit-learn") from error
    found = getattr(datasets, f"load_{name}")()
    return TensorDataset((found[numbers] / scale).astype(np.float32), found.target.astype(np.int64))


def digits() -> TensorDataset:
    """1,797 handwritten digits of 8 by 8: images (N, 1, 8, 8) float32 from 0 to 1, labels (N,) int64."""
    images, labels = _sklearn("digits", "images", 16).tensors
    return TensorDataset(unsqueeze(images, 1), labels)


def iris() -> TensorDataset:
    """150 irises of three kinds: four lengths in centimetres (N, 4) float32, kinds (N,) int64."""
    return _sklearn("iris", "data")


def moons(n: int = 100, noise: float = 0.1, generator: Generator | None = None) -> TensorDataset:
    """Two half circles that interlock: points (n, 2) float32, which of the two (n,) int64."""
    stream = (generator or default_generator).stream
    upper = n - n // 2
    t = np.concatenate([np.linspace(0, np.pi, upper), np.linspace(0, np.pi, n // 2)])
    second = np.arange(n) >= upper
    points = np.stack([np.where(second, 1 - np.cos(t), np.cos(t)), np.where(second, 0.5 - np.sin(t), np.sin(t))], 1)
    points += noise * stream.standard_normal(points.shape)
    return TensorDataset(points.astype(np.float32), second.astype(np.int64))
