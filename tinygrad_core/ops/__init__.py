"""The table of operations: one family a file."""
from . import elementwise, fused, product, recurrent, reduce, shape  # noqa: F401
from .core import OPS, Arrays, Op, arrays, primitive

__all__ = ["OPS", "Arrays", "Op", "arrays", "primitive"]
