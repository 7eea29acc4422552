import numpy as np


class BatchNorm:
    """Columns of mean 0 and deviation 1, in training and in use."""

    def __init__(self, features, eps=1e-5, momentum=0.1):
        self.eps, self.momentum, self.training = eps, momentum, True
        self.running_mean, self.running_var = np.zeros(features), np.ones(features)

    def __call__(self, x):
        """The columns of x, normalised."""
        ### BEGIN SOLUTION
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var = x.mean(axis=0), x.var(axis=0)
            new, kept = self.momentum, 1 - self.momentum
            self.running_mean = kept * self.running_mean + new * mean
            self.running_var = kept * self.running_var + new * x.var(axis=0, ddof=1)
        return (x - mean) / np.sqrt(var + self.eps)
        ### FADED
        # mean, var = self.running_mean, self.running_var
        # if ____:
        #     mean, var = ____
        #     new, kept = self.momentum, 1 - self.momentum
        #     self.running_mean = ____ * self.running_mean + ____ * mean
        #     self.running_var = ____
        # return ____
        ### END SOLUTION
