# hint: feed-ignored
def run(nodes, fetches, feed, compute):
    """The values of the fetches, computed from what is fed."""
    needed, visit = set(), list(fetches)
    while visit:
        node = visit.pop()
        if node not in needed and not (node in feed and node.kind == "placeholder"):
            needed.add(node)
            visit.extend(node.inputs)
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
