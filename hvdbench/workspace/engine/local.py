"""Run independent jobs, one for each clip, in this process or in a pool of processes.

Each job draws its randomness from its own name, so the engine changes only how long a run takes, never its result.
"""

import logging
import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from types import FrameType
from typing import TypeVar

from hvdbench.errors import HvdbenchError, InputError
from hvdbench.workspace.atomic import drop_unfinished

logger = logging.getLogger(__name__)

J = TypeVar("J")
R = TypeVar("R")


@dataclass(frozen=True)
class Engine:
    """The engine ``local``, which runs jobs in worker processes on this machine."""

    workers: int = 1

    def map(self, function: Callable[[J], R], jobs: Sequence[J]) -> Iterator[tuple[int, R]]:
        """Yield (index, result) as jobs finish; the first failure is raised, and jobs that still run are stopped.

        Args:
            function: a module-level function, so that a worker process can import it.
            jobs: picklable arguments.

        Raises:
            InputError: if a job needs data that only this process has, or a worker process was killed.
        """
        if self.workers <= 1 or len(jobs) <= 1:
            yield from ((index, function(job)) for index, job in enumerate(jobs))
            return
        check_sendable(jobs[0])
        context = multiprocessing.get_context("spawn")
        before = set(multiprocessing.active_children())
        pool = ProcessPoolExecutor(min(self.workers, len(jobs)), mp_context=context, initializer=_start_worker)
        waiting = {pool.submit(function, job): index for index, job in enumerate(jobs)}
        try:
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        except BrokenProcessPool as error:  # the others have been ended by the pool
            raise InputError(
                "a worker process was killed, as the system does when memory runs out: run the same command again, "
                f"which goes on where it was, if need be with fewer than {self.workers} workers (--engine local:N)"
            ) from error
        except BaseException:
            for worker in set(multiprocessing.active_children()) - before:
                worker.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def check_sendable(job: object) -> None:
    """Refuse a job that no other process can do, such as one with an address in this process's memory.

    What else may keep a job from being sent is left to the engine.

    Raises:
        HvdbenchError: the sentence of what cannot be sent.
    """
    try:
        pickle.dumps(job)
    except HvdbenchError:
        raise
    except Exception as error:  # pickle raises errors of many kinds
        logger.debug("a job cannot be pickled: %s", error)


def _start_worker() -> None:
    """Keep a worker to one thread, make it ignore Ctrl-C, and end it with the process that started it.

    One thread is enough, because the pool fills the cores. Ctrl-C reaches the parent, which stops its workers; a worker
    that is stopped removes what it has not finished.
    """
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = "1"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_leave_with_parent, args=(os.getppid(),), daemon=True).start()


def _leave(number: int, frame: FrameType | None) -> None:
    drop_unfinished()  # an exception would end only the job, and the worker would start the next one
    os._exit(128 + number)


def _leave_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    drop_unfinished()
    os._exit(1)


def thread_map(function: Callable[[J], R], items: Sequence[J], workers: int) -> Iterator[R]:
    """Yield ``function(item)`` in order, computed by threads, which suits OpenCV and NumPy since they free the lock."""
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        yield from pool.map(function, items)


def usable_cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
