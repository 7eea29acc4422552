import math


class Value:
    """A number that remembers what it was made from."""

    def __init__(self, data, edges=()):
        self.data = data
        self.edges = list(edges)  # pairs: (input, local slope)
        self.grad = 0.0

    def __add__(self, other):
        ### BEGIN SOLUTION
        return Value(self.data + other.data, [(self, 1.0), (other, 1.0)])
        ### PARSONS
        # edges = [(self, 1.0), (other, 1.0)]
        # return Value(self.data + other.data, edges)
        ### FADED
        # return Value(self.data + other.data, [(self, ____), (other, ____)])
        ### END SOLUTION

    def __mul__(self, other):
        ### BEGIN SOLUTION
        return Value(self.data * other.data, [(self, other.data), (other, self.data)])
        ### PARSONS
        # edges = [(self, other.data), (other, self.data)]
        # return Value(self.data * other.data, edges)
        ### FADED
        # return Value(____, [(self, ____), (other, ____)])
        ### END SOLUTION

    def tanh(self):
        ### BEGIN SOLUTION
        t = math.tanh(self.data)
        return Value(t, [(self, 1 - t * t)])
        ### PARSONS
        # t = math.tanh(self.data)
        # edges = [(self, 1 - t * t)]
        # return Value(t, edges)
        ### FADED
        # t = math.tanh(self.data)
        # return Value(t, [(self, ____)])
        ### END SOLUTION
