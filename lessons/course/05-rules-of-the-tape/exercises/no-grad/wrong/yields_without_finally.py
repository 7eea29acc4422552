# hint: after-error
import contextlib


@contextlib.contextmanager
def no_grad(mode):
    before = mode.recording
    mode.recording = False
    yield
    mode.recording = before
