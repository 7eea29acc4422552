# hint: mean-as-sum
import numpy as np


def reduce_vjp(kind, x, g):
    g = g[..., None]
    top = x == x.max(axis=-1, keepdims=True)
    if kind == "sum":
        return g * np.ones_like(x)
    if kind == "mean":
        return g * np.ones_like(x)
    return g * top / top.sum(axis=-1, keepdims=True)
