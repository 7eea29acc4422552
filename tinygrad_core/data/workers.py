"""Worker processes that prepare batches ahead: arrays come back through shared memory, errors with their traceback."""
from __future__ import annotations

import os
import pickle
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
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
    from multiprocessing.connection import wait

    # Forked workers take data sets defined in a notebook; elsewhere they must be importable.
    context: Any = get_context("fork" if sys.platform == "linux" else "spawn")
    resource_tracker.ensure_running()       # one for all: it cleans up if every process here is killed
    token, number = os.urandom(4).hex(), 0
    workers: list[Any] = []
    waiting: deque[tuple[Any, Any, str]] = deque()
    rest = iter(tasks)

    def hand_out(process: Any, pipe: Any) -> None:
        nonlocal number
        for task in rest:
            number += 1
            name = f"tgc{token}{number:x}"
            waiting.append((process, pipe, name))
            with suppress(OSError):         # a worker that is gone is noticed when its answer is waited for
                pipe.send((task, name))
            return

    try:
        for k in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(fetch, theirs, seed + k, k, start), daemon=True)
            process.start()
            theirs.close()
            workers.append((process, ours))
        for _ in range(_AHEAD):
            for process, pipe in workers:
                hand_out(process, pipe)
        while waiting:
            process, pipe, name = waiting[0]
            try:
                sizes = pipe.recv() if pipe in wait([pipe, process.sentinel]) else None
            except (EOFError, OSError):
                sizes = None
            if sizes is None:
                process.join()
                raise EngineError(f"a worker process of the DataLoader ended (exit code {process.exitcode}) before its "
                                  "batch was ready. Was it killed for its memory? num_workers=0 loads without workers.")
            waiting.popleft()
            failed, result, text = _receive(name, sizes)
            if failed:
                raise result from WorkerTraceback(text)
            hand_out(process, pipe)
            yield result
    finally:
        for process, pipe in workers:
            process.terminate()
            process.join()
            pipe.close()
        for _, _, name in waiting:
            _discard(name)


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
            answer: tuple[bool, Any, str] = (False, fetch(task), "")
            sizes = _send(name, answer)
        except Exception as error:
            text = traceback.format_exc()
            try:
                pickle.loads(pickle.dumps(error))
            except Exception:
                error = EngineError(f"{type(error).__name__}: {error}")
            sizes = _send(name, (True, error, text))
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
    at = 0
    for part, size in zip(parts, sizes, strict=True):
        memory[at:at + size] = part
        at += size
    del memory
    block.close()
    return sizes


def _receive(name: str, sizes: list[int]) -> Any:
    """Take an answer out of its block, which is given back."""
    from multiprocessing.shared_memory import SharedMemory

    block = SharedMemory(name)
    memory: Any = block.buf
    parts, at = [], 0
    for size in sizes:
        parts.append(bytearray(memory[at:at + size]))
        at += size
    del memory
    block.close()
    block.unlink()
    return pickle.loads(parts[0], buffers=parts[1:])


def _discard(name: str) -> None:
    """Give back the block of an answer that nobody waits for any longer, if it was made."""
    from multiprocessing.shared_memory import SharedMemory

    try:
        block = SharedMemory(name)
    except FileNotFoundError:
        return
    except ValueError:          # the worker was ended after it had made the block, and before it had given it a size
        _unlink_empty("/" + name)
        return
    block.close()
    block.unlink()


def _unlink_empty(path: str) -> None:
    """Remove a block that has no memory yet, which cannot be opened as others are."""
    import _posixshmem  # type: ignore[import-not-found]

    _posixshmem.shm_unlink(path)
