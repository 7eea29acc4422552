# hint: since-birth
class Tracked:
    def __init__(self, array, memory=None):
        self.array = array
        self.memory = {"version": 0} if memory is None else memory

    def view(self, part):
        return Tracked(self.array[part], self.memory)

    def add_(self, number):
        self.array += number
        self.memory["version"] += 1
        return self

    def save(self):
        return self, self.memory["version"]

    @staticmethod
    def unpack(saved):
        tensor, version = saved
        if tensor.memory["version"] != 0:
            raise RuntimeError("a value that was saved for backward was changed in place")
        return tensor.array
