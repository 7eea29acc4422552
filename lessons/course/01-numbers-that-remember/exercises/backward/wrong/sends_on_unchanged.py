# hint: ignores-slope
def backward(node, arriving=1.0):
    node.grad += arriving
    for source, _ in node.edges:
        backward(source, arriving)
