# hint: ignores-slope
def backward(order):
    arrived = dict.fromkeys(order, 0.0)
    arrived[order[-1]] = 1.0
    for node in reversed(order):
        node.grad += arrived[node]
        for source, _ in node.edges:
            arrived[source] += arrived[node]
