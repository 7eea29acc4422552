def broadcast_shape(a, b):
    """The shape of the result where the shapes a and b meet."""
    shape = []
    ### BEGIN SOLUTION
    for k in range(1, max(len(a), len(b)) + 1):
        x = a[-k] if k <= len(a) else 1
        y = b[-k] if k <= len(b) else 1
        if x != y and x != 1 and y != 1:
            raise ValueError(f"{a} and {b} do not fit: {x} against {y}")
        shape.append(y if x == 1 else x)
    ### FADED
    # for k in range(1, max(len(a), len(b)) + 1):
    #     x = a[-k] if k <= len(a) else ____
    #     y = b[-k] if k <= len(b) else ____
    #     if ____:
    #         raise ValueError(f"{a} and {b} do not fit: {x} against {y}")
    #     shape.append(____)
    ### END SOLUTION
    return tuple(reversed(shape))
