"""Show progress on standard error: bars with the time left on a terminal, and plain lines elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@contextmanager
def showing() -> Iterator[Callable[[int, int, str], None]]:
    """Yield a progress callback (done, total, what).

    It draws a bar for each stage, or prints a line when the stage begins and another when it ends.
    """
    if not sys.stderr.isatty():
        yield _Lines()
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
    """Prints a line when a stage begins and another when it ends."""

    def __init__(self) -> None:
        self._begun: set[str] = set()
        self._ended: set[str] = set()

    def __call__(self, done: int, total: int, text: str) -> None:
        if done >= total and text not in self._ended:
            self._ended.add(text)
            click.echo(f"  {text}: {total} of {total} done", err=True)
        elif text not in self._begun and text not in self._ended:
            self._begun.add(text)
            click.echo(f"  {text} …", err=True)
