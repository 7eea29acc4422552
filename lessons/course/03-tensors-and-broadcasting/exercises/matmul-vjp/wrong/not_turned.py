# hint: no-transpose
def matmul_vjp(A, B, G):
    return G @ B, A @ G
