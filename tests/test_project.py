"""The project as a whole: clean under its tools, whole when installed, lean when imported."""
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest


def run(*command: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, **options)


@pytest.mark.parametrize("tool", [("ruff", "check", "."), ("mypy",)], ids=lambda tool: tool[0])
def test_tools_find_nothing(root, tool):
    result = run(sys.executable, "-m", *tool, cwd=root)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_engine_imports_numpy_and_the_standard_library_alone(root):
    program = """
import sys
before = set(sys.modules)
import numpy
with_numpy = {name.partition(".")[0] for name in sys.modules}
import tinygrad_core
extra = {name.partition(".")[0] for name in sys.modules} - with_numpy - set(sys.stdlib_module_names)
print(sorted(extra - {"tinygrad_core"}))
"""
    result = run(sys.executable, "-c", program, cwd=root)
    assert result.stdout.strip() == "[]", result.stdout + result.stderr


def layers(root: Path, package: str, allowed: str) -> list[str]:
    """Imports of the project's packages that an arrow in the wrong direction would need."""
    found = []
    for path in (root / package).rglob("*.py"):
        if "course" in path.parts or "node_modules" in path.parts:
            continue
        for line in path.read_text(encoding="utf-8").splitlines():
            match = re.match(r"\s*(?:from|import) (lessons|widgets|tinygrad_core)(\.\w+)?", line)
            if match and match[1] != package and not re.fullmatch(allowed, match[1] + (match[2] or "")):
                found.append(f"{path.relative_to(root)}: {line.strip()}")
    return found


def test_imports_point_only_downwards(root):
    assert layers(root, "tinygrad_core", r"") == []
    assert layers(root, "widgets", r"tinygrad_core(\.recording)?") == []
    assert layers(root, "lessons", r"(tinygrad_core|widgets)(\.\w+)?") == []


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # Without Node.js and without a compiler: the front end ships built, and nothing else needs building.
    result = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=root,
                 env={"PATH": str(folder), "HOME": str(folder)})
    assert result.returncode == 0, result.stdout + result.stderr
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_what_a_learner_needs_and_no_sources_of_the_front_end(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for needed in ("widgets/static/stepper.js", "widgets/static/parsons.js", "lessons/course/course.md",
                   "tinygrad_core/recording.schema.json",
                   "lessons/course/01-numbers-that-remember/lesson.md"):
        assert needed in names
    assert not [n for n in names if n.endswith((".ts", "package.json")) or "node_modules" in n or n.startswith("tests/")]


def test_the_wheel_works_when_installed(wheel, tmp_path):
    venv.create(tmp_path / "env", with_pip=False)
    site = next((tmp_path / "env").glob("lib/python*/site-packages"))
    zipfile.ZipFile(wheel).extractall(site)
    # Dependencies are borrowed from the environment that runs the tests; the project itself is not.
    borrowed = [p for p in sys.path if p.endswith("site-packages")]
    (site / "borrowed.pth").write_text("\n".join(borrowed))
    program = """
import lessons, tinygrad_core as tg, widgets
from tinygrad_core.recording import record
x = tg.tensor(2.0, requires_grad=True)
with record() as rec:
    (x * x).backward()
print(len(widgets.GraphStepper(rec)._esm) > 10_000, x.grad.item(), tg.__file__)
"""
    python = str(tmp_path / "env" / "bin" / "python")
    result = run(python, "-c", program, cwd=tmp_path, env={"PATH": "", "HOME": str(tmp_path)})
    assert result.stdout.startswith("True 4.0 " + str(tmp_path)), result.stdout + result.stderr


def test_the_project_names_no_host_of_a_package_registry(root):
    listed = run("git", "ls-files", cwd=root)
    files = listed.stdout.split() if listed.returncode == 0 else []
    hosts = re.compile("|".join(["registry" + r"\.npmjs", "files" + r"\.pythonhosted", "pypi" + r"\.org/simple"]))
    named = [f for f in files if (root / f).is_file() and (root / f).suffix != ".png"
             and hosts.search((root / f).read_text(encoding="utf-8", errors="replace"))]
    assert named == []
