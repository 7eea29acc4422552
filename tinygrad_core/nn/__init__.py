"""nn: what networks are built of, under PyTorch's names."""
from . import functional, init
from .activations import ReLU, Tanh
from .containers import ModuleDict, ModuleList, Sequential
from .layers import Flatten, Identity, Linear
from .losses import CrossEntropyLoss, MSELoss
from .module import Module, Parameter

__all__ = ["CrossEntropyLoss", "Flatten", "Identity", "Linear", "MSELoss", "Module", "ModuleDict", "ModuleList",
           "Parameter", "ReLU", "Sequential", "Tanh", "functional", "init"]
