"""A prepared process that forks one locked-down child for each submission: it shares what was imported, no more."""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from . import lockdown, worker

# bubblewrap's network and IPC are empty, and seccomp lets nobody use them: one more of each would cost 1 ms.
_USERS, _PROCESSES, _MOUNTS = 0x10000000, 0x20000000, 0x00020000
CREATIONS = 128  # files and folders that a submission may make in its folder where that is a folder of the disk
FILE = 1 << 19  # bytes of each of them; together they bound what it can fill


def main(control: int, setup: dict[str, Any]) -> None:
    """Serves requests that arrive on a socket, each with its pipes, until the socket closes."""
    for name in setup["preload"]:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    if setup["tier"] == "strong":
        _own_users_and_processes()
        lockdown.seccomp_program(1)  # what every child will call itself
    gc.collect()
    gc.freeze()
    Zygote(socket.socket(fileno=control), setup).serve()


def _own_users_and_processes() -> None:
    """Goes on as the first process of namespaces of its own, in which it may make more of them."""
    user, group = os.getuid(), os.getgid()
    _may(lockdown.libc.unshare(_USERS | _PROCESSES), "unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    first = os.fork()
    if first:
        os.waitpid(first, 0)
        os._exit(0)


class Zygote:
    """Forks children, kills each when the grader lets go of it, tells how it ended, and clears up after it."""

    def __init__(self, control: socket.socket, setup: dict[str, Any]) -> None:
        self._control, self._setup = control, setup
        self._poll = select.poll()
        self._watched: dict[int, Callable[[], None]] = {}  # what to do when this file descriptor has something to say
        self._count = 0
        self._home = os.open("/proc/self/ns/pid", os.O_RDONLY) if setup["tier"] == "strong" else -1

    def serve(self) -> None:
        """Until the grader is gone."""
        self._control.send(b"warm")
        self._watch(self._control.fileno(), self._request)
        while True:
            for handle, _ in self._poll.poll():
                if handle in self._watched:  # not let go of by the one before
                    self._watched[handle]()

    def _watch(self, handle: int, then: Callable[[], None]) -> None:
        self._watched[handle] = then
        self._poll.register(handle, select.POLLIN)

    def _ignore(self, handle: int) -> None:
        if self._watched.pop(handle, None) is not None:
            self._poll.unregister(handle)

    def _request(self) -> None:
        message, handles, _, _ = socket.recv_fds(self._control, 4096, 3)
        if not message:
            if self._setup["scratch"]:
                clear(self._setup["scratch"])
            os._exit(0)
        self._fork(handles, {**self._setup, **json.loads(message)})

    def _fork(self, handles: list[int], setup: dict[str, Any]) -> None:
        inbox, outbox, leash = handles
        ours, theirs = socket.socketpair()  # over which the child hands out the counting of what it makes
        self._count += 1
        if setup["tier"] == "strong":
            setup["scratch"] = "/scratch"
            # A process has one chance to change where its children will live: go back, then leave again.
            _may(lockdown.libc.setns(self._home, _PROCESSES), "setns")
            _may(lockdown.libc.unshare(_PROCESSES), "unshare")
        else:
            setup["scratch"] = os.path.join(setup["scratch"], str(self._count))
            os.mkdir(setup["scratch"], 0o700)
        child = os.fork()
        if child == 0:
            try:
                _inside(inbox, outbox, theirs, setup)
            except Exception:
                traceback.print_exc()  # seen only by who debugs the sandbox
            finally:
                os._exit(1)
        for handle in (inbox, outbox):
            os.close(handle)
        theirs.close()
        ended, counting = os.pidfd_open(child), Counting(CREATIONS)

        def let_go() -> None:
            self._ignore(leash)
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(ended, signal.SIGKILL)

        def begin_counting() -> None:
            self._ignore(ours.fileno())
            _, listeners, _, _ = socket.recv_fds(ours, 1, 1)
            for listener in listeners:
                counting.listener = listener
                self._watch(listener, count)

        def count() -> None:
            if not counting.one():
                self._ignore(counting.listener)

        def end() -> None:
            _, status, used = os.wait4(child, 0)
            for handle in (ended, leash, ours.fileno(), counting.listener):
                self._ignore(handle)
            with contextlib.suppress(OSError):
                os.write(leash, json.dumps([os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime]).encode())
            os.close(ended)
            os.close(leash)
            ours.close()
            counting.close()
            if setup["tier"] != "strong":
                clear(setup["scratch"])

        self._watch(leash, let_go)
        self._watch(ended, end)
        self._watch(ours.fileno(), begin_counting)


class Counting:
    """Answers for the kernel whether a child may make one more file or folder."""

    def __init__(self, left: int) -> None:
        self.left, self.listener = left, -1

    def one(self) -> bool:
        """Answers one question; False when there will be no more."""
        try:
            lockdown.answer(self.listener, self.left > 0)
        except FileNotFoundError:  # who asked is gone
            return True
        except OSError:
            return False
        self.left -= 1
        return True

    def close(self) -> None:
        """Answers no more."""
        if self.listener >= 0:
            os.close(self.listener)


def clear(folder: str) -> None:
    """Removes a folder and all in it, whatever rights were taken from what lies there; links are not followed."""
    with contextlib.suppress(OSError):
        os.chmod(folder, 0o700)
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    clear(entry.path)
                else:
                    os.unlink(entry.path)
        os.rmdir(folder)


def _may(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), what)


def _inside(inbox: int, outbox: int, warden: socket.socket, setup: dict[str, Any]) -> None:
    """Drops every right and runs the student's code; ends with exit code 97 when a layer did not take hold."""
    tier, scratch, locked = setup["tier"], setup["scratch"], setup["tier"] in ("strong", "good")
    nothing = os.open("/dev/null", os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    kept = [2, *sorted((inbox, outbox, warden.fileno())), 1 << 20]
    for before, after in pairwise(kept):
        os.closerange(before + 1, after)
    if tier == "strong":
        _may(lockdown.libc.unshare(_MOUNTS), "unshare")
        _may(lockdown.libc.mount(b"tmpfs", b"/scratch", b"tmpfs", 0, b"size=8m,nr_inodes=256,mode=700"), "mount")
    os.chdir(scratch)
    sys.argv = [""]
    os.environ.clear()
    os.environ.update({"HOME": scratch, "TMPDIR": scratch})
    if locked and not (lockdown.no_privileges() and lockdown.landlock(setup["readable"], [scratch, "/dev/null"])):
        os._exit(97)
    lockdown.limits(setup["memory"], setup["cpu"], file_size=FILE if tier == "good" else 1 << 20)
    if tier == "good":
        # A folder of the disk has no size of its own: the zygote counts what is made in it.
        listener = lockdown.count_creations()
        if listener < 0:
            os._exit(97)
        socket.send_fds(warden, [b"!"], [listener])
        os.close(listener)
    warden.close()
    if locked and not lockdown.seccomp():
        os._exit(97)
    os.write(outbox, b"!")  # locked: from here on the grader may send the student's code
    worker.serve(inbox, outbox)
