def nudge(f, x, h=1e-5):
    """The slope of f at x, measured from x - h to x + h."""
    ### BEGIN SOLUTION
    return (f(x + h) - f(x - h)) / (2 * h)
    ### PARSONS
    # left = f(x - h)
    # right = f(x + h)
    # return (right - left) / (2 * h)
    ### FADED
    # return (f(____) - f(____)) / ____
    ### END SOLUTION
