# hint: aligned-left
def broadcast_shape(a, b):
    shape = []
    for k in range(max(len(a), len(b))):
        x = a[k] if k < len(a) else 1
        y = b[k] if k < len(b) else 1
        if x != y and x != 1 and y != 1:
            raise ValueError(f"{a} and {b} do not fit")
        shape.append(max(x, y))
    return tuple(shape)
