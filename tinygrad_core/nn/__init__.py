"""nn: what networks are built of, under PyTorch's names."""
from . import functional, init, utils
from .applied import *
from .containers import *
from .layers import *
from .module import Module, Parameter
from .normalization import *
from .recurrent import *
from .transformer import *
