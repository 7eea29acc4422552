# hint: no-root
class RMSprop:
    """Each gradient, divided by its usual size."""

    def __init__(self, weights, lr=0.01, alpha=0.99, eps=1e-8):
        self.weights, self.lr, self.alpha, self.eps = list(weights), lr, alpha, eps
        self.v = dict.fromkeys(self.weights, 0.0)  # mean squares of gradients

    def zero_grad(self):
        """Forget all gradients."""
        for w in self.weights:
            w.grad = None

    def step(self):
        """Move every weight that has a gradient."""
        for w in self.weights:
            if w.grad is None:
                continue
            self.v[w] = self.alpha * self.v[w] + (1 - self.alpha) * w.grad**2
            w.data -= self.lr * w.grad / (self.v[w] + self.eps)
