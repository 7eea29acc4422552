# hint: same-place
def nudge(f, x, h=1e-5):
    h = 1e-17
    return (f(x + h) - f(x - h)) / (2 * h)
