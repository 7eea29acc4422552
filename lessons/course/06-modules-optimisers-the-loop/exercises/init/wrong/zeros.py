# hint: all-equal
import numpy as np


def begin(n_in, n_out, rng):
    """Random weights that keep the numbers their size through a layer with relu."""
    deviation = (2 / n_in) ** 0.5
    return np.zeros((n_out, n_in))
