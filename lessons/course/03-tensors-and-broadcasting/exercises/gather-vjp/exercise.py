import numpy as np


def gather_vjp(count, picked, g):
    """The gradient of a table from which the rows picked were taken."""
    ### BEGIN SOLUTION
    table = np.zeros((count, *g.shape[1:]))
    np.add.at(table, picked, g)
    return table
    ### FADED
    # table = np.zeros((____, *g.shape[1:]))
    # np.add.at(table, ____, ____)
    # return table
    ### END SOLUTION
