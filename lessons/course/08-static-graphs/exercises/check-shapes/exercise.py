def fits(m, n):
    """Whether two sizes are the same, or may turn out to be."""
    ### BEGIN SOLUTION
    return m is None or n is None or m == n
    ### FADED
    # return m is None or ____ or ____
    ### END SOLUTION


def check_shapes(nodes):
    """The shape of every node, by its name."""
    ### BEGIN SOLUTION
    shapes = {}
    for node in nodes:
        if not node.inputs:
            shapes[node.name] = node.shape
            continue
        a, b = [shapes[x.name] for x in node.inputs]
        if node.kind == "matmul":
            fine = fits(a[1], b[0])
            shape = (a[0], b[1])
        else:
            fine = len(a) == len(b) and all(fits(m, n) for m, n in zip(a, b))
            shape = tuple(n if m is None else m for m, n in zip(a, b))
        if not fine:
            raise ValueError(f"{node.name} cannot take {a} and {b}")
        shapes[node.name] = shape
    return shapes
    ### FADED
    # shapes = {}
    # for node in nodes:
    #     if not node.inputs:
    #         shapes[node.name] = node.shape
    #         continue
    #     a, b = [shapes[x.name] for x in node.inputs]
    #     if node.kind == "matmul":
    #         fine = fits(____, ____)
    #         shape = ____
    #     else:
    #         fine = len(a) == len(b) and all(fits(m, n) for m, n in zip(a, b))
    #         shape = tuple(____ for m, n in zip(a, b))
    #     if not fine:
    #         raise ValueError(____)
    #     shapes[node.name] = shape
    # return shapes
    ### END SOLUTION
