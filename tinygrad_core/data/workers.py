"""Worker processes that prepare batches ahead: arrays come back through shared memory, errors with their traceback."""
from __future__ import annotations

import os
import pickle
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import accumulate, cycle
from typing import Any

import numpy as np

from ..device import manual_seed
from ..errors import EngineError

_AHEAD = 2      # batches that each worker prepares before they are asked for


class WorkerTraceback(Exception):
    """The traceback of an error that a worker process raised, as text; the cause of the error raised here."""

    def __str__(self) -> str:
        return f"\n\nin a worker process of the DataLoader:\n{self.args[0]}"


def batches(fetch: Callable[[Any], Any], tasks: Iterable[Any], count: int, seed: int,
            start: Callable[[int], None] | None = None) -> Iterator[Any]:
    """`fetch(task)` for each task, in order, computed by `count` processes.

    Args:
        fetch: makes one batch; runs in the workers.
        tasks: what to hand to it, such as lists of indices.
        count: how many processes.
        seed: worker k's random streams start from `seed + k`.
        start: called in each worker first, with its number.
    """
    from multiprocessing import get_context, resource_tracker

    # Forked workers take data sets defined in a notebook; elsewhere they must be importable.
    context: Any = get_context("fork" if sys.platform == "linux" else "spawn")
    resource_tracker.ensure_running()       # one for all: it cleans up if every process here is killed
    token = os.urandom(4).hex()
    workers: list[Any] = []
    waiting: deque[tuple[Any, Any, str]] = deque()
    try:
        for k in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(fetch, theirs, seed + k, k, start), daemon=True)
            process.start()
            theirs.close()
            workers.append((process, ours))
        for number, (task, (process, pipe)) in enumerate(zip(tasks, cycle(workers))):
            ready = [_next(waiting)] if len(waiting) == count * _AHEAD else []
            name = f"tgc{token}{number:x}"
            waiting.append((process, pipe, name))
            with suppress(OSError):         # a worker that is gone is noticed when its answer is waited for
                pipe.send((task, name))
            yield from ready
        while waiting:
            yield _next(waiting)
    finally:
        for process, pipe in workers:
            process.terminate()
            process.join()
            pipe.close()
        for _, _, name in waiting:
            _discard(name)


def _next(waiting: deque[tuple[Any, Any, str]]) -> Any:
    """The batch that was asked for first, when its worker has it."""
    from multiprocessing.connection import wait

    process, pipe, name = waiting[0]
    try:
        sizes = pipe.recv() if pipe in wait([pipe, process.sentinel]) else None
    except (EOFError, OSError):
        sizes = None
    if sizes is None:
        process.join()
        raise EngineError(f"a worker process of the DataLoader ended (exit code {process.exitcode}) before its batch "
                          "was ready. Was it killed for its memory? num_workers=0 loads without workers.")
    waiting.popleft()
    failure, result = _receive(name, sizes)
    if failure is not None:
        raise result from WorkerTraceback(failure)
    return result


def _work(fetch: Callable[[Any], Any], pipe: Any, seed: int, number: int, start: Callable[[int], None] | None) -> None:
    """A worker's life: fetch what is asked for until it is ended."""
    import signal
    import threading

    signal.signal(signal.SIGINT, signal.SIG_IGN)        # Ctrl+C is the parent's to handle; it ends the workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    manual_seed(seed)
    np.random.seed(seed % (1 << 32))
    if start is not None:
        start(number)
    while True:
        task, name = pipe.recv()
        try:
            sizes = _send(name, (None, fetch(task)))
        except Exception as error:
            text = traceback.format_exc()
            try:
                pickle.loads(pickle.dumps(error))
            except Exception:
                error = EngineError(f"{type(error).__name__}: {error}")
            sizes = _send(name, (text, error))
        pipe.send(sizes)


def _end_with_parent() -> None:
    """Wait until the parent is gone, however it went, and go too."""
    from multiprocessing import parent_process
    from multiprocessing.connection import wait

    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _send(name: str, answer: Any) -> list[int]:
    """Put an answer into a new block of shared memory: its pickle, then the memory of every array in it."""
    from multiprocessing.shared_memory import SharedMemory

    buffers: list[pickle.PickleBuffer] = []
    parts = [memoryview(pickle.dumps(answer, 5, buffer_callback=buffers.append)), *[b.raw() for b in buffers]]
    sizes = [part.nbytes for part in parts]
    block = SharedMemory(name, create=True, size=sum(sizes))
    memory: Any = block.buf
    for part, size, end in zip(parts, sizes, accumulate(sizes), strict=True):
        memory[end - size:end] = part
    del memory
    block.close()
    return sizes


def _receive(name: str, sizes: list[int]) -> Any:
    """Take an answer out of its block, which is given back."""
    from multiprocessing.shared_memory import SharedMemory

    block = SharedMemory(name)
    memory: Any = block.buf
    parts = [bytearray(memory[end - size:end]) for size, end in zip(sizes, accumulate(sizes), strict=True)]
    del memory
    block.close()
    block.unlink()
    return pickle.loads(parts[0], buffers=parts[1:])


def _discard(name: str) -> None:
    """Give back the block of an answer that nobody waits for any longer, if it was made."""
    from multiprocessing.shared_memory import SharedMemory

    try:
        block = SharedMemory(name)
        block.close()
        block.unlink()
    except FileNotFoundError:
        return
    except ValueError:          # the worker was ended after it had made the block, and before it had given it a size
        import _posixshmem  # type: ignore[import-not-found]

        _posixshmem.shm_unlink("/" + name)
