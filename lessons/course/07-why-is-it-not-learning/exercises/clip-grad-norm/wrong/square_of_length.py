# hint: no-root
import numpy as np


def clip_grad_norm(weights, max_norm):
    """Shorten all gradients together to max_norm; the length before."""
    grads = [w.grad for w in weights if w.grad is not None]
    length = sum((g**2).sum() for g in grads)
    if length > max_norm:
        for w in weights:
            if w.grad is not None:
                w.grad = w.grad * (max_norm / length)
    return length
