# hint: overflow
import numpy as np


def logsumexp(z):
    return np.log(np.exp(z).sum(axis=-1))
