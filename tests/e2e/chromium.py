"""Finds the Chromium that the browser tests drive, or installs one: `python tests/e2e/chromium.py`."""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC_APPS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
HELP = (
    "No Chromium found. `make test` installs one; or install Chromium or Chrome yourself "
    "and, where it is not on the PATH, say where it is: CHROMIUM=/path/to/chromium make test"
)


def find() -> str | None:
    """The path of a Chromium or Chrome that runs, or None. The variable CHROMIUM wins."""
    named = os.environ.get("CHROMIUM")
    if named:
        path = shutil.which(named)
        if path is None or not runs(path):
            raise FileNotFoundError(f"CHROMIUM={named} is not a browser that can be run.")
        return path
    candidates = [shutil.which(name) for name in NAMES] + list(MAC_APPS)
    for path in candidates:
        if path and runs(path):
            return path
    path = playwrights_own()
    return path if runs(path) else None


def runs(path: str) -> bool:
    """Whether the program starts: Ubuntu's `chromium-browser` may be only a note to use a snap."""
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0


def playwrights_own() -> str:
    """Where `playwright install chromium` puts its browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return playwright.chromium.executable_path


def install() -> None:
    """Install Debian's package where that is possible, else Playwright's own download."""
    if shutil.which("apt-get") and os.geteuid() == 0:
        # Without the recommended packages, but with a font: a bare container has none.
        packages = ["chromium", "fonts-dejavu-core"]
        print("Browser: none found; installing Debian's: apt-get install chromium", flush=True)
        if apt_get("update") and apt_get("install", "--no-install-recommends", *packages):
            return
        print("Browser: that did not work here.", flush=True)
    print("Browser: downloading Playwright's own: playwright install chromium", flush=True)
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)


def apt_get(*arguments: str) -> bool:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    answer = subprocess.run(
        ["apt-get", "--yes", *arguments], env=environment, capture_output=True, text=True
    )
    if answer.returncode:
        print(answer.stderr.strip(), flush=True)
    return answer.returncode == 0


def main() -> int:
    try:
        path = find()
        if path is None:
            install()
            path = find()
    except FileNotFoundError as error:
        print(f"Browser: {error}")
        return 1
    print(f"Browser: {path}" if path else f"Browser: {HELP}", flush=True)
    return 0 if path else 1


if __name__ == "__main__":
    sys.exit(main())
