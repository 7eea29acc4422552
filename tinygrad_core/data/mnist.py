"""Handwritten digits in the IDX format: MNIST, and Fashion-MNIST, which took over its form."""
from __future__ import annotations

import gzip
import os
import struct
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..errors import EngineError
from ..tensor import Tensor
from .datasets import TensorDataset
from .download import DownloadError, download

_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


class IdxError(EngineError, ValueError):
    """A file that is not whole, or not in the IDX format."""


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """The array that an IDX file holds; the file may be gzipped.

    The format: two zero bytes, a byte for the type, one for the number of dims, the sizes as big-endian 32-bit
    integers, then the elements (Y. LeCun, "The MNIST database of handwritten digits").
    """
    path = Path(path)
    raw = path.read_bytes()
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError) as error:
            raise IdxError(f"{path.name} is not a whole gzip file ({error}): delete it and get it again") from None
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] not in _TYPES:
        raise IdxError(f"{path.name} is not an IDX file: it begins with {raw[:4]!r}")
    dims, dtype = raw[3], np.dtype(_TYPES[raw[2]])
    start = 4 + 4 * dims
    shape = struct.unpack(f">{dims}I", raw[4:start]) if len(raw) >= start else ()
    expected = start + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if len(raw) != expected:
        raise IdxError(f"{path.name} should have {expected} bytes for its shape {shape}, and has {len(raw)}: delete it "
                       "and get it again")
    return np.frombuffer(raw, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


class MNIST(TensorDataset):
    """28 by 28 images of handwritten digits and what they show: 60,000 to train on, 10,000 to test.

    Args:
        root: the folder that holds the four IDX files, gzipped or not, or shall hold them.
        train: the images to train on, or those to test with.
        download: get the files where they are missing (11 MB).
        transform, target_transform: change each image, each label, when it is asked for.

    `images` are float32 from 0 to 1 of shape (N, 1, 28, 28), `labels` int64 of shape (N,). A sample is the
    tuple of one image and its label.
    """

    mirrors: ClassVar[tuple[str, ...]] = ("https://ossci-datasets.s3.amazonaws.com/mnist/",
                                          "https://storage.googleapis.com/cvdf-datasets/mnist/")
    checksums: ClassVar[dict[str, str]] = {
        "train-images-idx3-ubyte": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte": "ec29112dd5afa0611ce80d1b7f02629c"}
    classes: ClassVar[tuple[str, ...]] = tuple("0123456789")

    def __init__(self, root: str | os.PathLike[str], train: bool = True, download: bool = True, *,
                 transform: Callable[[Tensor], Any] | None = None,
                 target_transform: Callable[[Tensor], Any] | None = None):
        part = "train" if train else "t10k"
        images, labels = (read_idx(self._file(Path(root), f"{part}-{what}-ubyte", download))
                          for what in ("images-idx3", "labels-idx1"))
        if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
            raise IdxError(f"the images have shape {images.shape} and the labels {labels.shape}: they do not belong "
                           "together")
        super().__init__(images[:, None] / np.float32(255), labels.astype(np.int64))
        self.transform, self.target_transform = transform, target_transform
        self.whole = transform is None and target_transform is None

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        image, label = super().__getitem__(index)
        return (image if self.transform is None else self.transform(image),
                label if self.target_transform is None else self.target_transform(label))

    @property
    def images(self) -> Tensor:
        """All images, (N, 1, 28, 28)."""
        return self.tensors[0]

    @property
    def labels(self) -> Tensor:
        """What they show, (N,)."""
        return self.tensors[1]

    def _file(self, root: Path, name: str, get: bool) -> Path:
        """The file called `name`, wherever it is usual to put it; downloaded where it is missing."""
        kind = type(self).__name__
        for found in product((root, root / kind / "raw"), (name, f"{name}.gz", f"{kind.lower()}-{name}.gz")):
            if Path(*found).exists():
                return Path(*found)
        if not get:
            raise DownloadError(f"{name} (or {name}.gz) is not in {root}: pass download=True, or put it there. "
                                "data.digits() needs no download.")
        return download([mirror + name + ".gz" for mirror in self.mirrors], root / f"{name}.gz", self.checksums[name])


class FashionMNIST(MNIST):
    """28 by 28 images of clothes, in MNIST's form and numbers but harder (Xiao, Rasul and Vollgraf 2017)."""

    mirrors = ("https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
               "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",)
    checksums: ClassVar[dict[str, str]] = {
        "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310"}
    classes = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
