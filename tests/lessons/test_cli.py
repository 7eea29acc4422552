"""The `tgc` command, started as a person starts it."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from lessons.folder import shipped
from lessons.grader.progress import FILE, Progress

TGC = [sys.executable, "-c", "from lessons.cli import app; app()"]


def tgc(*arguments, **options):
    return subprocess.run([*TGC, *map(str, arguments)], capture_output=True, text=True, timeout=120, **options)


def test_exercise_test_proves_all_of_them():
    done = tgc("exercise", "test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✓ overwrites draws “overwrites”" in done.stdout and "✗" not in done.stdout


def test_exercise_test_of_one():
    done = tgc("exercise", "test", "nudge")
    assert done.returncode == 0 and "Nudge from both sides" in done.stdout
    assert "backward:" not in done.stdout


def test_exercise_test_of_none_says_which_there_are():
    done = tgc("exercise", "test", "nugde")
    assert done.returncode == 1
    assert "Did you mean “nudge”? There are: nudge, value, operators, backward" in done.stderr
    assert "Traceback" not in done.stderr


def test_progress_before_and_after(tmp_path):
    assert "Nothing yet" in tgc("progress", "--dir", tmp_path).stdout
    with Progress(tmp_path / FILE) as store:
        store.attempt("nudge", "x", True, None)
    said = tgc("progress", "--dir", tmp_path).stdout
    assert "✓ solved" in said and "exercises 1 of 4 · questions 0 of" in said
    assert "Nothing to review today; next on" in said


def test_lab_makes_the_folder_and_passes_arguments_on(tmp_path):
    folder = tmp_path / "my lessons"
    first = tgc("lab", "--dir", folder, "--version")
    assert first.returncode == 0, first.stderr
    assert "New in" in first.stdout
    assert re.search(r"^\d+\.\d+", first.stdout, re.MULTILINE), "JupyterLab said its version"
    assert (folder / "01-numbers-that-remember.ipynb").is_file()
    second = tgc("lab", "--dir", folder, "--", "--version")
    assert second.returncode == 0 and "New in" not in second.stdout


def test_lab_leaves_a_changed_lesson_alone_and_says_how_to_get_the_new_one(tmp_path):
    page = tmp_path / "01-numbers-that-remember.ipynb"
    page.write_text("mine")
    done = tgc("lab", "--dir", tmp_path, "--version")
    assert page.read_text() == "mine"
    assert f"tgc fresh 01-numbers-that-remember --dir {tmp_path}" in done.stdout
    fresh = tgc("fresh", "01-numbers-that-remember", "--dir", tmp_path)
    assert fresh.returncode == 0
    new = json.loads((tmp_path / "01-numbers-that-remember-new.ipynb").read_text())
    assert new["nbformat"] == 4 and page.read_text() == "mine"
    assert "tgc fresh" not in tgc("lab", "--dir", tmp_path, "--version").stdout


def test_lab_says_plainly_when_the_folder_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    done = tgc("lab", "--dir", tmp_path / "file")
    assert done.returncode == 1
    assert "is a file" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="sends Ctrl-C as a signal")
def test_lab_opens_jupyterlab_with_our_settings_and_ends_on_ctrl_c(tmp_path):
    log = tmp_path / "log"
    folder = tmp_path / "lessons"
    with log.open("w") as out:
        lab = subprocess.Popen(
            [*TGC, "lab", "--dir", str(folder), "--no-browser", "--port=0"],
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            # Tests that run in the background ignore this signal, and so would what they start.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        try:
            base, page, token = address(log, lab)
            answers(base, lab)
            assert page.endswith("/lab/tree/01-numbers-that-remember.ipynb")
            settings = get(base, "lab/api/settings", token)["settings"]
            merged = {one["id"]: one["schema"].get("properties") for one in settings if "schema" in one}
            news = merged["@jupyterlab/apputils-extension:notification"]
            assert news["fetchNews"]["default"] == "false"
            widgets = merged["@jupyter-widgets/jupyterlab-manager:plugin"]
            assert widgets["saveState"]["default"] is True
            names = sorted(f["name"] for f in get(base, "api/contents", token)["content"])
            assert names == sorted(shipped())
            ended = press_ctrl_c(lab)
        finally:
            lab.kill()
    assert ended, log.read_text()
    with pytest.raises(urllib.error.URLError):  # the server was this process, not a child left behind
        get(base, "api", token)


def press_ctrl_c(lab):
    """As a person does: again, when the server that was still starting has lost the first one."""
    for _ in range(5):
        lab.send_signal(signal.SIGINT)
        try:
            lab.wait(timeout=15)
            return True
        except subprocess.TimeoutExpired:
            continue
    return False


def address(log, lab):
    """Waits until the server says where it is."""
    for _ in range(600):
        found = re.search(r"(http://(?:localhost|127\.0\.0\.1):\d+/)(\S*)\?token=(\w+)", log.read_text())
        if found:
            return found[1], found[1] + found[2], found[3]
        assert lab.poll() is None, log.read_text()
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def answers(base, lab):
    """Waits until the server listens: it prints its address a moment earlier."""
    at = urllib.parse.urlsplit(base)
    for _ in range(600):
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection((at.hostname, at.port)):
            return
        assert lab.poll() is None, "the server ended before it listened"
        time.sleep(0.1)
    raise AssertionError(f"nothing listens at {base}")


def get(base, path, token):
    request = urllib.request.Request(base + path, headers={"Authorization": f"token {token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)
