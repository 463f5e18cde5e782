"""Kills a forked process just before the nth thing that it does to files."""

import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator

CHANGES = frozenset(
    {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate", "os.utime", "shutil.rmtree"}
)


def killed_before_each(work: Callable[[], object]) -> Iterator[int]:
    """Run ``work`` in a process of its own that is killed before its 1st, 2nd, 3rd … file-system call.

    Yields:
        The number of the call, after each kill; ends when ``work`` came to its end.
    """
    step = 0
    while True:
        step += 1
        if _run(work, step):
            return
        yield step


def _run(work: Callable[[], object], step: int) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork and threads: the child only writes files
        child = os.fork()
    if child == 0:
        try:
            _arm(step)
            work()
            os._exit(0)
        finally:
            os._exit(99)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.WEXITSTATUS(status) == 0, "the work failed by itself"
    return True


def _arm(step: int) -> None:
    left = step

    def watch(event: str, _: tuple[object, ...]) -> None:
        nonlocal left
        if event in CHANGES:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
