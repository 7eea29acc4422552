# hint: runs-all
def run(nodes, fetches, feed, compute):
    """The values of the fetches, computed from what is fed."""
    needed = [node for node in nodes if node not in feed]
    values = dict(feed)
    for node in nodes:
        if node in needed:
            if node.kind == "placeholder":
                raise ValueError(f"feed a value for {node.name}")
            if node.kind in ("constant", "variable"):
                values[node] = node.value
            else:
                values[node] = compute(node, [values[x] for x in node.inputs])
    return [values[node] for node in fetches]
