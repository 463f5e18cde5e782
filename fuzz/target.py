"""What a harness is: a reader of hvdbench's, valid files for it, and the words that mean something to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Corpus:
    """Valid inputs, and the reader that takes a damaged one.

    Attributes:
        file: the file, below the folder of the harness, to which each input is written.
        seeds: small valid inputs.
        read: the function that reads the file; it may raise :class:`hvdbench.errors.HvdbenchError` alone.
        tokens: words that the reader knows.
        wrap: what is laid around a damaged input, such as the archive with checksums that the reader tests first.
    """

    file: str
    seeds: Sequence[bytes]
    read: Callable[[Path], object]
    tokens: Sequence[bytes] = ()
    wrap: Callable[[bytes], bytes] = bytes


@dataclass(frozen=True)
class Target:
    """A harness.

    Attributes:
        name: for the command line and the table of results.
        prepare: makes the valid files in an empty folder.
        covers: modules of hvdbench whose lines ``--coverage`` counts.
    """

    name: str
    prepare: Callable[[Path], Corpus]
    covers: tuple[str, ...] = ()


def words(text: str) -> tuple[bytes, ...]:
    """Return words separated by spaces as tokens."""
    return tuple(word.encode() for word in text.split())
