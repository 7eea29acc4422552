# hint: all-turned
def matmul_vjp(A, B, G):
    gA = G @ B.T
    gB = A.T @ G
    while gA.ndim > A.ndim:
        gA = gA.sum(axis=0)
    while gB.ndim > B.ndim:
        gB = gB.sum(axis=0)
    return gA, gB
