def gradients(graph, y, xs):
    """Nodes for the gradients of y with respect to xs."""
    ### BEGIN SOLUTION
    grads = {y: graph.constant(1.0)}
    for node in reversed(graph.nodes):
        if node not in grads:
            continue
        g = grads[node]
        if node.kind == "mul":
            a, b = node.inputs
            sent = [graph.op("mul", g, b), graph.op("mul", g, a)]
        elif node.kind == "neg":
            sent = [graph.op("neg", g)]
        else:
            sent = [g, g]
        for x, part in zip(node.inputs, sent):
            if x in grads:
                part = graph.op("add", grads[x], part)
            grads[x] = part
    return [grads.get(x) for x in xs]
    ### FADED
    # grads = {y: graph.constant(____)}
    # for node in reversed(graph.nodes):
    #     if node not in grads:
    #         continue
    #     g = grads[node]
    #     if node.kind == "mul":
    #         a, b = node.inputs
    #         sent = [____, ____]
    #     elif node.kind == "neg":
    #         sent = [____]
    #     else:
    #         sent = [g, g]
    #     for x, part in zip(node.inputs, sent):
    #         if x in grads:
    #             part = ____
    #         grads[x] = part
    # return [grads.get(x) for x in xs]
    ### END SOLUTION
