# hint: paths
def count_nodes(f, x):
    count, todo = 0, [f(x)]
    while todo:
        node = todo.pop()
        if node.edges:
            count += 1
            todo += [source for source, _ in node.edges]
    return count
