# hint: no-correction
class Adam:
    """Steps of about the same length for every weight."""

    def __init__(self, weights, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        self.weights, self.lr, self.betas, self.eps = list(weights), lr, betas, eps
        self.m = dict.fromkeys(self.weights, 0.0)
        self.v = dict.fromkeys(self.weights, 0.0)
        self.t = 0

    def zero_grad(self):
        """Forget all gradients."""
        for w in self.weights:
            w.grad = None

    def step(self):
        """Move every weight; each has a gradient."""
        b1, b2 = self.betas
        self.t += 1
        for w in self.weights:
            self.m[w] = b1 * self.m[w] + (1 - b1) * w.grad
            self.v[w] = b2 * self.v[w] + (1 - b2) * w.grad**2
            m = self.m[w]
            v = self.v[w]
            w.data -= self.lr * m / (v**0.5 + self.eps)
