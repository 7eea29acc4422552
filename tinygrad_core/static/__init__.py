"""Static graphs: operations that are defined first and run later, by a session or a traced function."""
from ..symbol import Dim, NoValueError, StaticError, Symbol
from . import operations
from .graph import Graph, Operation

__all__ = ["Dim", "Graph", "NoValueError", "Operation", "StaticError", "Symbol"]
