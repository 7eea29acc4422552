# hint: batch-mean
def matmul_vjp(A, B, G):
    gA = G @ B.swapaxes(-1, -2)
    gB = A.swapaxes(-1, -2) @ G
    while gA.ndim > A.ndim:
        gA = gA.mean(axis=0)
    while gB.ndim > B.ndim:
        gB = gB.mean(axis=0)
    return gA, gB
