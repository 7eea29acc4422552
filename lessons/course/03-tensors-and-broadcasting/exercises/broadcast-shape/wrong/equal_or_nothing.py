# hint: too-strict
def broadcast_shape(a, b):
    n = max(len(a), len(b))
    a, b = (1,) * (n - len(a)) + a, (1,) * (n - len(b)) + b
    for x, y in zip(a, b):
        if x != y and y != 1:
            raise ValueError(f"{a} and {b} do not fit")
    return a
