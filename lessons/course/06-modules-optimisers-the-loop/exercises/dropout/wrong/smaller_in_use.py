# hint: scaled-in-use
import numpy as np


def dropout(x, p, training, rng):
    """In training, zeros in random places and the rest made larger; otherwise x."""
    if not training:
        return x * (1 - p)
    keep = rng.random(x.shape) >= p
    return x * keep / (1 - p)
