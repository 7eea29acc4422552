import numpy as np


def logsumexp(z):
    """The logarithm of the sum of exp(z) along the last dim."""
    ### BEGIN SOLUTION
    top = z.max(axis=-1, keepdims=True)
    return np.log(np.exp(z - top).sum(axis=-1)) + top[..., 0]
    ### FADED
    # top = z.max(axis=-1, keepdims=True)
    # return np.log(np.exp(____).sum(axis=-1)) + ____
    ### END SOLUTION
