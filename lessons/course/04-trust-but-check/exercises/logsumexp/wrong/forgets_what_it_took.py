# hint: not-back
import numpy as np


def logsumexp(z):
    top = z.max(axis=-1, keepdims=True)
    return np.log(np.exp(z - top).sum(axis=-1))
