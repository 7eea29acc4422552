# hint: stale
def backward(order):
    order[-1].grad += 1.0
    for node in reversed(order):
        for source, slope in node.edges:
            source.grad += node.grad * slope
