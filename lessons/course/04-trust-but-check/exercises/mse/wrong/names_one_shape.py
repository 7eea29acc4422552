# hint: unnamed
import numpy as np


def mse(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError(f"prediction has the wrong shape {prediction.shape}")
    return np.mean((prediction - target) ** 2)
