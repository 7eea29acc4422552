"""binder/ replayed as repo2docker does it: an environment of its own, the repository as home, `postBuild`, `start`."""

import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from lessons.catalog import lessons
from tests.e2e.conftest import stop, wait_until_up
from tests.e2e.jupyter import LONG

pytestmark = pytest.mark.slow
LESSON = lessons()[0]
UNREACHABLE = "Failed to establish a new connection|Temporary failure in name resolution|Network is unreachable"


def run(*command: str | Path, **options) -> str:
    """What a command prints; the test fails, or is skipped where no package index can be reached."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode and re.search(UNREACHABLE, done.stdout):
        pytest.skip("no package index can be reached, so there is no environment to replay binder/ in")
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def image(root: Path, tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """The home of an image that was built: the repository in it, and the variables with which its programs run."""
    version = (root / "binder" / "runtime.txt").read_text().strip()
    wanted = version.removeprefix("python-")
    python = sys.executable if wanted == f"{sys.version_info[0]}.{sys.version_info[1]}" else shutil.which(f"python{wanted}")
    if python is None:
        pytest.skip(f"binder/runtime.txt asks for Python {wanted}, which is not here")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this is no clone: which files would be built is not known")
    build = tmp_path_factory.mktemp("binder")
    home = build / "home"
    for name in filter(None, listed.stdout.split("\0")):
        if (root / name).is_file():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, home / name)
    cache = run(sys.executable, "-m", "pip", "cache", "dir").strip()
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "LANG", "LC_"))}
    variables = {**kept, "HOME": str(home), "PIP_CACHE_DIR": cache, "PATH": f"{build / 'env' / 'bin'}:/usr/bin:/bin"}
    run(python, "-m", "venv", build / "env", env=variables)
    # Its base image brings Jupyter Notebook, and starts it.
    pip = [build / "env" / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
    run(*pip, "notebook>=7", "-r", "binder/requirements.txt", cwd=home, env=variables)
    for script in ("postBuild", "start"):
        (home / "binder" / script).chmod(0o755)
    run("./binder/postBuild", cwd=home, env=variables)
    return home, variables


@pytest.fixture(scope="module")
def url(image, request, artifacts: Path) -> Iterator[str]:
    """Where the image listens once `start` has begun the program that is asked for."""
    home, variables = image
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["./binder/start", "jupyter", request.param, "--ip=127.0.0.1", f"--port={port}", "--no-browser"]
    command += ["--IdentityProvider.token=replay", *["--allow-root"] * (os.geteuid() == 0)]
    log = artifacts / f"binder-{request.param}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=home, env=variables, stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT, start_new_session=True)
    try:
        wait_until_up(process, f"http://127.0.0.1:{port}/api/status?token=replay", log)
        yield f"http://127.0.0.1:{port}/?token=replay"
    finally:
        stop(process)


@pytest.mark.parametrize("url", ["lab"], indirect=True)
def test_where_jupyterlab_is_begun_it_leads_to_the_first_lesson(url: str) -> None:
    with urllib.request.urlopen(url, timeout=60) as answer:
        assert urlsplit(answer.url).path == f"/lab/tree/tinygrad-lessons/{LESSON.id}.ipynb"


@pytest.mark.parametrize("url", ["notebook"], indirect=True)
def test_as_it_is_begun_it_opens_on_the_first_lesson_which_runs(url: str, browser, artifacts: Path) -> None:
    with browser.new_context(viewport={"width": 1280, "height": 1000}) as context:
        page = context.new_page()
        page.goto(url)
        page.wait_for_url(f"**/lab/tree/tinygrad-lessons/{LESSON.id}.ipynb*", timeout=LONG)
        expect(page.get_by_role("heading", name=LESSON.title)).to_be_visible(timeout=LONG)
        idle = page.locator("#jp-main-statusbar").get_by_text(re.compile(r"\| Idle$"))
        expect(idle).to_be_visible(timeout=LONG)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        expect(page.locator(".tgc-form").first).to_be_visible(timeout=LONG)
        page.screenshot(path=str(artifacts / "binder.png"))
