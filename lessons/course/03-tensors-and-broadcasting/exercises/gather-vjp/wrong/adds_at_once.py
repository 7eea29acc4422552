# hint: lost
import numpy as np


def gather_vjp(count, picked, g):
    table = np.zeros((count, *g.shape[1:]))
    table[picked] += g
    return table
