"""How fast a class is marked under the strongest sandbox that works here: `python benchmarks/grading.py`."""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lessons.catalog import lessons
from lessons.classroom import mark as marking
from lessons.classroom import run, sandbox
from lessons.classroom.gradebook import Gradebook
from lessons.classroom.mark import Job, mark
from lessons.classroom.submissions import Piece, Submission

LOOP = "\n\nwhile True:\n    pass\n"


def answers(exercise):
    return [exercise.rung("reference"), *(wrong.source for wrong in exercise.wrong())]


def warm(tier, exercise, count):
    jobs = [Job(f"s{i}", exercise.id, str(exercise.folder), tier, "k", "1", (), (exercise.rung("reference"),)) for i in range(count)]
    mark(jobs[0])
    times = [mark(job).seconds * 1000 for job in jobs]
    marking.close()
    return statistics.median(times)


def timed(jobs, workers):
    with tempfile.TemporaryDirectory() as folder:
        book, seen = Gradebook(f"sqlite:///{folder}/marks.db"), []
        start = time.perf_counter()
        run.work(jobs, book, seen.append, workers=workers)
        seconds = time.perf_counter() - start
        assert len(book.marks()) == len(jobs) and not any(m.status == "error" for m in seen)
        book.close()
    return seconds


def class_of(students, exercises, tier, loops=0.0):
    """Notebooks with every exercise answered, rightly or in a known wrong way; some never end."""
    handed_in = []
    for i in range(students):
        cells = []
        for exercise in exercises:
            source = answers(exercise)[i % len(answers(exercise))] + f"\n# {i}"
            if loops and i % round(1 / loops) == 0:
                source = LOOP + source
            cells.append({"cell_type": "code", "metadata": {"exercise": exercise.id}, "source": source})
        data = json.dumps({"cells": cells}).encode()
        handed_in.append(Submission(f"s{i:04}", f"s{i:04}", files=[Piece("a.ipynb", data)]))
    book = Gradebook("sqlite://")
    jobs = run.jobs(handed_in, exercises, book, tier)
    book.close()
    return jobs


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--workers", type=int, default=2)
    arguments.add_argument("--part", type=float, default=1.0, help="of the full numbers, to try it out")
    arguments.add_argument("--tier", default=sandbox.strongest(), choices=sandbox.TIERS)
    chosen = arguments.parse_args()
    tier, part, workers = chosen.tier, chosen.part, chosen.workers
    print(f"isolation {tier}, {workers} workers")
    exercises = list(lessons()[0].exercises().values())
    for exercise in exercises:
        print(f"warm median, {exercise.id}: {warm(tier, exercise, round(200 * part)):.1f} ms", flush=True)
    jobs = class_of(round(1000 * part), exercises[:1], tier)
    seconds = timed(jobs, workers)
    print(f"{len(jobs)} submissions: {seconds:.1f} s, {len(jobs) / seconds * 60:.0f} a minute", flush=True)
    jobs = class_of(round(1000 * part), exercises[:1], tier, loops=0.02)
    print(f"{len(jobs)} submissions, 2 % endless loops: {timed(jobs, workers):.1f} s", flush=True)
    start = time.perf_counter()
    jobs = class_of(round(500 * part), (exercises * 4)[:10], tier)
    # The same exercise more than once in a class: each time under a name of its own.
    jobs = [Job(**{**vars(job), "student": f"{job.student}-{n}"}) for n, job in enumerate(jobs)]
    timed(jobs, workers)
    print(f"{len(jobs)} exercises in {round(500 * part)} notebooks: {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
