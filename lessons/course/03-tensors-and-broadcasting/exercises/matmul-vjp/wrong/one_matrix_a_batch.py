# hint: batch-kept
def matmul_vjp(A, B, G):
    return G @ B.swapaxes(-1, -2), A.swapaxes(-1, -2) @ G
