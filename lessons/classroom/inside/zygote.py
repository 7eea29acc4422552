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
from typing import Any

from . import lockdown, worker

# bubblewrap's network and IPC are empty, and seccomp lets nobody use them: one more of each would cost 1 ms.
_NAMESPACES = 0x10000000 | 0x20000000 | 0x00020000  # user, process ids, mounts


def main(control: int, setup: dict[str, Any]) -> None:
    """Serves requests that arrive on a socket, each with its pipes, until the socket closes."""
    sock = socket.socket(fileno=control)
    for name in setup["preload"]:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()
    sock.send(b"warm")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the middle processes
    while True:
        try:
            message, handles, _, _ = socket.recv_fds(sock, 4096, 3)
        except InterruptedError:
            continue
        if not message:
            os._exit(0)
        if os.fork() == 0:
            sock.close()
            try:
                _between(handles, {**setup, **json.loads(message)})
            except Exception:
                traceback.print_exc()  # seen only by who debugs the sandbox
            finally:
                os._exit(1)
        for handle in handles:
            os.close(handle)


def _between(handles: list[int], setup: dict[str, Any]) -> None:
    """Stands between grader and child: kills the child when the grader lets go, and tells how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    inbox, outbox, leash = handles
    if setup["tier"] == "strong":
        _own_namespaces()
    child = os.fork()
    if child == 0:
        os.close(leash)
        try:
            _inside(inbox, outbox, setup)
        finally:
            os._exit(0)
    os.close(inbox)
    os.close(outbox)
    ended = os.pidfd_open(child)
    poll = select.poll()
    poll.register(leash, select.POLLIN)
    poll.register(ended, select.POLLIN)
    poll.poll()
    with contextlib.suppress(ProcessLookupError):
        if not select.select([ended], [], [], 0)[0]:
            os.kill(child, signal.SIGKILL)
    _, status, used = os.wait4(child, 0)
    cpu = used.ru_utime + used.ru_stime
    with contextlib.suppress(OSError):
        os.write(leash, json.dumps([os.waitstatus_to_exitcode(status), cpu]).encode())
    os._exit(0)


def _own_namespaces() -> None:
    """From the next fork on: alone with its own processes and its own scratch folder."""
    user, group = os.getuid(), os.getgid()
    if lockdown.libc.unshare(_NAMESPACES) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    if lockdown.libc.mount(b"tmpfs", b"/scratch", b"tmpfs", 0, b"size=8m,nr_inodes=256,mode=700") != 0:
        raise OSError(ctypes.get_errno(), "mount")


def _inside(inbox: int, outbox: int, setup: dict[str, Any]) -> None:
    """Drops every right and runs the student's code; ends with exit code 97 when a layer did not take hold."""
    nothing = os.open("/dev/null", os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    low, high = sorted((inbox, outbox))
    for first, last in ((3, low), (low + 1, high), (high + 1, 1 << 20)):
        os.closerange(first, last)
    tier, scratch = setup["tier"], setup["scratch"]
    if scratch:
        os.chdir(scratch)
    sys.argv = [""]
    os.environ.clear()
    os.environ.update({"HOME": scratch or "/", "TMPDIR": scratch or "/"})
    if tier in ("strong", "good"):
        writable = [scratch, "/dev/null"] if tier == "strong" else ["/dev/null"]
        if not (lockdown.no_privileges() and lockdown.landlock(setup["readable"], writable)):
            os._exit(97)
    lockdown.limits(setup["memory"], setup["cpu"])
    if tier in ("strong", "good") and not lockdown.seccomp():
        os._exit(97)
    os.write(outbox, b"!")  # locked: from here on the grader may send the student's code
    worker.serve(inbox, outbox)
