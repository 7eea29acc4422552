def backward(node, arriving=1.0):
    """Give every Value behind node its gradient."""
    ### BEGIN SOLUTION
    node.grad += arriving
    for source, slope in node.edges:
        backward(source, arriving * slope)
    ### FADED
    # node.grad = ____
    # for source, slope in node.edges:
    #     backward(source, ____)
    ### END SOLUTION
