"""What a harness is: a reader of hvdbench's, valid files for it, and the words that mean something to it."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

MANY = 20_000
"""Inputs that a reader of text or arrays gets at least."""
FEW = 2_000
"""Inputs that a slow reader gets at least: of films, pictures, checkpoints and requests."""


@dataclass(frozen=True)
class Corpus:
    """Valid inputs, and the reader that takes a damaged one.

    Attributes:
        file: the file, below the folder of the harness, to which each input is written.
        seeds: small valid inputs.
        read: the function that reads the file; it may raise :class:`hvdbench.errors.HvdbenchError` alone.
        tokens: words that the reader knows.
        wrap: what is laid around a damaged input, such as the archive with checksums that the reader tests first.
        change: damage that keeps the form of the file, such as another shape in a header whose length fits; each second
            input is made by it.
    """

    file: str
    seeds: Sequence[bytes]
    read: Callable[[Path], object]
    tokens: Sequence[bytes] = ()
    wrap: Callable[[bytes], bytes] = bytes
    change: Callable[[bytes, random.Random], bytes] | None = None


@dataclass(frozen=True)
class Target:
    """A harness.

    Attributes:
        name: for the command line and the table of results.
        prepare: makes the valid files in an empty folder.
        covers: modules of hvdbench whose lines ``--lines`` counts.
        goal: how many inputs it gets before those that have reached theirs get more.
    """

    name: str
    prepare: Callable[[Path], Corpus]
    covers: tuple[str, ...] = ()
    goal: int = MANY


def words(text: str) -> tuple[bytes, ...]:
    """Return words separated by spaces as tokens."""
    return tuple(word.encode() for word in text.split())
