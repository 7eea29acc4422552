# hint: leaves
def count_nodes(f, x):
    seen, todo = set(), [f(x)]
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            todo += [source for source, _ in node.edges]
    return len(seen)
