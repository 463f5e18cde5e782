"""How long work reports how far it is."""

from collections.abc import Callable

Progress = Callable[[int, int, str], None]
"""Called with what is done, the total, and a phrase that names the work."""
Announce = Callable[[str], None]
"""Called with a line for a person, before a long piece of work starts."""


def silent(done: int, total: int, text: str) -> None:
    """Report nothing."""
