"""Show progress on standard error: bars with the time left on a terminal, and plain lines elsewhere."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

EVERY_S = 15.0
"""Off a terminal a line is printed at least as often as this while work is under way."""


@contextmanager
def showing() -> Iterator[Callable[[int, int, str], None]]:
    """Yield a progress callback (done, total, what).

    It draws a bar for each stage; off a terminal it prints a line when a stage begins, every 15 s, and when it ends.
    """
    if not sys.stderr.isatty():
        with _Lines() as lines:
            yield lines
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:<28}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, int] = {}

        def show(done: int, total: int, text: str) -> None:
            if text not in tasks:
                tasks[text] = bars.add_task(text, total=total)
            bars.update(tasks[text], completed=done, total=total)  # type: ignore[arg-type]

        yield show


class _Lines:
    """Prints a line when a stage begins, one when it ends, and one whenever nothing was printed for 15 s."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._begun: set[str] = set()
        self._ended: set[str] = set()
        self._now: tuple[int, int, str] | None = None
        self._printed_s = self._started_s = time.monotonic()
        self._lock, self._over = threading.Lock(), threading.Event()

    def __enter__(self) -> "_Lines":
        # A stage may take minutes between two calls, so a thread keeps the time.
        threading.Thread(target=self._repeat, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()

    def __call__(self, done: int, total: int, text: str) -> None:
        with self._lock:
            if done >= total and text not in self._ended:
                self._ended.add(text)
                self._now = None
                self._print(f"{text}: {total} of {total} done")
            elif done < total and text not in self._ended:
                self._now = (done, total, text)
                if text not in self._begun:
                    self._begun.add(text)
                    self._started_s = time.monotonic()
                    self._print(f"{text} …")

    def _repeat(self) -> None:
        while not self._over.wait(self._every_s / 15):
            with self._lock:
                if self._now is None or time.monotonic() - self._printed_s < self._every_s or self._over.is_set():
                    continue
                done, total, text = self._now
                self._print(f"{text}: {done} of {total} after {time.monotonic() - self._started_s:.0f} s")

    def _print(self, line: str) -> None:
        self._printed_s = time.monotonic()
        click.echo(f"  {line}", err=True)
