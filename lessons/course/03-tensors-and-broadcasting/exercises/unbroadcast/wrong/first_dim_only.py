# hint: first-only
def unbroadcast(g, shape):
    if g.shape != shape:
        g = g.sum(axis=0)
    return g
