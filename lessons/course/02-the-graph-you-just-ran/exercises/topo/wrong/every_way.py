# hint: twice
def topo(root):
    order = []
    todo = [(root, False)]
    while todo:
        node, ready = todo.pop()
        if ready:
            order.append(node)
        else:
            todo.append((node, True))
            for source, _ in node.edges:
                todo.append((source, False))
    return order
