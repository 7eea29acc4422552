"""Works through what is not marked yet: on this machine's cores with warm workers, or on a Dask cluster."""

import atexit
import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lessons.classroom import mark as marking
from lessons.classroom.mark import Job, Mark, mark
from lessons.classroom.sandbox import Broken
from lessons.classroom.submissions import Submission, answers
from lessons.grader.exercise import Exercise

if TYPE_CHECKING:  # a worker imports this module and knows no database
    from lessons.classroom.gradebook import Gradebook

TRIES = 3  # workers that may die over one job before a person must look


def jobs(submissions: Sequence[Submission], exercises: Sequence[Exercise], book: "Gradebook", tier: str) -> list[Job]:
    """What is to be marked: what is new, and what changed in the submission or in the exercise."""
    known, secret = book.known(), book.secret()
    versions = {exercise.id: version(exercise) for exercise in exercises}
    todo = []
    for submission in submissions:
        for exercise in exercises:
            context, answer, problem = answers(submission, exercise)
            now = hashlib.sha256(json.dumps([versions[exercise.id], context, answer, problem]).encode()).hexdigest()
            if known.get((submission.student, exercise.id)) == now:
                continue
            folder = str(exercise.folder.resolve())
            todo.append(
                Job(submission.student, exercise.id, folder, tier, secret, now, tuple(context), tuple(answer), problem)
            )
    return todo


def version(exercise: Exercise) -> str:
    """Changes when anything in the exercise's folder changes that a mark depends on."""
    digest = hashlib.sha256()
    for name in ("exercise.toml", "exercise.py", "cases.py"):
        digest.update((exercise.folder / name).read_bytes() + b"\0")
    return digest.hexdigest()


def local(todo: Sequence[Job], workers: int | None = None) -> Iterator[Mark]:
    """Marks on this machine's cores, in the order in which they are ready; a worker that dies loses nothing."""
    count = min(workers or os.cpu_count() or 1, max(1, len(todo)))
    left = {(job.student, job.exercise): job for job in todo}
    tries: dict[tuple[str, str], int] = {}
    barren = 0  # times in a row that the workers died with nothing marked
    while left:
        with ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), initializer=_begin) as pool:
            try:
                for made in _drain(pool, left, 4 * count, tries):
                    barren = 0
                    yield made
            except BrokenProcessPool:
                barren += 1
                if barren > 2 * TRIES:
                    raise Broken("the workers die before they have marked anything") from None
                yield from _given_up(left, tries)


def _drain(pool: Any, left: dict[Any, Job], ahead: int, tries: dict[Any, int]) -> Iterator[Mark]:
    """Keeps a few jobs ahead of the workers, so that one death puts few in doubt."""
    waiting = iter(list(left.items()))
    running: dict[Future[Mark], Any] = {}
    try:
        while True:
            while len(running) < ahead and (item := next(waiting, None)) is not None:
                running[pool.submit(mark, item[1])] = item[0]
            if not running:
                return
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                made = done.result()
                del left[running.pop(done)]
                yield made
    except BrokenProcessPool:
        for key in running.values():
            tries[key] = tries.get(key, 0) + 1
        raise


def _given_up(left: dict[Any, Job], tries: dict[Any, int]) -> Iterator[Mark]:
    for key in [key for key, count in tries.items() if count >= TRIES and key in left]:
        job = left.pop(key)
        yield _unmarked(job, "the workers that tried to mark it died")


def _unmarked(job: Job, why: str) -> Mark:
    told = [{"say": "This could not be marked automatically. A person will look at it."}]
    points = float(Exercise(Path(job.folder)).points)
    return Mark(job.student, job.exercise, job.version, "error", maximum=points, trouble=why, feedback=told)


def _begin() -> None:
    import signal

    from lessons.classroom.inside import lockdown

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the grader's business
    lockdown.libc.prctl(1, signal.SIGKILL, 0, 0, 0)  # and no worker outlives the grader
    atexit.register(marking.close)


def cluster(todo: Sequence[Job], address: str) -> Iterator[Mark]:
    """The same on a Dask cluster. A worker may die in the middle: Dask gives its jobs to another one."""
    from distributed import Client, as_completed

    everything = {(job.student, job.exercise): job for job in todo}
    with Client(address, set_as_default=False) as client:
        futures = {client.submit(mark, job, key=f"mark-{job.version}-{job.student}-{job.exercise}"): k
                   for k, job in everything.items()}  # fmt: skip
        for future in as_completed(list(futures), loop=client.loop):
            job = everything.pop(futures.pop(future))
            yield future.result() if future.status == "finished" else _unmarked(job, f"the cluster: {future.exception()}")


def work(
    todo: Sequence[Job],
    book: "Gradebook",
    made: Callable[[Mark], Any],
    scheduler: str = "",
    workers: int | None = None,
) -> None:
    """Marks everything, each mark written when it arrives."""
    for mark_ in cluster(todo, scheduler) if scheduler else local(todo, workers):
        book.write(mark_)
        made(mark_)
