# hint: sign
import numpy as np


def softmax_xent(z, y):
    N = len(z)
    shifted = z - z.max(axis=-1, keepdims=True)
    logp = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    truth = np.eye(z.shape[-1])[y]
    losses = -logp[np.arange(N), y]
    return losses.mean(), (truth - np.exp(logp)) / N
