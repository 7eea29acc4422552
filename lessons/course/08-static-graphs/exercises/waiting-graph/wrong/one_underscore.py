# hint: same-name
class Node:
    """One thing to be computed later, or kept."""

    def __init__(self, kind, name, inputs=(), value=None):
        self.kind, self.name, self.inputs, self.value = kind, name, tuple(inputs), value


class Graph:
    """Nodes in the order in which they were written down."""

    def __init__(self):
        self.nodes = []

    def put(self, kind, name, inputs=(), value=None):
        """Append a new node, under a name that no other has, and return it."""
        taken = [node.name for node in self.nodes]
        free = f"{name}_1" if name in taken else name
        node = Node(kind, free, inputs, value)
        self.nodes.append(node)
        return node

    def placeholder(self, name):
        """A value that every run is given."""
        return self.put("placeholder", name)

    def constant(self, value):
        """A value that never changes."""
        return self.put("constant", "constant", value=value)

    def variable(self, name, value):
        """A value that is kept from run to run."""
        return self.put("variable", name, value=value)

    def op(self, kind, *inputs):
        """An operation on nodes and plain numbers."""
        nodes = [x if isinstance(x, Node) else self.constant(x) for x in inputs]
        return self.put(kind, kind, nodes)
