import numpy as np


def batches(n, size, rng):
    """The numbers of all examples, mixed, in batches."""
    ### BEGIN SOLUTION
    order = rng.permutation(n)
    return [order[start : start + size] for start in range(0, n, size)]
    ### FADED
    # order = ____
    # return [order[start : ____] for start in range(0, n, ____)]
    ### END SOLUTION
