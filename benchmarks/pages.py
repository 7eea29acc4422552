"""How long each lesson computes and how much memory its kernel takes: a fresh folder, two cores, no network.

    python benchmarks/pages.py          every lesson, with every exercise solved and every question answered
    python benchmarks/pages.py 06 08    some of them

Where bubblewrap is installed, each runs in a network namespace of its own, which has nothing but itself. The bars: 3 minutes
and 2 GB. Cells of a real framework run where it is installed, in a process beside the kernel, which is counted by itself.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

MINUTES, GIGABYTES = 3, 2
_PEAK = "import resource; print([resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)])"


def measured(id: str) -> dict:
    """Runs one lesson here: its seconds, the slowest cell, the peak of the kernel and of its largest child in GB."""
    import nbformat
    from nbclient import NotebookClient

    from lessons.catalog import lessons
    from lessons.folder import update
    from lessons.grader.progress import FILE, Progress
    from lessons.notebook import notebook

    lesson = next(one for one in lessons() if one.id == id)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        update(folder)
        with Progress(folder / FILE) as store:
            for question in lesson.questions():
                store.predict(question, "an answer", "a guess", False)
            for claim in lesson.claims().values():
                store.vote(claim.id, claim.verdict, "a guess", True)
                store.vote(claim.id, claim.verdict, "certain", True)
        page = notebook(lesson, "reference")
        page.cells.append(nbformat.v4.new_code_cell(_PEAK))
        client = NotebookClient(page, timeout=600, resources={"metadata": {"path": place}})
        start = time.perf_counter()
        client.execute()  # stops at an error
        seconds = time.perf_counter() - start
    cells = [cell for cell in page.cells if cell.cell_type == "code"]
    kernel, child = json.loads(cells[-1].outputs[0].text)
    slowest = max(cells, key=_took)
    return {
        "id": id, "seconds": seconds, "kernel": kernel / 1e6, "child": child / 1e6,
        "slowest": _took(slowest), "cell": slowest.source.splitlines()[0],
    }  # fmt: skip


def _took(cell) -> float:
    times = cell.metadata.get("execution", {})
    ends = [times.get(f"iopub.{which}") for which in ("execute_input", "status.idle")]
    begin, end = (datetime.fromisoformat(one) if one else None for one in ends)
    return (end - begin).total_seconds() if begin and end else 0.0


def main(wanted: list[str]) -> None:
    """Prints a table, a row for each lesson; exits with 1 when a bar is missed."""
    from lessons.catalog import lessons

    alone = ["bwrap", "--dev-bind", "/", "/", "--unshare-net", "--"] if shutil.which("bwrap") else []
    cores = sorted(os.sched_getaffinity(0))[:2]
    os.sched_setaffinity(0, cores)
    print(f"{len(cores)} cores, {'no network' if alone else 'network as it is: bubblewrap is not installed'}\n")
    print("lesson                             seconds   kernel GB   child GB   slowest cell")
    missed = False
    for lesson in lessons():
        if wanted and lesson.id[:2] not in wanted:
            continue
        command = [*alone, sys.executable, __file__, "--one", lesson.id]
        done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{lesson.id} stopped:\n{done.stderr}")
        row = json.loads(done.stdout.splitlines()[-1])
        missed |= row["seconds"] > 60 * MINUTES or max(row["kernel"], row["child"]) > GIGABYTES
        print(
            f"{row['id']:34} {row['seconds']:7.1f}   {row['kernel']:9.2f}   {row['child']:8.2f}"
            f"   {row['slowest']:4.1f} s  {row['cell'][:48]}", flush=True,
        )  # fmt: skip
    sys.exit(missed)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measured(sys.argv[2])))
    else:
        main(sys.argv[1:])
