"""tinygrad_core: a small autograd engine that runs the same operations now (dynamic graphs) or later (static ones).

PyTorch's names and semantics: a program that uses what is here runs after `import tinygrad_core as torch`.
"""
from . import autograd, cuda, data, errors, linalg, methods, nn, optim
from .autograd import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from .autograd.functional import vmap
from .device import Device as device
from .device import Generator, get_default_device, manual_seed, set_default_device
from .dtypes import *
from .dtypes import bool_ as bool
from .dtypes import float_ as float
from .dtypes import int_ as int
from .functions import *
from .products import use_compiled_products
from .serialization import load, save
from .tensor import Tensor

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """`compile` and `static` come when they are first asked for: not every program has static graphs."""
    if name in ("static", "compile"):
        import importlib
        static = importlib.import_module(".static", __name__)
        return static if name == "static" else static.compile
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
