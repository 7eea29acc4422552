import numpy as np


def softmax_xent(z, y):
    """The mean cross entropy of z for y, and its gradient."""
    N = len(z)
    ### BEGIN SOLUTION
    shifted = z - z.max(axis=-1, keepdims=True)
    logp = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    loss = -logp[np.arange(N), y].mean()
    grad = np.exp(logp)
    grad[np.arange(N), y] -= 1
    return loss, grad / N
    ### FADED
    # shifted = z - ____
    # logp = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    # loss = -logp[np.arange(N), ____].____()
    # grad = np.exp(logp)
    # grad[np.arange(N), y] -= ____
    # return loss, grad / ____
    ### END SOLUTION
