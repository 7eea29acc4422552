# hint: overwrites
def backward(node, arriving=1.0, seen=None):
    seen = set() if seen is None else seen
    if id(node) in seen:
        return
    seen.add(id(node))
    node.grad += arriving
    for source, slope in node.edges:
        backward(source, arriving * slope, seen)
