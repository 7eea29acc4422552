# hint: half-done
def backward(order, retain=False):
    arrived = dict.fromkeys(order, 0.0)
    arrived[order[-1]] = 1.0
    for node in reversed(order):
        if node.saved == "freed":
            raise RuntimeError("backward ran through this graph already, and what it had saved was freed")
        node.grad += arrived[node]
        for source, slope in zip(node.inputs, node.rule(*node.saved)):
            arrived[source] += arrived[node] * slope
        if node.saved and not retain:
            node.saved = "freed"
