# hint: unchanged
def unbroadcast(g, shape):
    return g
