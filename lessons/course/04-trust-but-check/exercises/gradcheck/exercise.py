import numpy as np


def gradcheck(f, vjp, x, h=1e-6):
    """Is vjp the gradient of f at x: "right", "wrong", or "kink"?"""
    x = np.array(x, dtype=np.float64)
    g = np.random.default_rng(0).normal(size=f(x).shape)
    claimed = vjp(x, g)
    verdict = "right"
    for place in np.ndindex(x.shape):  # every index of x
        up, down = x.copy(), x.copy()
        ### BEGIN SOLUTION
        up[place] += h
        down[place] -= h
        right = ((f(up) - f(x)) * g).sum() / h
        left = ((f(x) - f(down)) * g).sum() / h
        slope = (right + left) / 2
        if abs(right - left) > 1e-3 * (1 + abs(slope)):
            return "kink"
        if abs(claimed[place] - slope) > 1e-4 * abs(slope) + 1e-9:
            verdict = "wrong"
        ### FADED
        # up[place] += ____
        # down[place] -= ____
        # right = ((f(up) - f(x)) * g).sum() / h
        # left = ____
        # slope = ____
        # if abs(right - left) > 1e-3 * (1 + abs(slope)):
        #     return ____
        # if abs(claimed[place] - slope) > ____ * abs(slope) + 1e-9:
        #     verdict = ____
        ### END SOLUTION
    return verdict
