# hint: too-deep
def run(nodes, fetches, feed, compute):
    """The values of the fetches, computed from what is fed."""
    values = dict(feed)

    def value(node):
        if node not in values:
            if node.kind == "placeholder":
                raise ValueError(f"feed a value for {node.name}")
            if node.kind in ("constant", "variable"):
                values[node] = node.value
            else:
                values[node] = compute(node, [value(x) for x in node.inputs])
        return values[node]

    return [value(node) for node in fetches]
