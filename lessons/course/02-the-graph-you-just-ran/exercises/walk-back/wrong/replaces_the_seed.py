# hint: seed-replaced
def backward(order):
    arrived = dict.fromkeys(order, 0.0)
    arrived[order[-1]] = 1.0
    for node in reversed(order):
        node.grad += arrived[node]
        for source, slope in node.edges:
            arrived[source] += arrived[node] * slope
    order[-1].grad = 1.0
