# hint: all-rows
import numpy as np


def logsumexp(z):
    top = z.max()
    return np.log(np.exp(z - top).sum()) + top
