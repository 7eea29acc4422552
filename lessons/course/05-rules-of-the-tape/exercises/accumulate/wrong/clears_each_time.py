# hint: last-only
def accumulate(weight, backward, batches):
    total = sum(len(batch) for batch in batches)
    for batch in batches:
        weight.grad = None
        backward(batch, len(batch) / total)
