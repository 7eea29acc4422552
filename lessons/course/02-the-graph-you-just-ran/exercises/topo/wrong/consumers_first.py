# hint: root-first
def topo(root):
    order, seen = [], set()
    todo = [(root, False)]
    while todo:
        node, ready = todo.pop()
        if ready:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            todo.append((node, True))
            for source, _ in node.edges:
                todo.append((source, False))
    return order[::-1]
