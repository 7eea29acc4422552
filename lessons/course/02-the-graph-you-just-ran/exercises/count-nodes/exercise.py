def count_nodes(f, x):
    """How many operations stand behind f(x), each once."""
    ### BEGIN SOLUTION
    seen, todo = set(), [f(x)]
    while todo:
        node = todo.pop()
        if node.edges and node not in seen:
            seen.add(node)
            todo += [source for source, _ in node.edges]
    return len(seen)
    ### FADED
    # seen, todo = set(), [____]
    # while todo:
    #     node = todo.pop()
    #     if node.edges and node not in ____:
    #         seen.add(node)
    #         todo += [____ for source, _ in node.edges]
    # return len(____)
    ### END SOLUTION
