# hint: forgets-outer
from contextlib import contextmanager


class Step:
    """One thing to be computed, or done, later."""

    def __init__(self, kind, inputs=(), value=None, after=()):
        self.kind, self.inputs, self.value, self.after = kind, tuple(inputs), value, tuple(after)


class Program:
    """Steps in the order in which they were written down."""

    def __init__(self):
        self.steps = []
        self.first = []  # what has to run before anything that is put now

    def put(self, kind, inputs=(), value=None):
        """Append a new step, and return it."""
        step = Step(kind, inputs, value, self.first)
        self.steps.append(step)
        return step

    def assign(self, variable, value):
        """A step that gives the variable a new value when it is run."""
        return self.put("assign", [variable, value])

    @contextmanager
    def control_dependencies(self, steps):
        """What is put inside the block runs after these steps."""
        before = self.first
        self.first = [*before, *steps]
        try:
            yield
        finally:
            self.first = []
