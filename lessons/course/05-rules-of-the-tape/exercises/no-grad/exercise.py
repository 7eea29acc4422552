class no_grad:
    """A block in which the tape stands still."""

    def __init__(self, mode):
        self.mode = mode

    def __enter__(self):
        ### BEGIN SOLUTION
        self.before = self.mode.recording
        self.mode.recording = False
        ### FADED
        # self.before = ____
        # self.mode.recording = False
        ### END SOLUTION

    def __exit__(self, *error):
        ### BEGIN SOLUTION
        self.mode.recording = self.before
        ### FADED
        # self.mode.recording = ____
        ### END SOLUTION

    def __call__(self, f):
        def inside(*args):
            ### BEGIN SOLUTION
            with no_grad(self.mode):
                return f(*args)
            ### FADED
            # with ____:
            #     return ____
            ### END SOLUTION

        return inside
