# hint: wrong-side
def matmul_vjp(A, B, G):
    return B.swapaxes(-1, -2) @ G, G @ A.swapaxes(-1, -2)
