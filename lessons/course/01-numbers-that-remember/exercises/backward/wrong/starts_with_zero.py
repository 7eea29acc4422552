# hint: no-seed
def backward(node, arriving=0.0):
    node.grad += arriving
    for source, slope in node.edges:
        backward(source, arriving * slope)
