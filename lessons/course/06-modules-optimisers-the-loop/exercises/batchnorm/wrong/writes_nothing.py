# hint: never-moves
import numpy as np


class BatchNorm:
    """Columns of mean 0 and deviation 1, in training and in use."""

    def __init__(self, features, eps=1e-5, momentum=0.1):
        self.eps, self.momentum, self.training = eps, momentum, True
        self.running_mean, self.running_var = np.zeros(features), np.ones(features)

    def __call__(self, x):
        """The columns of x, normalised."""
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var = x.mean(axis=0), x.var(axis=0)
        return (x - mean) / np.sqrt(var + self.eps)
