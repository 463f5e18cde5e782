"""Locks: one at a time, taken again by their own thread, taken away from the dead alone, never waited for silently."""

import json
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hvdbench.errors import InputError
from hvdbench.workspace.locks import LockTimes, locked
from hvdbench.workspace.owners import this_owner

HURRIED = LockTimes(beat_s=0.05, stale_s=0.4, tell_s=0.05, poll_s=0.005, give_up_s=20.0)
HOLD = """
import sys, time
from pathlib import Path
from hvdbench.workspace.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def lock_of(target: Path) -> Path:
    return target.with_name(f".{target.name}.lock")


def count_up(target: Path, times: int) -> None:
    for _ in range(times):
        with locked(target, HURRIED):
            target.write_text(str(int(target.read_text()) + 1))


def hold(target: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(target)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: "subprocess.Popen[str]", number: int = signal.SIGKILL) -> None:
    process.send_signal(number)
    process.communicate()


def test_of_a_thousand_changes_by_eight_threads_none_is_lost(tmp_path):
    target = tmp_path / "count"
    target.write_text("0")
    threads = [threading.Thread(target=count_up, args=(target, 125)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_text() == "1000"
    assert list(tmp_path.iterdir()) == [target]


def test_of_changes_by_four_processes_none_is_lost(tmp_path):
    target = tmp_path / "count"
    target.write_text("0")
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=count_up, args=(target, 25)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert target.read_text() == "100"


def test_a_thread_may_take_its_own_lock_again(tmp_path):
    with locked(tmp_path / "a", HURRIED):
        with locked(tmp_path / "a", HURRIED):
            assert lock_of(tmp_path / "a").is_file()
        assert lock_of(tmp_path / "a").is_file()
    assert not list(tmp_path.iterdir())


def test_a_lock_goes_when_the_block_fails(tmp_path):
    with pytest.raises(KeyboardInterrupt), locked(tmp_path / "a"):
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_the_lock_of_a_process_that_was_killed_is_taken_away_at_once(tmp_path):
    end(hold(tmp_path / "a"))
    assert lock_of(tmp_path / "a").is_file()
    started = time.monotonic()
    with locked(tmp_path / "a"):
        assert time.monotonic() - started < 1.0
    assert not list(tmp_path.iterdir())


def test_waiting_says_who_holds_the_lock_and_ends_with_it(tmp_path, caplog):
    holder = hold(tmp_path / "a")
    threading.Timer(0.4, end, (holder,)).start()
    with caplog.at_level(logging.WARNING), locked(tmp_path / "a", HURRIED):
        pass
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1
    assert told[0].startswith(f"{tmp_path / 'a'} is in use by process {holder.pid} on ")
    assert told[0].endswith(": hvdbench waits until that is done")


def test_a_lock_with_a_heartbeat_outlives_the_time_after_which_it_is_stale(tmp_path):
    target, order = tmp_path / "a", []

    def wait() -> None:
        with locked(target, HURRIED):
            order.append("second")

    beating = LockTimes(beat_s=0.05, stale_s=0.4)
    context = multiprocessing.get_context("fork")
    with locked(target, beating):
        process = context.Process(target=wait)
        process.start()
        time.sleep(1.0)
        assert process.is_alive()
        order.append("first")
    process.join()
    assert process.exitcode == 0
    assert order == ["first"]  # the other one wrote in its own memory


@pytest.mark.parametrize("content", ["", "{", "[]", "null", json.dumps({"owner": "00000000.1.1", "host": "elsewhere"})])
def test_a_lock_without_a_heartbeat_is_taken_away_when_its_time_is_over(tmp_path, content):
    lock_of(tmp_path / "a").write_text(content)
    started = time.monotonic()
    with locked(tmp_path / "a", HURRIED):
        assert time.monotonic() - started > HURRIED.stale_s
    assert not list(tmp_path.iterdir())


def test_clocks_of_two_machines_need_not_agree(tmp_path):
    lock_of(tmp_path / "a").write_text(json.dumps({"owner": "00000000.1.1"}))
    os.utime(lock_of(tmp_path / "a"), (0, 0))  # beats, on a machine that lives in 1970
    hurried = LockTimes(stale_s=0.4, poll_s=0.005, give_up_s=1.0)
    stop = threading.Event()

    def beat() -> None:
        second = 0
        while not stop.wait(0.05):
            second += 1
            os.utime(lock_of(tmp_path / "a"), (second, second))

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        with pytest.raises(InputError, match="has been in use by"), locked(tmp_path / "a", hurried):
            pass
    finally:
        stop.set()
        thread.join()


def test_a_lock_of_this_process_that_no_thread_holds_is_taken_away_at_once(tmp_path):
    lock_of(tmp_path / "a").write_text(json.dumps({"owner": this_owner(), "pid": os.getpid()}) + "\n")
    with locked(tmp_path / "a", LockTimes(give_up_s=2.0)):
        pass


def test_giving_up_names_the_lock_to_remove(tmp_path):
    holder = hold(tmp_path / "a")
    try:
        told = r"in use by process \d+ on .* since .*, or remove .*/\.a\.lock if it hangs"
        with pytest.raises(InputError, match=told), locked(tmp_path / "a", LockTimes(give_up_s=0.1)):
            pass
    finally:
        end(holder)


def test_of_many_that_find_a_stale_lock_one_takes_it_at_a_time(tmp_path):
    target = tmp_path / "count"
    target.write_text("0")
    for _ in range(3):
        end(hold(target))
        context = multiprocessing.get_context("fork")
        processes = [context.Process(target=count_up, args=(target, 3)) for _ in range(4)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
    assert target.read_text() == str(3 * 4 * 3)
    assert list(tmp_path.iterdir()) == [target]
