# hint: max-of-all
import numpy as np


def reduce_vjp(kind, x, g):
    g = g[..., None]
    if kind == "sum":
        return g * np.ones_like(x)
    if kind == "mean":
        return g * np.ones_like(x) / x.shape[-1]
    top = x == x.max()
    return g * top / top.sum()
