# hint: too-large
import numpy as np


def begin(n_in, n_out, rng):
    """Random weights that keep the numbers their size through a layer with relu."""
    deviation = 1.0
    return rng.normal(0.0, deviation, (n_out, n_in))
