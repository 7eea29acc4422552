import numpy as np


def dropout(x, p, training, rng):
    """In training, zeros in random places and the rest made larger; otherwise x."""
    ### BEGIN SOLUTION
    if not training:
        return x
    keep = rng.random(x.shape) >= p
    return x * keep / (1 - p)
    ### FADED
    # if ____:
    #     return x
    # keep = rng.random(____) >= p
    # return x * keep / ____
    ### END SOLUTION
