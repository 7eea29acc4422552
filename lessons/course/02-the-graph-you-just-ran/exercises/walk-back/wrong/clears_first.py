# hint: clears
def backward(order):
    for node in order:
        node.grad = 0.0
    order[-1].grad = 1.0
    for node in reversed(order):
        for source, slope in node.edges:
            source.grad += node.grad * slope
