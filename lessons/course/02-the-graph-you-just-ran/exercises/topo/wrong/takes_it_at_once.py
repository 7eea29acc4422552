# hint: root-first
def topo(root):
    """Every node behind root, each once, inputs before what was made from them."""
    order, seen = [], set()
    todo = [(root, False)]  # pairs: (node, are its inputs in order already?)
    while todo:
        node, ready = todo.pop()
        if ready:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            order.append(node)
            for source, _ in node.edges:
                todo.append((source, False))
    return order
