"""Run independent jobs on the workers of a Dask cluster (``dask.distributed``), which may be other machines.

Jobs write to a file system that all machines share, so nothing but their arguments and small results travels. A job is
one clip, and writes it whole or not at all; so a job that is run again, because its worker died or was lost, ends in
the same files.
"""

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hvdbench import __version__
from hvdbench.errors import HvdbenchError, InputError
from hvdbench.workspace.atomic import passing_file
from hvdbench.workspace.engine.local import Engine, check_sendable

if TYPE_CHECKING:
    from distributed import Client

J = TypeVar("J")
R = TypeVar("R")

_RETRIES = 2  # of a job that ends in an error that is not a sentence of ours, such as one of a network disk
_DEATHS = 20  # of workers under one job, before the job itself is taken for the cause
_CONNECT_S = 30


@dataclass(frozen=True)
class _Refused:
    """The result of a job that ended in a sentence, or of a worker that may not run it."""

    error: HvdbenchError


@dataclass(frozen=True)
class _Task:
    """A job with what its worker has to agree in.

    Attributes:
        function: what to run.
        job: its argument.
        folder: the working directory of the command, which relative paths begin at.
        probe: name of a file there, which a worker sees if it has the same file system.
        version: hvdbench's version.
    """

    function: Callable[[Any], Any]
    job: Any
    folder: str
    probe: str
    version: str


@dataclass(frozen=True)
class DaskEngine(Engine):
    """The engine ``dask``.

    Attributes:
        workers: number of worker processes of a cluster on this machine, where there is no address.
        address: a scheduler's address, such as ``tcp://host:8786``; empty for a cluster on this machine.
    """

    address: str = ""

    def map(self, function: Callable[[J], R], jobs: Sequence[J]) -> Iterator[tuple[int, R]]:
        """Yield (index, result) as jobs finish; see :meth:`hvdbench.workspace.engine.local.Engine.map`.

        Raises:
            InputError: if the package is missing, a job needs data that only this process has, there is no scheduler at
                the address, or a worker has another version of hvdbench or sees another file system.
        """
        if not jobs:
            return
        check_sendable(jobs[0])
        folder = Path.cwd()
        with passing_file(folder) as probe, self._client(len(jobs)) as client:
            from distributed import as_completed

            tasks = [_Task(function, job, str(folder), probe.name, __version__) for job in jobs]
            # pure=False: two commands that ask for the same job must each have it done
            futures = client.map(_run, tasks, pure=False, retries=_RETRIES)
            index = {future.key: number for number, future in enumerate(futures)}
            try:
                for future in as_completed(futures):
                    yield index[future.key], _result(future)
            finally:
                # what is not done is not wanted any more, after an error or Ctrl-C
                with contextlib.suppress(Exception):
                    client.cancel(futures, force=True)

    @contextlib.contextmanager
    def _client(self, jobs: int) -> "Iterator[Client]":
        try:
            import dask
            from distributed import Client, LocalCluster
        except ImportError as error:
            raise InputError(
                "the engine 'dask' needs the package distributed, which cannot be imported: install it with pip "
                "install 'hvdbench[dask]', or use --engine local"
            ) from error
        with contextlib.ExitStack() as stack:
            stack.enter_context(dask.config.set({"distributed.scheduler.allowed-failures": _DEATHS}))
            logging.getLogger("distributed").setLevel(logging.CRITICAL)  # of workers that come and go
            if not self.address:
                try:
                    cluster = LocalCluster(
                        n_workers=min(self.workers, jobs),
                        threads_per_worker=1,  # a job changes the working directory of its process
                        processes=True,
                        host="127.0.0.1",
                        dashboard_address="127.0.0.1:0",  # its pages at any free port, on this machine alone
                        silence_logs=50,
                    )
                except (RuntimeError, OSError, TimeoutError) as error:  # such as a worker that was killed at its start
                    raise InputError(
                        f"the workers of a Dask cluster did not start ({error}): run the same command again, if need "
                        "be with fewer of them (--engine dask:N), or use --engine local"
                    ) from error
                stack.enter_context(cluster)
                yield stack.enter_context(Client(cluster))
                return
            try:
                client = Client(self.address, timeout=_CONNECT_S)
            except (OSError, ValueError) as error:
                raise InputError(
                    f"no Dask scheduler answers at {self.address}: start one with 'dask scheduler', and name its "
                    "address as --engine dask:tcp://HOST:8786"
                ) from error
            yield stack.enter_context(client)


def _run(task: _Task) -> Any:
    """Run a job in a worker, after a look at what it has to agree in."""
    if task.version != __version__:
        return _Refused(
            InputError(
                f"the worker on {os.uname().nodename} has hvdbench {__version__}, and the command is of "
                f"{task.version}: install the same version on all machines"
            )
        )
    probe = Path(task.folder, task.probe)
    if not probe.is_file():
        return _Refused(
            InputError(
                f"the worker on {os.uname().nodename} does not see {task.folder}: run the command and all workers in "
                "folders of one shared file system, mounted at the same place"
            )
        )
    os.chdir(task.folder)
    try:
        return task.function(task.job)
    except HvdbenchError as error:  # a sentence stays what it is when the job is run again
        return _Refused(error)


def _result(future: Any) -> Any:
    from distributed.scheduler import KilledWorker

    try:
        found = future.result()
    except KilledWorker as error:
        raise InputError(
            f"a job ended with its worker {_DEATHS + 1} times, as when the memory does not suffice: give the workers "
            "more memory, or use fewer of them"
        ) from error
    except ModuleNotFoundError as error:
        raise InputError(
            f"a worker cannot import {error.name}: install hvdbench {__version__} on all machines of the cluster"
        ) from error
    if isinstance(found, _Refused):
        raise found.error
    return found
