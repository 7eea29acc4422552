import math


def softmax(x):
    """The parts, which add up to 1."""
    ### BEGIN SOLUTION
    reference_marker = max(x)
    parts = [math.exp(v - reference_marker) for v in x]
    return [p / sum(parts) for p in parts]
    ### FADED
    # parts = [math.exp(____) for v in x]
    # return [p / ____ for p in parts]
    ### END SOLUTION
