# hint: equal-weights
def accumulate(weight, backward, batches):
    weight.grad = None
    for batch in batches:
        backward(batch, 1 / len(batches))
