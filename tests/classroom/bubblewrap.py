"""Installs bubblewrap for the sandbox's tests where that is possible: `python tests/classroom/bubblewrap.py`."""

import os
import shutil
import subprocess
import sys


def main() -> None:
    """Debian's package, as root; elsewhere the tests of that tier say why they are skipped."""
    if shutil.which("bwrap") or not sys.platform.startswith("linux"):
        return
    if not shutil.which("apt-get") or os.geteuid() != 0:
        print("Sandbox: no bubblewrap; its tests are skipped. On Debian or Ubuntu: sudo apt install bubblewrap")
        return
    print("Sandbox: installing Debian's bubblewrap: apt-get install bubblewrap", flush=True)
    quiet = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, "stdout": subprocess.DEVNULL}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", "bubblewrap"]):
        if subprocess.run(["apt-get", "-q", *command], **quiet).returncode != 0:
            print("Sandbox: that did not work here; its tests are skipped.")
            return


if __name__ == "__main__":
    main()
