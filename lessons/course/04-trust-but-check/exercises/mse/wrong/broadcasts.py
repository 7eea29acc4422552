# hint: silent
import numpy as np


def mse(prediction, target):
    return ((prediction - target) ** 2).mean()
