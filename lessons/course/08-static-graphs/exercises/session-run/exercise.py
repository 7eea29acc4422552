def run(nodes, fetches, feed, compute):
    """The values of the fetches, computed from what is fed."""
    ### BEGIN SOLUTION
    needed, visit = set(), list(fetches)
    while visit:
        node = visit.pop()
        if node not in needed and node not in feed:
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
    ### FADED
    # needed, visit = set(), list(fetches)
    # while visit:
    #     node = visit.pop()
    #     if node not in needed and ____:
    #         needed.add(node)
    #         visit.extend(____)
    # values = dict(____)
    # for node in nodes:
    #     if node in needed:
    #         if node.kind == "placeholder":
    #             raise ValueError(____)
    #         if node.kind in ("constant", "variable"):
    #             values[node] = node.value
    #         else:
    #             values[node] = compute(node, [____ for x in node.inputs])
    # return [values[node] for node in fetches]
    ### END SOLUTION
