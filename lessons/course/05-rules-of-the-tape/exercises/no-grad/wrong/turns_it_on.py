# hint: always-on
class no_grad:
    def __init__(self, mode):
        self.mode = mode

    def __enter__(self):
        self.before = self.mode.recording
        self.mode.recording = False

    def __exit__(self, *error):
        self.mode.recording = True

    def __call__(self, f):
        def inside(*args):
            with no_grad(self.mode):
                return f(*args)

        return inside
