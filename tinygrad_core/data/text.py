"""Text as numbers, character by character: what small language models learn from."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..tensor import Tensor, wrap
from .datasets import Dataset


class CharacterText(Dataset):
    """Every stretch of `length` characters of a text, with the stretch that begins one character later.

    Args:
        text: the text itself.
        length: how many characters a sample has.
        characters: the alphabet; by default the characters of the text, sorted.

    Sample i is two int64 tensors of shape (length,): what is read, and what comes next at each place.
    """

    whole = True

    def __init__(self, text: str, length: int, characters: str | None = None):
        if not 0 < length < len(text):
            raise ShapeError(f"a text of {len(text)} characters has no stretch of {length} with one more to follow.")
        self.characters, self.length = characters or "".join(sorted(set(text))), length
        self._number = {c: i for i, c in enumerate(self.characters)}
        self.tokens = self.encode(text).array

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], length: int) -> CharacterText:
        """The text of a UTF-8 file."""
        return cls(Path(path).read_text(encoding="utf-8"), length)

    def encode(self, text: str) -> Tensor:
        """The characters' places in the alphabet, (N,) int64."""
        strangers = set(text) - set(self._number)
        if strangers:
            raise ShapeError(f"the alphabet {self.characters!r} has no {min(strangers)!r}.")
        return wrap(np.array([self._number[c] for c in text], np.int64))

    def decode(self, tokens: Any) -> str:
        """The text of places in the alphabet."""
        return "".join(self.characters[int(i)] for i in tokens)

    def __getitem__(self, index: Any) -> tuple[Tensor, Tensor]:
        starts = np.asarray(index)
        if np.any((starts < 0) | (starts >= len(self))):
            raise IndexError(f"there are {len(self)} stretches, and no number {index}")
        places = starts[..., None] + np.arange(self.length)
        return wrap(self.tokens[places]), wrap(self.tokens[places + 1])

    def __len__(self) -> int:
        return len(self.tokens) - self.length
