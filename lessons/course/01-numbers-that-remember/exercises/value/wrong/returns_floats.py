# hint: plain-number
import math


class Value:
    """A number that remembers what it was made from."""

    def __init__(self, data, edges=()):
        self.data = data
        self.edges = list(edges)  # pairs: (input, local slope)
        self.grad = 0.0

    def __add__(self, other):
        return self.data + other.data

    def __mul__(self, other):
        return self.data * other.data

    def tanh(self):
        t = math.tanh(self.data)
        return t
