# hint: on-tape
class SGD:
    """Gradient descent, with momentum."""

    def __init__(self, weights, lr, momentum=0.0):
        self.weights, self.lr, self.momentum = list(weights), lr, momentum
        self.speed = {}  # for each weight, how fast it is moving

    def zero_grad(self):
        """Forget all gradients."""
        for w in self.weights:
            w.grad = None

    def step(self):
        """Move every weight that has a gradient."""
        for w in self.weights:
            if w.grad is None:
                continue
            self.speed[w] = self.momentum * self.speed.get(w, 0.0) + w.grad
            w -= self.lr * self.speed[w]
