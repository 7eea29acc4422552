"""What every test may ask for: the order of the rooms, one browser, shared data, a place for artefacts."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.axe import Axe

# The same examples in every run; `--hypothesis-profile=search` looks for new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile("repeatable")

ROOT = Path(__file__).resolve().parent.parent

# A container has no sandbox to give and no graphics card; nothing may phone home.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Quick tests first: a broken engine should be reported before a browser has started.
ORDER = ("engine", "widgets", "lessons", "", "e2e")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--artifacts",
        default=str(ROOT / "artifacts"),
        help="folder for screenshots and logs (default: artifacts/ in the repository)",
    )
    parser.addoption("--device", default="cpu", choices=("cpu", "cuda", "emulated"),
                     help="where the engine's tests compute (default: cpu); without a GPU those of cuda are skipped, and "
                          "emulated is NumPy with CuPy's manners")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def room(item: pytest.Item) -> int:
        parts = item.path.relative_to(ROOT / "tests").parts
        name = parts[0] if len(parts) > 1 else ""
        return ORDER.index(name) if name in ORDER else ORDER.index("")

    items.sort(key=room)  # stable: within a room the order stays as collected
    for item in items:
        if item.path.is_relative_to(ROOT / "tests" / "e2e"):
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The browser that all tests share."""
    from tests.e2e import chromium

    sync_api = pytest.importorskip("playwright.sync_api", reason="the dev extra installs Playwright")
    path = chromium.find()
    if path is None:
        pytest.fail(chromium.HELP, pytrace=False)
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=FLAGS)
        print(f"browser: {running.version} at {path}")
        yield running
        running.close()


@pytest.fixture(scope="session")
def npm() -> Path:
    """The folder of the front end with all its tools installed."""
    folder = ROOT / "widgets"
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed: the front end's own checks need Node.js")
    tools = json.loads((folder / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    if not all((folder / "node_modules" / tool).is_dir() for tool in tools):
        done = subprocess.run(["npm", "ci"], cwd=folder, capture_output=True, text=True, timeout=600)
        if done.returncode:
            pytest.skip(f"npm ci failed, so the front end was not checked: {done.stderr[-300:]}")
    return folder


@pytest.fixture(scope="session")
def axe(npm: Path) -> Axe:
    """Finds what keeps people out of a page."""
    return Axe(npm / "node_modules" / "axe-core" / "axe.min.js")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; a test that needs it is skipped without it."""
    path = ROOT.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip(f"real data not here: no folder {path}")
    return path


@pytest.fixture(scope="session")
def artifacts(request: pytest.FixtureRequest) -> Path:
    """Where screenshots and logs are kept."""
    path = Path(request.config.getoption("--artifacts")).resolve()
    path.mkdir(parents=True, exist_ok=True)
    return path
