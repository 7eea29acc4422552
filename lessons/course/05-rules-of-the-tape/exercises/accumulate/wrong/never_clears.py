# hint: stale
def accumulate(weight, backward, batches):
    total = sum(len(batch) for batch in batches)
    for batch in batches:
        backward(batch, len(batch) / total)
