# hint: padded
import numpy as np


def logsumexp(z):
    top = z.max(axis=-1, keepdims=True)
    return np.log(np.exp(z - top).sum(axis=-1) + 1e-7) + top[..., 0]
