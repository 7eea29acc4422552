def named(thing, name=""):
    """Every weight inside a thing, in pairs (name, weight)."""
    ### BEGIN SOLUTION
    if hasattr(thing, "grad"):
        return [(name, thing)]
    inside = []
    if isinstance(thing, Module):
        inside = vars(thing).items()
    elif isinstance(thing, list):
        inside = enumerate(thing)
    return [pair for key, part in inside for pair in named(part, f"{name}.{key}" if name else str(key))]
    ### FADED
    # if hasattr(thing, "grad"):
    #     return ____
    # inside = []
    # if isinstance(thing, Module):
    #     inside = vars(thing).items()
    # elif ____:
    #     inside = enumerate(thing)
    # return [pair for key, part in inside for pair in named(part, f"{name}.{key}" if name else str(key))]
    ### END SOLUTION


class Module:
    """A part of a model: it has weights, or parts that have some."""

    def parameters(self):
        """All weights, each once."""
        ### BEGIN SOLUTION
        return list(dict.fromkeys(weight for _, weight in named(self)))
        ### FADED
        # return list(dict.fromkeys(____ for _, weight in named(self)))
        ### END SOLUTION

    def state_dict(self):
        """The numbers of all weights, by name."""
        ### BEGIN SOLUTION
        return {name: weight.data for name, weight in named(self)}
        ### FADED
        # return {name: ____ for name, weight in named(self)}
        ### END SOLUTION

    def load_state_dict(self, state):
        """Write these numbers into the weights."""
        ### BEGIN SOLUTION
        if set(state) != set(self.state_dict()):
            raise KeyError("the names in the state are not those of the model")
        for name, weight in named(self):
            weight.data = state[name]
        ### FADED
        # if ____ != set(self.state_dict()):
        #     raise KeyError("the names in the state are not those of the model")
        # for name, weight in named(self):
        #     ____ = state[name]
        ### END SOLUTION
