# hint: swapped
def matmul_vjp(A, B, G):
    return A.swapaxes(-1, -2) @ G, G @ B.swapaxes(-1, -2)
