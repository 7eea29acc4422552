# hint: once-for-all
known = {}


def count_nodes(f, x):
    if f not in known:
        seen, todo = set(), [f(x)]
        while todo:
            node = todo.pop()
            if node.edges and node not in seen:
                seen.add(node)
                todo += [source for source, _ in node.edges]
        known[f] = len(seen)
    return known[f]
