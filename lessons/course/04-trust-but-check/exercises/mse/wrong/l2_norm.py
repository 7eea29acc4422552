# hint: norm
import numpy as np


def mse(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError(f"{prediction.shape} is not {target.shape}")
    return np.sqrt(((prediction - target) ** 2).sum())
