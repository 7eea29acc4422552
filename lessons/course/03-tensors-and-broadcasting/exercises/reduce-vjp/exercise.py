import numpy as np


def reduce_vjp(kind, x, g):
    """The gradient of x behind the sum, mean or max of its rows."""
    g = g[..., None]
    if kind == "sum":
        ### BEGIN SOLUTION
        return g * np.ones_like(x)
        ### FADED
        # return g * ____
        ### END SOLUTION
    if kind == "mean":
        ### BEGIN SOLUTION
        return g * np.ones_like(x) / x.shape[-1]
        ### FADED
        # return g * ____ / ____
        ### END SOLUTION
    if kind == "max":
        ### BEGIN SOLUTION
        top = x == x.max(axis=-1, keepdims=True)
        return g * top / top.sum(axis=-1, keepdims=True)
        ### FADED
        # top = x == x.max(axis=-1, keepdims=True)
        # return g * ____ / ____
        ### END SOLUTION
