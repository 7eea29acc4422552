"""The table of operations: one family a file."""
from . import conv, elementwise, fused, product, random, recurrent, reduce, shape
from .core import OPS, Arrays, Op, arrays, primitive

__all__ = ["OPS", "Arrays", "Op", "arrays", "primitive"]
