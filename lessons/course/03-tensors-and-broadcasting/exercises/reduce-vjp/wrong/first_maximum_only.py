# hint: ties-first
import numpy as np


def reduce_vjp(kind, x, g):
    g = g[..., None]
    top = x == x.max(axis=-1, keepdims=True)
    if kind == "sum":
        return g * np.ones_like(x)
    if kind == "mean":
        return g * np.ones_like(x) / x.shape[-1]
    return g * (np.arange(x.shape[-1]) == x.argmax(axis=-1)[..., None])
