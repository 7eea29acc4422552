"""What a learner looks at: pictures that step through a recording. Knows recordings, never the engine's insides."""

from .dynamic_static import DynamicVsStatic
from .stepper import GraphStepper

__all__ = ["DynamicVsStatic", "GraphStepper"]
