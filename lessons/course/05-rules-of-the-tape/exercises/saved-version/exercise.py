class Tracked:
    """An array, and the block of memory that it looks into."""

    def __init__(self, array, memory=None):
        self.array = array
        self.memory = {"version": 0} if memory is None else memory

    def view(self, part):
        ### BEGIN SOLUTION
        return Tracked(self.array[part], self.memory)
        ### FADED
        # return Tracked(self.array[part], ____)
        ### END SOLUTION

    def add_(self, number):
        ### BEGIN SOLUTION
        self.array += number
        self.memory["version"] += 1
        ### FADED
        # self.array += number
        # self.memory["version"] += ____
        ### END SOLUTION
        return self

    def save(self):
        ### BEGIN SOLUTION
        return self, self.memory["version"]
        ### FADED
        # return self, ____
        ### END SOLUTION

    @staticmethod
    def unpack(saved):
        ### BEGIN SOLUTION
        tensor, version = saved
        if tensor.memory["version"] != version:
            raise RuntimeError("a value that was saved for backward was changed in place")
        return tensor.array
        ### FADED
        # tensor, version = saved
        # if ____ != version:
        #     raise RuntimeError("a value that was saved for backward was changed in place")
        # return ____
        ### END SOLUTION
