# hint: unnamed
import numpy as np


def mse(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError("the shapes differ")
    return np.mean((prediction - target) ** 2)
