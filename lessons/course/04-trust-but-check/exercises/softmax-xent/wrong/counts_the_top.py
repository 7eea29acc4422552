# hint: top-counted
import numpy as np


def softmax_xent(z, y):
    N = len(z)
    top = z.max(axis=-1, keepdims=True)
    e = np.exp(z - top)
    total = e.sum(axis=-1, keepdims=True)
    losses = np.log(total[:, 0]) + top[:, 0] - z[np.arange(N), y]
    grad = e / total
    grad[np.arange(N), z.argmax(axis=-1)] += 1
    grad[np.arange(N), y] -= 1
    return losses.mean(), grad / N
