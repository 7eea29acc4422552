"""The functions of the top namespace, under PyTorch's names: each checks its arguments and runs primitives."""
from . import creation, elementwise, products, reductions, shape
from .arguments import dims
from .creation import *
from .elementwise import *
from .products import *
from .reductions import *
from .shape import *

# A module's `*` would bring its imports along; these are its own functions.
__all__ = [name for module in (creation, elementwise, products, reductions, shape)
           for name, value in vars(module).items()
           if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__]
