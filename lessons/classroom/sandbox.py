"""Starts sandboxes from the trusted side: which isolation works here (by trying it), warm workers, deadlines."""

import contextlib
import importlib.util
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from lessons.classroom.inside import frames
from lessons.classroom.inside.zygote import clear

TIERS = ("strong", "good", "weak")
MEANING = {
    "strong": "bubblewrap, Landlock, seccomp and limits",
    "good": "Landlock, seccomp and limits; no bubblewrap",
    "weak": "limits only: for students you trust",
}
MEMORY = 1 << 30
START = 60.0  # seconds that a warm worker may take to start on a busy machine
HERE = Path(__file__).parent
PRELOAD = (
    "numpy.linalg numpy.random numpy.fft tinygrad_core tinygrad_core.nn tinygrad_core.optim "
    "math random collections itertools functools dataclasses typing heapq cmath"
).split()
_BOOT = (
    "import sys, json; sys.path[:0] = json.loads(sys.argv[1]); "
    "from inside import zygote; zygote.main(int(sys.argv[2]), json.loads(sys.argv[3]))"
)


class Gone(Exception):
    """The child ended before it answered."""


class Late(Exception):
    """The child did not answer in time."""


class Broken(Exception):
    """The sandbox itself does not work: no student is to blame."""


class Child:
    """One locked-down process that runs one submission: deadlines on all that is sent and read."""

    def __init__(self, write: int, read: int, leash: socket.socket) -> None:
        self._write, self._read, self._leash = write, read, leash
        self._buffer = bytearray()
        self._received = 0
        self.deadline = time.monotonic() + START
        os.set_blocking(write, False)
        os.set_blocking(read, False)

    def exactly(self, count: int) -> bytes:
        """The next bytes that the child sent. Raises Late or Gone."""
        while len(self._buffer) < count:
            left = self.deadline - time.monotonic()
            if left <= 0 or not select.select([self._read], [], [], left)[0]:
                raise Late
            piece = os.read(self._read, 1 << 16)
            if not piece:
                raise Gone
            self._received += len(piece)
            if self._received > 1 << 28:
                raise frames.FrameError("it sent more than 256 MiB")
            self._buffer += piece
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def send(self, value: Any) -> None:
        """Sends a frame. Raises Late or Gone."""
        view = memoryview(frames.encode(value))
        while view:
            left = self.deadline - time.monotonic()
            if left <= 0 or not select.select([], [self._write], [], left)[1]:
                raise Late
            try:
                view = view[os.write(self._write, view) :]
            except BrokenPipeError:
                raise Gone from None

    def receive(self) -> Any:
        """The next frame."""
        return frames.read(self.exactly)

    def leave(self) -> None:
        """Lets go of it: it is killed, and nobody waits."""
        for handle in (self._write, self._read):
            os.close(handle)
        self._leash.close()

    def end(self) -> tuple[int, float]:
        """Ends it and says how it ended: exit code (minus the signal), CPU seconds."""
        for handle in (self._write, self._read):
            os.close(handle)
        try:
            self._leash.shutdown(socket.SHUT_WR)
            self._leash.settimeout(START)
            code, cpu = json.loads(self._leash.recv(200))
            return int(code), float(cpu)
        except (OSError, ValueError):
            return 0, 0.0
        finally:
            self._leash.close()


class Sandbox:
    """Warm workers under one tier of isolation: `child()` forks the next from a process that is prepared once."""

    def __init__(self, tier: str, secret: Iterable[Path] = ()) -> None:
        self.tier = tier
        self._ahead: tuple[int, Child] | None = None
        self._scratch = None if tier == "strong" else tempfile.mkdtemp(prefix="tgc-")
        secret = [Path(__file__).resolve().parents[1], *(Path(p).resolve() for p in secret)]
        readable = _readable([p for p in secret if p != HERE / "inside"])
        setup = {
            "tier": tier,
            "memory": MEMORY,
            "cpu": 2,
            "preload": PRELOAD,
            "readable": [*readable, "/dev/urandom", "/dev/null"],
            "scratch": self._scratch,
        }
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        path = [str(HERE), *dict.fromkeys(str(Path(found).parent) for found in _packages())]
        command = [_python(), "-I", "-S", "-B", "-c", _BOOT]
        command += [json.dumps(path), str(theirs.fileno()), json.dumps(setup)]
        if tier == "strong":
            command = [*_bubblewrap(readable), *command]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=None if os.environ.get("TGC_SANDBOX_DEBUG") else subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise Broken(f"the sandbox does not start: {error}") from error
        finally:
            theirs.close()
        self._control = ours
        ours.settimeout(START)
        try:
            warm = ours.recv(16) == b"warm"
        except OSError:
            warm = False
        if not warm:
            self.close()
            raise Broken(f"the {tier} sandbox does not start here")

    def child(self, cpu: int) -> Child:
        """A new process for one submission; it has taken its rights off when this returns.

        The next one is asked for ahead, so that it gets ready while this one works.
        """
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0] != cpu:
            ahead[1].leave()
            ahead = None
        child = ahead[1] if ahead is not None else self._ask(cpu)
        child.deadline = time.monotonic() + START
        try:
            locked = child.exactly(1) == b"!"
        except (Late, Gone):
            locked = False
        if not locked:
            child.end()
            raise Broken(f"a process could not be locked down ({self.tier})")
        self._ahead = cpu, self._ask(cpu)
        return child

    def _ask(self, cpu: int) -> Child:
        inbox, write = os.pipe()
        read, outbox = os.pipe()
        leash, theirs = socket.socketpair()
        child = Child(write, read, leash)
        try:
            socket.send_fds(self._control, [json.dumps({"cpu": cpu}).encode()], [inbox, outbox, theirs.fileno()])
        except OSError as error:
            raise Broken("the sandbox is gone") from error
        finally:
            os.close(inbox)
            os.close(outbox)
            theirs.close()
        return child

    def close(self) -> None:
        """Ends the prepared process and all that it made."""
        if self._ahead is not None:
            self._ahead[1].leave()
            self._ahead = None
        self._control.close()
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._scratch:
            clear(self._scratch)


ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LC_ALL": "C.UTF-8",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
}


@cache
def strongest() -> str:
    """The strongest isolation that works on this machine, found by running code under each."""
    for tier in TIERS[:2]:
        if works(tier):
            return tier
    return "weak"


@cache
def works(tier: str) -> bool:
    """Whether code really runs locked down under this tier here."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        sandbox = Sandbox(tier)
    except Broken:
        return False
    try:
        child = sandbox.child(2)
        child.deadline = time.monotonic() + START
        child.send({"context": [], "answer": [_PROBE], "object": "probe", "driver": "def drive(f, case): return f(case)"})
        child.receive()
        child.send([__file__])
        held = child.receive().get("got") == ("open" if tier == "weak" else "shut")
        child.end()
        return held
    except (Broken, Gone, Late, frames.FrameError, AttributeError):
        return False
    finally:
        sandbox.close()


_PROBE = """
def probe(path):
    import socket
    try:
        socket.socket()
        return "open"
    except OSError:
        pass
    try:
        open(path).close()
        return "open"
    except OSError:
        return "shut"
"""


def _packages() -> list[str]:
    """The folders of what students may import."""
    found = []
    for name in ("numpy", "tinygrad_core"):
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations:
            found.append(os.path.realpath(spec.submodule_search_locations[0]))
    return found


def _python() -> str:
    return os.path.realpath(sys.executable)


def _readable(secret: list[Path]) -> list[str]:
    """The files and folders that a sandbox may read: Python, its libraries, NumPy, the engine; nothing secret in them."""
    base = Path(os.path.realpath(sys.base_prefix))
    wanted = [Path(_python()), Path(os.__file__).resolve().parent, base / "lib", *map(Path, _packages()), HERE / "inside"]
    wanted += [Path(p).with_name("numpy.libs") for p in _packages() if p.endswith("numpy")]
    wanted += [Path(p) for p in ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")]
    paths: list[str] = []
    for path in wanted:
        if path.exists() and not path.is_symlink():
            paths += [str(path)] if path == HERE / "inside" else _without(path, secret)
    return sorted(set(paths))


def _without(path: Path, secret: list[Path]) -> list[str]:
    """The path, or what lies in it but the secret places."""
    if path in secret or any(place in path.parents for place in secret):
        return []
    if not any(path in place.parents for place in secret):
        return [str(path)]
    try:
        children = sorted(path.iterdir())
    except OSError:
        return []
    return [kept for child in children if not child.is_symlink() for kept in _without(child, secret)]


def _bubblewrap(readable: list[str]) -> list[str]:
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"]
    command += ["--uid", "1000", "--gid", "1000"]  # root may not be mapped once more inside
    for name, value in ENVIRONMENT.items():
        command += ["--setenv", name, value]
    for path in readable:
        command += ["--ro-bind", path, path]
    for name in ("lib", "lib64", "bin"):
        if os.path.islink(f"/{name}"):
            command += ["--symlink", os.readlink(f"/{name}"), f"/{name}"]
    return [*command, "--proc", "/proc", "--dev", "/dev", "--dir", "/scratch", "--remount-ro", "/", "--chdir", "/"]
