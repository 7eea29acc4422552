# hint: drops
import numpy as np


def batches(n, size, rng):
    """The numbers of all examples, mixed, in batches."""
    order = rng.permutation(n)
    return [order[start : start + size] for start in range(0, n - size + 1, size)]
