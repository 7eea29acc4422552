# hint: cuts-both
class Tensor:
    def __init__(self, array, edges=()):
        self.array, self.edges, self.grad = array, list(edges), None


def detach(t):
    t.edges = []
    return t
