def topo(root):
    """Every node behind root, each once, inputs before what was made from them."""
    order, seen = [], set()
    todo = [(root, False)]  # pairs: (node, are its inputs in order already?)
    ### BEGIN SOLUTION
    while todo:
        node, ready = todo.pop()
        if ready:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            todo.append((node, True))
            for source, _ in node.edges:
                todo.append((source, False))
    ### FADED
    # while todo:
    #     node, ready = todo.pop()
    #     if ready:
    #         order.append(____)
    #     elif node not in ____:
    #         seen.add(node)
    #         todo.append((node, ____))
    #         for source, _ in node.edges:
    #             todo.append((source, ____))
    ### END SOLUTION
    return order
