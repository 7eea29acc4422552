"""nn: what networks are built of, under PyTorch's names."""
from . import functional, init, utils
from .applied import *  # noqa: F403
from .containers import *  # noqa: F403
from .layers import *  # noqa: F403
from .module import Module, Parameter
from .normalization import *  # noqa: F403
from .recurrent import *  # noqa: F403
from .transformer import *  # noqa: F403
