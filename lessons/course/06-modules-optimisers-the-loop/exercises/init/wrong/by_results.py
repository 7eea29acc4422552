# hint: results-counted
import numpy as np


def begin(n_in, n_out, rng):
    """Random weights that keep the numbers their size through a layer with relu."""
    deviation = (2 / n_out) ** 0.5
    return rng.normal(0.0, deviation, (n_out, n_in))
