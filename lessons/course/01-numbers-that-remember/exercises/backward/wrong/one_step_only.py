# hint: one-level
def backward(node, arriving=1.0):
    node.grad += arriving
    for source, slope in node.edges:
        source.grad += arriving * slope
