# hint: falls
def diagnose(run):
    """The illness of a training, from what was measured of it."""
    if run["terms"] != run["examples"]:
        return "shapes broadcast"
    if run["again"] > 1.5:
        return "gradients not cleared"
    if run["differs"] > 0.02:
        return "dropout left on"
    if run["alive"] < 0.2:
        return "dead units"
    if run["moved"] > 1.0:
        return "rate too high"
    if run["moved"] < 0.0001:
        return "rate too low"
    if run["one_batch"] < 0.1 and run["last"] > 0.5 * run["first"]:
        return "labels shuffled"
    return "healthy"
