"""Report the progress of long work."""

from collections.abc import Callable

Progress = Callable[[int, int, str], None]
"""A function that is called with the amount done, the total, and a phrase that names the work."""
Announce = Callable[[str], None]
"""A function that is called with one line for a person before a long piece of work starts."""


def silent(done: int, total: int, text: str) -> None:
    """Report nothing."""
