"""Takes rights away from this process, one way: limits, capabilities, Landlock, seccomp. Linux, through ctypes."""

import ctypes
import errno
import fcntl
import os
import platform
import resource
import struct
from collections.abc import Sequence
from functools import cache

libc = ctypes.CDLL(None, use_errno=True)

_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _PR_SET_DUMPABLE = 22, 38, 4
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000

# System calls by name, for x86-64 and for ARM64: what no exercise needs and what reaches other processes.
_DENIED = {
    "x86_64": (
        "socket=41 connect=42 bind=49 listen=50 socketpair=53 ptrace=101 process_vm_readv=310 process_vm_writev=311 "
        "mount=165 umount2=166 pivot_root=155 chroot=161 unshare=272 setns=308 bpf=321 keyctl=250 add_key=248 "
        "request_key=249 io_uring_setup=425 userfaultfd=323 perf_event_open=298 kexec_load=246 init_module=175 "
        "finit_module=313 pidfd_getfd=438 pidfd_open=434 pidfd_send_signal=424 personality=135 kcmp=312 "
        "open_by_handle_at=304 name_to_handle_at=303 memfd_create=319 fork=57 vfork=58 execve=59 execveat=322 "
        "tkill=200 rt_sigqueueinfo=129 rt_tgsigqueueinfo=297 setpriority=141 sched_setaffinity=203 "
        "sched_setscheduler=144 sched_setparam=142 sched_setattr=314 ioprio_set=251 shmget=29 shmat=30 semget=64 "
        "msgget=68 mq_open=240 chmod=90 fchmod=91 fchmodat=268 fchmodat2=452 chown=92 fchown=93 lchown=94 fchownat=260 "
        "utime=132 utimes=235 futimesat=261 utimensat=280 setxattr=188 lsetxattr=189 fsetxattr=190 removexattr=197 "
        "lremovexattr=198 fremovexattr=199 inotify_init1=294 fanotify_init=300 swapon=167 reboot=169 migrate_pages=256 "
        "move_pages=279 mount_setattr=442 open_tree=428 move_mount=429 fsopen=430 process_madvise=440 "
        "fallocate=285 link=86 linkat=265 symlink=88 symlinkat=266 mknod=133 mknodat=259"
    ),
    "aarch64": (
        "socket=198 connect=203 bind=200 listen=201 socketpair=199 ptrace=117 process_vm_readv=270 process_vm_writev=271 "
        "mount=40 umount2=39 pivot_root=41 chroot=51 unshare=97 setns=268 bpf=280 keyctl=219 add_key=217 "
        "request_key=218 io_uring_setup=425 userfaultfd=282 perf_event_open=241 kexec_load=104 init_module=105 "
        "finit_module=273 pidfd_getfd=438 pidfd_open=434 pidfd_send_signal=424 personality=92 kcmp=272 "
        "open_by_handle_at=265 name_to_handle_at=264 memfd_create=279 execve=221 execveat=281 "
        "tkill=130 rt_sigqueueinfo=138 rt_tgsigqueueinfo=240 setpriority=140 sched_setaffinity=122 "
        "sched_setscheduler=119 sched_setparam=118 sched_setattr=274 ioprio_set=30 shmget=194 shmat=196 semget=190 "
        "msgget=186 mq_open=180 fchmod=52 fchmodat=53 fchmodat2=452 fchown=55 fchownat=54 utimensat=88 setxattr=5 "
        "lsetxattr=6 fsetxattr=7 removexattr=14 lremovexattr=15 fremovexattr=16 inotify_init1=26 fanotify_init=262 "
        "swapon=224 reboot=142 migrate_pages=238 move_pages=239 mount_setattr=442 open_tree=428 move_mount=429 "
        "fsopen=430 process_madvise=440 fallocate=47 linkat=37 symlinkat=36 mknodat=33"
    ),
}
_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CLONE, _KILLS, _PRLIMIT = (
    {"x86_64": 56, "aarch64": 220},
    {"x86_64": (62, 234), "aarch64": (129, 131)},  # kill, tgkill
    {"x86_64": 302, "aarch64": 261},
)
_IOCTL = {"x86_64": 16, "aarch64": 29}
_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # is it a terminal, how much can be read, close on exec, ...
_CLONE3, _OPENAT2 = 435, 437
# What makes files and folders, with the place of the flags among its arguments; None when it always does.
_MAKES: dict[str, dict[int, int | None]] = {
    "x86_64": {2: 1, 257: 2, 85: None, 83: None, 258: None},  # open, openat, creat, mkdir, mkdirat
    "aarch64": {56: 2, 34: None},
}
_MAKING = 0x400040  # O_CREAT, O_TMPFILE
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_ASK, _CONTINUE = 0x7FC00000, 1
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
# Landlock's names for what may be done in a folder: write and read a file, list, remove both, make both, truncate.
_SCRATCH = 2 | 4 | 8 | 16 | 32 | 128 | 256 | 1 << 14


def limits(memory: int, cpu: int, files: int = 64, file_size: int = 1 << 20) -> None:
    """Memory in bytes, CPU time in seconds; at the second CPU limit the process is killed outright."""
    for name, soft, hard in (
        ("AS", memory, memory),
        ("CPU", cpu, cpu + 1),
        ("NPROC", 64, 64),
        ("FSIZE", file_size, file_size),
        ("NOFILE", files, files),
        ("CORE", 0, 0),
        ("STACK", 64 << 20, 64 << 20),
    ):
        what = getattr(resource, f"RLIMIT_{name}", None)
        if what is None:
            continue
        ceiling = resource.getrlimit(what)[1]
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        resource.setrlimit(what, (soft, hard))


def no_privileges() -> bool:
    """No capabilities, and none to be had from any program; other processes may not look inside."""
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    header = struct.pack("Ii", 0x20080522, 0)
    return libc.syscall({"x86_64": 126, "aarch64": 91}.get(platform.machine(), -1), header, bytes(24)) == 0


def landlock(readable: Sequence[str], writable: Sequence[str] = ()) -> bool:
    """From now on only these files and folders can be opened; the network and foreign signals are out of reach."""
    version = libc.syscall(444, None, 0, 1)
    if version < 1:
        return False
    rights = (1 << 13) - 1
    for since, right in ((2, 13), (3, 14), (5, 15)):
        if version >= since:
            rights |= 1 << right
    attributes = struct.pack("QQQ", rights, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    rules = libc.syscall(444, attributes, 24 if version >= 6 else 16 if version >= 4 else 8, 0)
    if rules < 0:
        return False
    for paths, access in ((readable, 4 | 8), (writable, _SCRATCH & rights)):  # 4 read a file, 8 a folder
        for path in paths:
            try:
                handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue
            allowed = access if os.path.isdir(path) else access & (2 | 4 | 1 << 14)
            libc.syscall(445, rules, 1, struct.pack("=Qi", allowed, handle), 0)
            os.close(handle)
    done = libc.syscall(446, rules, 0) == 0
    os.close(rules)
    return done


def seccomp() -> bool:
    """No network, no new processes, no signals to others, nothing that changes what belongs to others."""
    return platform.machine() in _DENIED and _install(seccomp_program(os.getpid()), 0) == 0


@cache
def seccomp_program(own: int) -> bytes:
    """The filter of system calls for the process that calls itself by that number; worth making ahead."""
    machine, refuse = platform.machine(), _ERRNO | errno.EPERM
    load, equal, above, some, leave = 0x20, 0x15, 0x35, 0x45, 0x06
    number, first, second = 0, 16, 0  # offsets in the record of a call
    program = [(load, 0, 0, 4), (equal, 1, 0, _AUDIT[machine]), (leave, 0, 0, _KILL), (load, 0, 0, number)]
    if machine == "x86_64":
        program += [(above, 0, 1, 0x40000000), (leave, 0, 0, refuse)]  # the other ABI
    # glibc then uses clone and openat, whose flags a filter can see: a thread may be made, a process may not.
    for unseen in (_CLONE3, _OPENAT2):
        program += [(equal, 0, 1, unseen), (leave, 0, 0, _ERRNO | errno.ENOSYS)]
    program += [(equal, 0, 4, _CLONE[machine]), (load, 0, 0, first), (some, 1, 0, 0x10000), (leave, 0, 0, refuse)]
    program += [(leave, 0, 0, _ALLOW)]
    for call in _KILLS[machine]:
        program += [(equal, 0, 4, call), (load, 0, 0, first), (equal, 1, 0, own), (leave, 0, 0, refuse)]
        program += [(leave, 0, 0, _ALLOW)]
    program += [(equal, 0, 5, _PRLIMIT[machine]), (load, 0, 0, first), (equal, 2, 0, own), (equal, 1, 0, second)]
    program += [(leave, 0, 0, refuse), (leave, 0, 0, _ALLOW)]
    # Some ask a file system for space that counts for no file's size.
    program += [(equal, 0, 3 + len(_IOCTLS), _IOCTL[machine]), (load, 0, 0, 24)]
    program += [(equal, 1 + left, 0, one) for left, one in zip(reversed(range(len(_IOCTLS))), _IOCTLS)]
    program += [(leave, 0, 0, _ERRNO | errno.ENOTTY), (leave, 0, 0, _ALLOW)]
    for entry in _DENIED[machine].split():
        program += [(equal, 0, 1, int(entry.split("=")[1])), (leave, 0, 0, refuse)]
    program.append((leave, 0, 0, _ALLOW))
    return _code(program)


def count_creations() -> int:
    """From now on the kernel asks before this process makes a file or a folder; returns where it asks, or -1.

    The flags stand in registers, which nobody can change after the question; a path, in memory, could be.
    """
    machine = platform.machine()
    if machine not in _MAKES:
        return -1
    load, equal, some, leave = 0x20, 0x15, 0x45, 0x06
    program = [(load, 0, 0, 4), (equal, 1, 0, _AUDIT[machine]), (leave, 0, 0, _ALLOW), (load, 0, 0, 0)]
    for call, flags in _MAKES[machine].items():
        if flags is None:
            program += [(equal, 0, 1, call), (leave, 0, 0, _ASK)]
        else:
            program += [(equal, 0, 4, call), (load, 0, 0, 16 + 8 * flags), (some, 0, 1, _MAKING), (leave, 0, 0, _ASK)]
            program += [(leave, 0, 0, _ALLOW)]
    program.append((leave, 0, 0, _ALLOW))
    return _install(_code(program), 8)


def answer(listener: int, may: bool) -> None:
    """Answers the kernel's next question: go on, or the folder is full."""
    question = bytearray(80)
    fcntl.ioctl(listener, _RECEIVE, question, True)
    (id,) = struct.unpack_from("Q", question)
    fcntl.ioctl(listener, _SEND, struct.pack("QqiI", id, 0, 0 if may else -errno.EDQUOT, _CONTINUE if may else 0))


class _Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]


def _code(program: Sequence[tuple[int, int, int, int]]) -> bytes:
    return b"".join(struct.pack("HBBI", *line) for line in program)


def _install(code: bytes, flags: int) -> int:
    """Adds a filter of system calls; negative when that failed."""
    buffer = ctypes.create_string_buffer(code, len(code))
    made = _Filter(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    return libc.syscall(_SECCOMP[platform.machine()], 1, flags, ctypes.byref(made))
