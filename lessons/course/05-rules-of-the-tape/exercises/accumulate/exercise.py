def accumulate(weight, backward, batches):
    """Leave in weight.grad the gradient of the mean loss over all examples."""
    ### BEGIN SOLUTION
    weight.grad = None
    total = sum(len(batch) for batch in batches)
    for batch in batches:
        backward(batch, len(batch) / total)
    ### FADED
    # weight.grad = ____
    # total = sum(____ for batch in batches)
    # for batch in batches:
    #     backward(batch, ____)
    ### END SOLUTION
