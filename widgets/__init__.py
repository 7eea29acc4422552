"""What a learner looks at: pictures that step through a recording. Knows recordings, never the engine's insides."""

from .broadcasting import Broadcasting
from .dynamic_static import DynamicVsStatic
from .monitor import TrainingMonitor
from .optimisers import OptimiserRace
from .parsons import Parsons
from .quiz import BackwardQuiz
from .scalar import ScalarGraph
from .stepper import GraphStepper
from .stepsize import StepSize
from .tape import Tape

__all__ = [
    "BackwardQuiz",
    "Broadcasting",
    "DynamicVsStatic",
    "GraphStepper",
    "OptimiserRace",
    "Parsons",
    "ScalarGraph",
    "StepSize",
    "Tape",
    "TrainingMonitor",
]
