# hint: path-by-path
def gradients(graph, y, xs):
    """Nodes for the gradients of y with respect to xs."""
    grads = {}

    def walk(node, g):
        grads[node] = graph.op("add", grads[node], g) if node in grads else g
        if node.kind == "add":
            for x in node.inputs:
                walk(x, g)
        elif node.kind == "mul":
            a, b = node.inputs
            walk(a, graph.op("mul", g, b))
            walk(b, graph.op("mul", g, a))
        elif node.kind == "neg":
            walk(node.inputs[0], graph.op("neg", g))

    walk(y, graph.constant(1.0))
    return [grads.get(x) for x in xs]
