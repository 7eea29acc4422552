# hint: copies
import math


class Value:
    """A number that remembers what it was made from."""

    def __init__(self, data, edges=()):
        self.data = data
        self.edges = list(edges)  # pairs: (input, local slope)
        self.grad = 0.0

    def __add__(self, other):
        return Value(self.data + other.data, [(Value(self.data), 1.0), (Value(other.data), 1.0)])

    def __mul__(self, other):
        return Value(self.data * other.data, [(self, other.data), (other, self.data)])

    def tanh(self):
        t = math.tanh(self.data)
        return Value(t, [(self, 1 - t * t)])
