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
        ### BEGIN SOLUTION
        taken = [node.name for node in self.nodes]
        free, number = name, 0
        while free in taken:
            number += 1
            free = f"{name}_{number}"
        node = Node(kind, free, inputs, value)
        self.nodes.append(node)
        return node
        ### FADED
        # taken = [node.name for node in self.nodes]
        # free, number = name, 0
        # while ____:
        #     number += 1
        #     free = ____
        # node = Node(kind, free, inputs, value)
        # ____
        # return node
        ### END SOLUTION

    def placeholder(self, name):
        """A value that every run is given."""
        ### BEGIN SOLUTION
        return self.put("placeholder", name)
        ### FADED
        # return self.put("placeholder", ____)
        ### END SOLUTION

    def constant(self, value):
        """A value that never changes."""
        ### BEGIN SOLUTION
        return self.put("constant", "constant", value=value)
        ### FADED
        # return self.put("constant", "constant", value=____)
        ### END SOLUTION

    def variable(self, name, value):
        """A value that is kept from run to run."""
        ### BEGIN SOLUTION
        return self.put("variable", name, value=value)
        ### FADED
        # return self.put("variable", ____, value=____)
        ### END SOLUTION

    def op(self, kind, *inputs):
        """An operation on nodes and plain numbers."""
        ### BEGIN SOLUTION
        nodes = [x if isinstance(x, Node) else self.constant(x) for x in inputs]
        return self.put(kind, kind, nodes)
        ### FADED
        # nodes = [x if isinstance(x, Node) else ____ for x in inputs]
        # return self.put(kind, kind, ____)
        ### END SOLUTION
