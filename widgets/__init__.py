"""What a learner looks at: pictures that step through a recording. Knows recordings, never the engine's insides."""

from .broadcasting import Broadcasting
from .dynamic_static import DynamicVsStatic
from .parsons import Parsons
from .stepper import GraphStepper

__all__ = ["Broadcasting", "DynamicVsStatic", "GraphStepper", "Parsons"]
