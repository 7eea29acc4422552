# hint: forgets-outer
from contextlib import contextmanager


class Node:
    """One thing to be computed, or done, later."""

    def __init__(self, kind, inputs=(), value=None, after=()):
        self.kind, self.inputs, self.value, self.after = kind, tuple(inputs), value, tuple(after)


class Graph:
    """Nodes in the order in which they were written down."""

    def __init__(self):
        self.nodes = []
        self.first = []  # what has to run before anything that is put now

    def put(self, kind, inputs=(), value=None):
        """Append a new node, and return it."""
        node = Node(kind, inputs, value, self.first)
        self.nodes.append(node)
        return node

    def assign(self, variable, value):
        """A node that gives the variable a new value when it is run."""
        return self.put("assign", [variable, value])

    @contextmanager
    def control_dependencies(self, nodes):
        """What is put inside the block runs after these nodes."""
        before = self.first
        self.first = list(nodes)
        try:
            yield
        finally:
            self.first = before
