# hint: too-kind
def broadcast_shape(a, b):
    n = max(len(a), len(b))
    a, b = (1,) * (n - len(a)) + a, (1,) * (n - len(b)) + b
    return tuple(y if x == 1 else x if y == 1 else max(x, y) for x, y in zip(a, b))
