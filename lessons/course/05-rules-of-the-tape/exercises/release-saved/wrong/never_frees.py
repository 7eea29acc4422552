# hint: keeps
def backward(order, retain=False):
    if any(node.saved == "freed" for node in order):
        raise RuntimeError("backward ran through this graph already, and what it had saved was freed")
    arrived = dict.fromkeys(order, 0.0)
    arrived[order[-1]] = 1.0
    for node in reversed(order):
        node.grad += arrived[node]
        for source, slope in zip(node.inputs, node.rule(*node.saved)):
            arrived[source] += arrived[node] * slope

