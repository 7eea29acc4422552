"""optim: ways to change parameters so that a loss falls, under PyTorch's names."""
from .adam import Adam
from .optimizer import Optimizer, OptimizerError
from .sgd import SGD

__all__ = ["SGD", "Adam", "Optimizer", "OptimizerError"]
