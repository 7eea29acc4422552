# hint: counts
import numpy as np


def gather_vjp(count, picked, g):
    table = np.zeros((count, *g.shape[1:]))
    np.add.at(table, picked, 1.0)
    return table
