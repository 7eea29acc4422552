def backward(order, retain=False):
    """Add to every node's grad, and let go of what was saved unless it is to be retained."""
    ### BEGIN SOLUTION
    if any(node.saved == "freed" for node in order):
        raise RuntimeError("backward ran through this graph already, and what it had saved was freed")
    ### FADED
    # if any(node.saved == ____ for node in order):
    #     raise ____("backward ran through this graph already, and what it had saved was freed")
    ### END SOLUTION
    arrived = dict.fromkeys(order, 0.0)
    arrived[order[-1]] = 1.0
    for node in reversed(order):
        node.grad += arrived[node]
        for source, slope in zip(node.inputs, node.rule(*node.saved)):
            arrived[source] += arrived[node] * slope
        ### BEGIN SOLUTION
        if node.saved and not retain:
            node.saved = "freed"
        ### FADED
        # if ____ and not ____:
        #     node.saved = "freed"
        ### END SOLUTION
