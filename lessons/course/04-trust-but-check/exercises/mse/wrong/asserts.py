# hint: asserted
import numpy as np


def mse(prediction, target):
    assert prediction.shape == target.shape, f"{prediction.shape} is not {target.shape}"
    return np.mean((prediction - target) ** 2)
