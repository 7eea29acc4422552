"""Static graphs: operations that are defined first and run later, by a session or a traced function."""
from ..symbol import Dim, NoValueError, StaticError, Symbol
from . import operations
from .compile import Compiled, TraceWarning, compile
from .control import cond, scan, while_loop
from .define import *
from .graph import Graph, Operation
from .save import load_graph, save_graph
from .session import FeedError, Plan, Session
from .trace import GraphBreakError
