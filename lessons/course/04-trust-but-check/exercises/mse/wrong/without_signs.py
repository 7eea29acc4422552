# hint: absolute
import numpy as np


def mse(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError(f"{prediction.shape} is not {target.shape}")
    return np.abs(prediction - target).mean()
