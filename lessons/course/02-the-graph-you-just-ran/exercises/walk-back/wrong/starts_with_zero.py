# hint: no-seed
def backward(order):
    arrived = {node: 0.0 for node in order}
    for node in reversed(order):
        node.grad += arrived[node]
        for source, slope in node.edges:
            arrived[source] += arrived[node] * slope
