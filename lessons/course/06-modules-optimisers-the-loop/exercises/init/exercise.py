import numpy as np


def begin(n_in, n_out, rng):
    """Random weights that keep the numbers their size through a layer with relu."""
    ### BEGIN SOLUTION
    deviation = (2 / n_in) ** 0.5
    return rng.normal(0.0, deviation, (n_out, n_in))
    ### FADED
    # deviation = ____
    # return rng.normal(0.0, deviation, ____)
    ### END SOLUTION
