# hint: too-early
def topo(root):
    order, seen = [], set()
    todo = [root]
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            order.append(node)
            for source, _ in node.edges:
                todo.append(source)
    return order[::-1]
