# hint: shorter
def broadcast_shape(a, b):
    shape = []
    for x, y in zip(a[::-1], b[::-1]):
        if x != y and x != 1 and y != 1:
            raise ValueError(f"{a} and {b} do not fit")
        shape.append(y if x == 1 else x)
    return tuple(shape[::-1])
