# hint: too-early
def topo(root):
    order, seen = [root], {root}
    for node in order:
        for source, _ in node.edges:
            if source not in seen:
                seen.add(source)
                order.append(source)
    return order[::-1]
