class Tensor:
    """An array, the edges to what it was made from, and its gradient."""

    def __init__(self, array, edges=()):
        self.array, self.edges, self.grad = array, list(edges), None


def detach(t):
    """The same memory, where gradients stop."""
    ### BEGIN SOLUTION
    return Tensor(t.array)
    ### PARSONS
    # alone = Tensor(t.array)
    # return alone
    ### FADED
    # return Tensor(____)
    ### END SOLUTION
