# hint: reflected
import math


class Value:
    """A number that remembers what it was made from."""

    def __init__(self, data, edges=()):
        self.data = data
        self.edges = list(edges)  # pairs: (input, local slope)
        self.grad = 0.0

    def __add__(self, other):  # a + b, and a + 2
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, [(self, 1.0), (other, 1.0)])

    def __mul__(self, other):  # a * b, and a * 2
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, [(self, other.data), (other, self.data)])

    def tanh(self):
        t = math.tanh(self.data)
        return Value(t, [(self, 1 - t * t)])

    def __radd__(self, other):  # 2 + a
        return self + other

    def __rmul__(self, other):  # 2 * a
        return self * other

    def __neg__(self):  # -a
        return Value(-self.data, [(self, -1.0)])

    def __sub__(self, other):  # a - b
        return self + -other

    def __pow__(self, n):  # a ** 3, where n is a plain number
        return Value(self.data**n, [(self, n * self.data ** (n - 1))])

    def __truediv__(self, other):  # a / b
        return self * other**-1

    def exp(self):
        e = math.exp(self.data)
        return Value(e, [(self, e)])
