# hint: lenient
def named(thing, name=""):
    """Every weight inside a thing, in pairs (name, weight)."""
    if hasattr(thing, "grad"):
        return [(name, thing)]
    inside = []
    if isinstance(thing, Module):
        inside = vars(thing).items()
    elif isinstance(thing, list):
        inside = enumerate(thing)
    return [pair for key, part in inside for pair in named(part, f"{name}.{key}" if name else str(key))]


class Module:
    """A part of a model: it has weights, or parts that have some."""

    def parameters(self):
        """All weights, each once."""
        return list(dict.fromkeys(weight for _, weight in named(self)))

    def state_dict(self):
        """The numbers of all weights, by name."""
        return {name: weight.data for name, weight in named(self)}

    def load_state_dict(self, state):
        """Write these numbers into the weights."""
        if not set(self.state_dict()) <= set(state):
            raise KeyError("the names in the state are not those of the model")
        for name, weight in named(self):
            weight.data = state[name]
