"""One JupyterLab, started by the real `tgc lab`, shared by all tests that need one."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.e2e.jupyter import Lab

START_SECONDS = 120


@dataclass
class Server:
    """A running JupyterLab."""

    url: str
    token: str
    folder: Path
    log: Path


@contextlib.contextmanager
def serve(home: Path, log: Path, *arguments: str) -> Iterator[Server]:
    """Run `tgc lab` on the learner's folder in `home` until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    folder = home / "tinygrad-lessons"
    # A learner with an empty home: nothing of this machine's Jupyter settings may leak in.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JUPYTER", "IPYTHON", "XDG_", "PYTEST", "COV"))
    } | {"HOME": str(home)}
    command = [sys.executable, "-m", "lessons.cli", "lab", "--dir", str(folder), "--"]
    command += ["--no-browser", f"--port={port}", "--ServerApp.port_retries=0"]
    command += [f"--IdentityProvider.token={token}", "--expose-app-in-browser", *arguments]
    if os.geteuid() == 0:
        command.append("--allow-root")
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_up(process, f"{url}/api/status?token={token}", log)
        yield Server(url, token, folder, log)
    finally:
        stop(process)


def wait_until_up(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            urllib.request.urlopen(url, timeout=5).close()
            return
        time.sleep(0.2)
    pytest.fail(f"`tgc lab` did not come up; its log:\n{log.read_text()[-4000:]}", pytrace=False)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the server to end, its kernels with it; insist after a while."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=30)
            return


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The learner's home folder: empty at first."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def server(home: Path, artifacts: Path) -> Iterator[Server]:
    """The JupyterLab that the tests share."""
    log = artifacts / "lab.log"
    log.unlink(missing_ok=True)
    with serve(home, log) as running:
        yield running


@pytest.fixture(scope="session")
def open_lab(browser: Browser) -> Iterator[Callable[[Server, str], Lab]]:
    """Opens a notebook of a server in a window of its own."""
    with contextlib.ExitStack() as windows:

        def open_(server: Server, notebook: str) -> Lab:
            context = browser.new_context(viewport={"width": 1280, "height": 1000})
            windows.callback(context.close)
            return Lab(context, server.url, server.token, notebook)

        yield open_
