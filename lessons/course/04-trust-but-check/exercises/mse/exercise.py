import numpy as np


def mse(prediction, target):
    """The mean squared difference of two arrays of the same shape."""
    ### BEGIN SOLUTION
    if prediction.shape != target.shape:
        raise ValueError(f"prediction has shape {prediction.shape} and target {target.shape}: they must be equal")
    return np.mean((prediction - target) ** 2)
    ### FADED
    # if ____:
    #     raise ValueError(f"prediction has shape {prediction.shape} and target {target.shape}: they must be equal")
    # return np.mean(____)
    ### END SOLUTION
