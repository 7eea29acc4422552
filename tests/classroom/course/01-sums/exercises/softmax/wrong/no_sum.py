# hint: no-sum
import math


def softmax(x):
    return [math.exp(v) for v in x]
