def unbroadcast(g, shape):
    """The gradient g summed back to the shape that was stretched."""
    ### BEGIN SOLUTION
    missing = g.ndim - len(shape)
    g = g.sum(axis=tuple(range(missing)))
    for axis, size in enumerate(shape):
        if size == 1:
            g = g.sum(axis=axis, keepdims=True)
    return g
    ### FADED
    # missing = g.ndim - ____
    # g = g.sum(axis=tuple(range(missing)))
    # for axis, size in enumerate(shape):
    #     if ____:
    #         g = g.sum(axis=____, keepdims=____)
    # return g
    ### END SOLUTION
