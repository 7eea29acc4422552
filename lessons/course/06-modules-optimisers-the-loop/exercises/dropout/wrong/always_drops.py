# hint: always
import numpy as np


def dropout(x, p, training, rng):
    """In training, zeros in random places and the rest made larger; otherwise x."""
    keep = rng.random(x.shape) >= p
    return x * keep / (1 - p)
