# hint: drives-on
def lr_range_test(step, low, high, n):
    """A tenth of the learning rate with the lowest loss, of n that grow from low to high by the same factor."""
    factor = (high / low) ** (1 / (n - 1))
    rate, found, best = low, low, float("inf")
    for _ in range(n):
        loss = step(rate)
        if loss < best:
            best = loss
            found = rate
        rate *= factor
    return found / 10
