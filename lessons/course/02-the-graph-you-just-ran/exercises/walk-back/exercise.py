def backward(order):
    """Add to every node's grad how far the last node moves for each unit of it."""
    ### BEGIN SOLUTION
    arrived = dict.fromkeys(order, 0.0)
    arrived[order[-1]] = 1.0
    for node in reversed(order):
        node.grad += arrived[node]
        for source, slope in node.edges:
            arrived[source] += arrived[node] * slope
    ### FADED
    # arrived = dict.fromkeys(order, 0.0)
    # arrived[____] = 1.0
    # for node in ____:
    #     node.grad += ____
    #     for source, slope in node.edges:
    #         arrived[source] += ____
    ### END SOLUTION
