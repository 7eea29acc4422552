# hint: edges
def count_nodes(f, x):
    count, seen, todo = 0, set(), [f(x)]
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            count += len(node.edges)
            todo += [source for source, _ in node.edges]
    return count
