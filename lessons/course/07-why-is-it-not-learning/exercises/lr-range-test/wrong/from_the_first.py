# hint: from-start
def lr_range_test(step, low, high, n):
    """A tenth of the learning rate with the lowest loss, of n that grow from low to high by the same factor."""
    factor = (high / low) ** (1 / (n - 1))
    rate, found, best = low, low, float("inf")
    first = None
    for _ in range(n):
        loss = step(rate)
        first = loss if first is None else first
        if not loss <= 4 * first:
            break
        if loss < best:
            best = loss
            found = rate
        rate *= factor
    return found / 10
