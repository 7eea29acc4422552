def matmul_vjp(A, B, G):
    """The gradients of A and B when G is the gradient of A @ B."""
    ### BEGIN SOLUTION
    gA = G @ B.swapaxes(-1, -2)
    gB = A.swapaxes(-1, -2) @ G
    while gA.ndim > A.ndim:
        gA = gA.sum(axis=0)
    while gB.ndim > B.ndim:
        gB = gB.sum(axis=0)
    return gA, gB
    ### FADED
    # gA = G @ ____
    # gB = ____ @ G
    # while gA.ndim > A.ndim:
    #     gA = gA.____(axis=0)
    # while gB.ndim > B.ndim:
    #     gB = gB.____(axis=0)
    # return gA, gB
    ### END SOLUTION
