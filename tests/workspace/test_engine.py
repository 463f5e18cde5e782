import hashlib
import os
import signal

import numpy as np
import pytest

from hvdbench.errors import DatasetError, InputError
from hvdbench.workspace.engine import Engine, parse_engine, thread_map, usable_cores


def draw(name: str) -> float:
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return float(np.random.default_rng(seed).random())


def refuse_c(name: str) -> str:
    if name == "c":
        raise DatasetError("clip c is broken")
    return name


def threads_of(_: int) -> str | None:
    return os.environ.get("OMP_NUM_THREADS")


def test_two_workers_give_what_one_gives():
    names = ["a", "b", "c"]
    alone = dict(Engine(1).map(draw, names))
    assert dict(Engine(2).map(draw, names)) == alone
    assert sorted(alone) == [0, 1, 2]
    assert len(set(alone.values())) == 3


@pytest.mark.parametrize("workers", [1, 2])
def test_the_failure_of_a_job_is_raised_as_it_is(workers):
    with pytest.raises(DatasetError, match="clip c is broken"):
        dict(Engine(workers).map(refuse_c, ["a", "b", "c", "d"]))


def test_one_worker_does_not_begin_the_jobs_after_a_failure():
    begun = []

    def job(name: str) -> str:
        begun.append(name)
        return refuse_c(name)

    with pytest.raises(DatasetError):
        dict(Engine(1).map(job, ["a", "c", "d"]))
    assert begun == ["a", "c"]


def test_no_jobs_are_no_work():
    assert list(Engine(4).map(draw, [])) == []


def test_a_worker_process_keeps_to_one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert set(dict(Engine(2).map(threads_of, [0, 1])).values()) == {"1"}


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_threads_give_results_in_order(workers):
    assert list(thread_map(lambda value: value * value, range(5), workers)) == [0, 1, 4, 9, 16]


def test_an_engine_is_written_as_local_with_or_without_a_number():
    assert parse_engine("local:3") == Engine(3)
    assert parse_engine("local") == Engine(usable_cores())
    assert usable_cores() >= 1


@pytest.mark.parametrize("text", ["", "remote", "local:0", "local:-1", "local:two", "Local"])
def test_another_engine_is_refused_with_what_to_write(text):
    with pytest.raises(InputError, match=f"no engine '{text}': write local or local:N"):
        parse_engine(text)


def die(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_is_killed_is_one_sentence():
    with pytest.raises(InputError, match=r"a worker process was killed.*run the same command again"):
        list(Engine(2).map(die, [1, 2]))
