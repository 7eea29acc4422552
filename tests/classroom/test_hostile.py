"""Submissions that cheat, break out, break down or never end: each gets its mark, and the run goes on."""

import contextlib
import os
import select
import socket
import subprocess
import sys
import tempfile

import pytest

from lessons.classroom import mark as marking
from lessons.classroom import sandbox
from lessons.classroom.exports import said
from lessons.classroom.mark import Job, mark

RIGHT = "import math\ndef softmax(x):\n    e = [math.exp(v - max(x)) for v in x]\n    return [p / sum(e) for p in e]\n"
NAIVE = "import math\ndef softmax(x):\n    e = [math.exp(v) for v in x]\n    return [p / sum(e) for p in e]\n"


def then(*lines: str) -> str:
    """A function that does something and then answers rightly."""
    body = "".join(f"    {line}\n" for line in lines)
    return f"import math, os, sys\n_right = None\n{RIGHT}_right = softmax\ndef softmax(x):\n{body}    return _right(x)\n"


def tries(*lines: str) -> str:
    """The same; what the sandbox forbids is caught and passed over."""
    return then("try:", *(f"    {line}" for line in lines), "except Exception: pass")


def gives(value: str) -> str:
    return f"import math, os, sys\nimport numpy as np\ndef softmax(x):\n    return {value}\n"


class_ = "class Same(list):\n    def __eq__(self, other): return True\n    def __len__(self): return 2\n"
PICKLE = "class Bomb:\n    def __reduce__(self): return (os.system, ('touch /tmp/tgc-bomb',))\n"

# name: (source, status, what the message says)
SUBMISSIONS = {
    "right": (RIGHT, "passed", ""),
    "with all that a page asks for": (
        "from lessons import ask, check, course_map, parsons, solution\nimport lessons\nlessons.plot(len, at=1)\n"
        + RIGHT + "check('softmax', softmax)\nparsons('softmax')\nsolution('softmax')\ncourse_map()",
        "passed",
        "",
    ),
    "wrong": ("def softmax(x):\n    return [2 * v * v + 1 for v in x]", "failed", "add up to"),
    "right on the visible case": (NAIVE, "partial", "case that you cannot see"),
    "endless loop": ("def softmax(x):\n    while True: pass", "failed", "did not come to its end"),
    "endless loop that ignores signals": (
        "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\ndef softmax(x):\n    while True: pass",
        "failed",
        "did not come to its end",
    ),
    "endless loop when loaded": ("while True: pass\ndef softmax(x): return x", "failed", "did not come to its end"),
    "8 GB": (gives("[float(bytearray(8 << 30)[0])] * 2"), "failed", "more memory"),
    "8 GB bit by bit": (
        "def softmax(x):\n    a = []\n    while True: a.append(bytes(1 << 26))",
        "failed",
        "more memory",
    ),
    "sys.exit": (gives("sys.exit(0)"), "failed", "tried to leave"),
    "os._exit": (gives("os._exit(0)"), "failed", "ended the process"),
    "os._exit when loaded": ("import os\nos._exit(0)", "failed", "ended the process"),
    "aborts": (gives("os.abort()"), "failed", "ended from within"),
    "kills its parent": (tries("os.kill(os.getppid(), 9)"), "passed", ""),
    "kills everybody": (tries("os.kill(-1, 9)"), "passed", ""),
    "replaces numpy.testing": (
        "import numpy as np\nnp.testing.assert_allclose = np.allclose = lambda *a, **k: True\ndef softmax(x): return x",
        "failed",
        "",
    ),
    "replaces builtins": (
        "import builtins, math\nbuiltins.all = builtins.isinstance = lambda *a: True\n"
        "math.isclose = lambda *a, **k: True\ndef softmax(x): return x",
        "failed",
        "",
    ),
    "replaces the checker": (
        "import sys\nfor m in list(sys.modules.values()):\n    for n in ('same', 'plain', 'mark', 'judge'):\n"
        "        try: setattr(m, n, lambda *a: True)\n        except Exception: pass\ndef softmax(x): return x",
        "failed",
        "",
    ),
    "equals everything": (class_ + "def softmax(x): return Same(x)", "failed", ""),
    "walks frames for the reference": (
        "import sys\ndef softmax(x):\n    f = sys._getframe()\n    while f:\n        for v in list(f.f_locals.values()):\n"
        "            if callable(v) and 'reference' in repr(v): return v(x)\n        f = f.f_back\n    return x",
        "failed",
        "",
    ),
    "walks gc for the expected numbers": (
        "import gc\ndef softmax(x):\n    found = [o for o in gc.get_objects() if type(o) is list and len(o) == 2\n"
        "             and all(type(v) is float and 0 < v < 1 for v in o) and abs(sum(o) - 1) < 1e-9]\n"
        "    return found[0] if found else x",
        "failed",
        "",
    ),
    "reads /proc": (
        "import os\ndef softmax(x):\n    for p in os.listdir('/proc'):\n        if p.isdigit():\n"
        "            for n in ('mem', 'maps', 'environ', 'cmdline'):\n"
        "                open(f'/proc/{p}/{n}', 'rb').read(1 << 16)\n"
        "    return x",
        "failed",
        "",
    ),
    "opens a socket": (gives("__import__('socket').socket() and x"), "failed", "PermissionError"),
    "connects": (tries("import socket", "socket.create_connection(('127.0.0.1', 22), 1)"), "passed", ""),
    "forks without end": (tries("for _ in range(200): os.fork()"), "passed", ""),
    "starts a shell": (gives("os.system('true') == 0 and x"), "failed", ""),
    "threads without end": (
        tries(
            "import threading, time",
            "rest = lambda: threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
            "for _ in range(500): rest()",
        ),
        "passed",
        "",
    ),
    "prints 1 GB": (then("for _ in range(64): print('x' * (1 << 24))"), "passed", ""),
    "writes 1 GB to its output": (then("for _ in range(64): os.write(1, b'x' * (1 << 24))"), "passed", ""),
    "writes to every handle": (
        tries("for h in range(3, 64):", "    try: os.write(h, b'junk' * 100)", "    except OSError: pass"),
        "failed",
        "not plain data",
    ),
    "forges a frame": (
        "import os, struct\ndef softmax(x):\n    h = b'{\"dict\": [[\"got\", {\"array\": [\"<f8\", [1000000000]]}]]}'\n"
        "    for f in range(3, 64):\n        try: os.write(f, struct.pack('<I', len(h)) + h)\n        except OSError: pass\n"
        "    return x",
        "failed",
        "not plain data",
    ),
    "fills the disk": (
        tries("for i in range(10 ** 6): open(f'f{i}', 'wb').write(b'x' * (1 << 20))"),
        "passed",
        "",
    ),
    "returns NaN": (gives("[float('nan')] * 2"), "failed", "exp(1000)"),
    "returns a huge array": (gives("np.zeros((1 << 14, 1 << 12))"), "failed", ""),
    "returns a huge list": (gives("[0.5] * 10 ** 6"), "failed", ""),
    "returns a pickle bomb": ("import os\n" + PICKLE + "def softmax(x): return Bomb()", "failed", ""),
    "returns itself": ("def softmax(x):\n    a = []\n    a.append(a)\n    return a", "failed", ""),
    "returns a lone surrogate": (gives("'\\ud800'"), "failed", ""),
    "returns a number with a million digits": (gives("[10 ** 10 ** 6, 1]"), "failed", ""),
    "returns nothing": (gives("None"), "failed", ""),
    "syntax error": ("def softmax(x:\n    return x", "failed", "not Python"),
    "null byte": ("def softmax(x):\n    return '\0'", "failed", ""),
    "deep nesting": ("(" * 50_000, "failed", ""),
    "raises what cannot be shown": (
        "class E(BaseException):\n    def __str__(self): raise self\ndef softmax(x): raise E()",
        "failed",
        "error",
    ),
    "calls itself": ("def softmax(x): return softmax(x)", "failed", "calls itself"),
    "another name": ("def soft_max(x): return x", "failed", "not in what you handed in"),
    "a class that lies about itself": (
        "class L(float):\n    __class__ = list\n    def __getattribute__(self, n): raise SystemExit\n"
        "def softmax(x): return [L(1), L(2)]",
        "failed",
        "",
    ),
    "swaps the driver's hands": (
        "import builtins\nbuiltins.list = lambda *a: [0.5, 0.5]\ndef softmax(x): return x",
        "failed",
        "",
    ),
}


@pytest.mark.parametrize("name", SUBMISSIONS)
def test_every_submission_gets_its_mark(softmax, tier, name):
    source, status, words = SUBMISSIONS[name]
    made = _mark(softmax, tier, source)
    assert (made.status, made.isolation) == (status, tier), made
    assert made.points == {"passed": 4, "partial": 2, "failed": 0}[status]
    told = "\n".join(said(part) for part in made.feedback)
    assert words in told and (told or status == "passed"), told
    assert "1000.0" not in told, "something of the hidden case was echoed"


def test_nothing_outside_can_be_read_changed_or_reached(softmax, tier, tmp_path, monkeypatch):
    """A neighbour's file, the reference, the hidden cases, the environment, a server: all out of reach."""
    neighbour = tmp_path / "neighbour.py"
    neighbour.write_text("mine")
    tmp_path.chmod(0o777)
    neighbour.chmod(0o666)
    monkeypatch.setenv("CLASS_SECRET", "in the environment")
    server = socket.create_server(("127.0.0.1", 0))
    server.setblocking(False)
    places = [str(neighbour), str(softmax.folder / "cases.py"), str(softmax.folder / "exercise.py"), "/etc/passwd"]
    source = f"""
import os
def reach(what):
    try:
        what()
        return True
    except BaseException:
        return False
def softmax(x):
    import socket, shutil
    got = [reach(lambda p=p: open(p).read()) for p in {places!r}]
    got += [reach(lambda: open({str(neighbour)!r}, "w")), reach(lambda: os.remove({str(neighbour)!r}))]
    got += [reach(lambda: os.chmod({str(neighbour)!r}, 0)), reach(lambda: os.rename({str(neighbour)!r}, "/scratch/x"))]
    got += [reach(lambda: open({str(tmp_path / 'new')!r}, "w")), reach(lambda: os.symlink("/etc", {str(tmp_path / 'l')!r}))]
    got += [reach(lambda: open("/proc/1/environ", "rb").read()), "CLASS_SECRET" in os.environ]
    got += [reach(lambda: socket.create_connection(("127.0.0.1", {server.getsockname()[1]}), 2))]
    got += [reach(lambda: os.kill({os.getpid()}, 0)), reach(os.fork)]
    return [str(got), 0.0]
"""
    monkeypatch.setattr("lessons.classroom.mark.LOSSES", 1)
    made = _mark(softmax, tier, source)
    told = next(part for part in made.feedback if "yours" in part)["yours"]
    assert "True" not in told and told.count("False") == 15, told
    assert neighbour.read_text() == "mine" and neighbour.stat().st_mode & 0o777 == 0o666
    assert sorted(p.name for p in tmp_path.iterdir()) == ["neighbour.py"]
    with pytest.raises(BlockingIOError):
        server.accept()
    server.close()


def test_the_scratch_folder_is_each_submissions_own(softmax, tier):
    """What one leaves behind, the next does not find."""
    writes = "open('f/left', 'w').write('here')"
    leaves = then("os.makedirs('f', exist_ok=True)", writes, "assert open('f/left').read() == 'here'")
    finds = "import os\ndef softmax(x): return [str(os.listdir('.')), 0.0]"
    assert _mark(softmax, tier, leaves).status == "passed"
    (told,) = [part["yours"] for part in _mark(softmax, tier, finds).feedback if "yours" in part]
    assert told == "['[]', 0.0]"


def test_a_scratch_folder_of_the_disk_is_removed_whatever_was_done_to_it(softmax, tmp_path, monkeypatch):
    """Without bubblewrap it lies on the disk: nothing of it may stay, not even when the grader is killed."""
    if not sandbox.works("good"):
        pytest.skip("Landlock does not work here")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    marking.close()
    leaves = tries("os.umask(0o777)", "open('d', 'w').write('x')", "os.makedirs('a/b')", "open('a/b/c', 'w')")
    assert _mark(softmax, "good", leaves).status == "passed"
    (base,) = tmp_path.iterdir()
    for _ in range(1000):  # it is cleared away while the next ones are marked
        if not (base / "1").exists():
            break
        assert _mark(softmax, "good", RIGHT).status == "passed"
    assert not (base / "1").exists()
    marking.close()
    assert list(tmp_path.iterdir()) == []


def test_a_grader_that_dies_leaves_no_folder(tmp_path):
    if not sandbox.works("good"):
        pytest.skip("Landlock does not work here")
    code = "from lessons.classroom.sandbox import Sandbox; import os; b = Sandbox('good'); b.child(2); print(b._process.pid)"
    grader = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; sys.stdout.flush(); os.kill(os.getpid(), 9)"],
        env={**os.environ, "TMPDIR": str(tmp_path)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert grader.returncode == -9, grader.stderr
    prepared = int(grader.stdout)
    with contextlib.suppress(ProcessLookupError):
        ended = os.pidfd_open(prepared)
        select.select([ended], [], [], 60)
        os.close(ended)
    assert list(tmp_path.iterdir()) == []


# What fills a folder, as lines that end with `made`, a size in bytes that must stay below the bound.
FILLING = {
    "large files": ["for i in range(10 ** 4):", "    open(f'f{i}', 'wb').write(bytes(1 << 19))"],
    "files that are removed while they are open": [
        "import mmap",
        "for i in range(10 ** 4):",
        "    f = open('f', 'wb+')",
        "    f.write(bytes(1 << 19))",
        "    kept.append(mmap.mmap(f.fileno(), 4096))",
        "    f.close(), os.unlink('f')",
    ],
    "space that counts for no size": [
        "import ctypes",
        "f = open('f', 'wb')",
        "assert ctypes.CDLL(None).fallocate(f.fileno(), 1, ctypes.c_long(0), ctypes.c_long(1 << 30)) == 0",
    ],
    "folders": ["for i in range(10 ** 5): os.mkdir(f'd{i}')"],
    "names for one file": ["open('f', 'w')", "for i in range(10 ** 5): os.link('f', f'l{i}')"],
    "links": ["for i in range(10 ** 5): os.symlink('x' * 200, f'l{i}')"],
    "files without a name": ["for i in range(10 ** 5): kept.append(os.open('.', os.O_TMPFILE | os.O_RDWR))"],
    "pipes": ["for i in range(10 ** 5): os.mkfifo(f'p{i}')"],
    "nodes": ["for i in range(10 ** 5): os.mknod(f'n{i}')"],
    "one large file": ["f = open('f', 'wb')", "for i in range(1 << 10): f.write(bytes(1 << 20))"],
    "a hole and its end": ["os.truncate(open('f', 'wb').name, 1 << 40)"],
}


@pytest.mark.parametrize("name", FILLING)
def test_the_scratch_folder_cannot_be_filled(softmax, tier, name):
    """Whatever is tried, it ends with an error soon, and what was made is small."""
    body = "\n".join(f"        {line}" for line in FILLING[name])
    source = f"""
import os, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def softmax(x):
    kept = []
    try:
{body}
        said = 'nothing stopped it'
    except BaseException as error:
        said = type(error).__name__
    size = names = 0
    for where, folders, files in os.walk('.'):
        names += len(folders) + len(files)
        size += sum(os.lstat(os.path.join(where, f)).st_blocks * 512 for f in files)
    return [said + ' ' + str(names <= 256) + ' ' + str(size <= 1 << 26), float(len(kept) <= 256)]
"""
    told = next(part for part in _mark(softmax, tier, source).feedback if "yours" in part)["yours"]
    assert told.endswith("True True', 1.0]") and "nothing stopped it" not in told, told


def test_ordinary_files_are_no_trouble(softmax, tier):
    """A temporary folder, arrays saved and loaded, a file that is written again and again."""
    uses = then(
        "import tempfile, numpy as np",
        "with tempfile.TemporaryDirectory() as d:",
        "    np.save(d + '/a.npy', np.arange(1000.0))",
        "    assert np.load(d + '/a.npy').sum() == 499500",
        "with tempfile.NamedTemporaryFile() as f:",
        "    f.write(b'x'), f.flush()",
        "for i in range(3): open('log', 'a').write('line')",
        "os.rename('log', 'old')",
        "assert os.listdir('.') == ['old'] and os.path.getsize('old') % 12 == 0",
    )
    made = _mark(softmax, tier, uses)
    assert made.status == "passed", made.feedback


def test_the_next_submission_is_unharmed(softmax, tier):
    for source in ("import os\nos._exit(3)", "import builtins\nbuiltins.len = None\nimport numpy\nnumpy.zeros = None", RIGHT):
        last = _mark(softmax, tier, source)
    assert last.status == "passed"


def test_cells_in_another_order(softmax, tier):
    """Helpers and imports that stand after the answer are found; what fails among them does not matter."""
    answer = "def softmax(x):\n    return share([math.exp(v - top(x)) for v in x])"
    context = ["def share(e):\n    return [p / total(e) for p in e]", "1 / 0", "%matplotlib inline\nimport math"]
    context += ["total = plus\ntop = max", "plus = sum", "while True: pass", 'check("softmax", softmax)', "def broken(:"]
    job = Job("ada", softmax.id, str(softmax.folder), tier, "k", "1", tuple(context), (answer,))
    assert mark(job).status == "passed"


def _mark(exercise, tier, *answer):
    return mark(Job("ada", exercise.id, str(exercise.folder), tier, "secret", "1", (), answer))
