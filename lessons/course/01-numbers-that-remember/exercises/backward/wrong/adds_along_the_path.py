# hint: adds-slopes
def backward(node, arriving=1.0):
    node.grad += arriving
    for source, slope in node.edges:
        backward(source, arriving + slope)
