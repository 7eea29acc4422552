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
        ### BEGIN SOLUTION
        return self + other
        ### FADED
        # return ____ + ____
        ### END SOLUTION

    def __rmul__(self, other):  # 2 * a
        ### BEGIN SOLUTION
        return self * other
        ### FADED
        # return ____ * ____
        ### END SOLUTION

    def __neg__(self):  # -a
        ### BEGIN SOLUTION
        return Value(-self.data, [(self, -1.0)])
        ### FADED
        # return Value(-self.data, [(self, ____)])
        ### END SOLUTION

    def __sub__(self, other):  # a - b
        ### BEGIN SOLUTION
        return self + -other
        ### FADED
        # return self + ____
        ### END SOLUTION

    def __rsub__(self, other):  # 2 - a
        ### BEGIN SOLUTION
        return -self + other
        ### FADED
        # return ____ + other
        ### END SOLUTION

    def __pow__(self, n):  # a ** 3, where n is a plain number
        ### BEGIN SOLUTION
        return Value(self.data**n, [(self, n * self.data ** (n - 1))])
        ### PARSONS
        # slope = n * self.data ** (n - 1)
        # return Value(self.data**n, [(self, slope)])
        ### FADED
        # return Value(self.data**n, [(self, ____)])
        ### END SOLUTION

    def __truediv__(self, other):  # a / b
        ### BEGIN SOLUTION
        return self * other**-1
        ### FADED
        # return self * ____
        ### END SOLUTION

    def exp(self):
        ### BEGIN SOLUTION
        e = math.exp(self.data)
        return Value(e, [(self, e)])
        ### FADED
        # e = math.exp(self.data)
        # return Value(e, [(self, ____)])
        ### END SOLUTION
