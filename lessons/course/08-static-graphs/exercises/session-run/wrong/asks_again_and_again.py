# hint: twice
def run(nodes, fetches, feed, compute):
    """The values of the fetches, computed from what is fed."""

    def value(node):
        if node in feed:
            return feed[node]
        if node.kind == "placeholder":
            raise ValueError(f"feed a value for {node.name}")
        if node.kind in ("constant", "variable"):
            return node.value
        return compute(node, [value(x) for x in node.inputs])

    return [value(node) for node in fetches]
