# hint: one-top
import numpy as np


def logsumexp(z):
    return np.log(np.exp(z - z.max()).sum(axis=-1)) + z.max()
