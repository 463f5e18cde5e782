"""Read JSON, TOML and ``.npy`` files that others wrote or that are damaged: one door, which bounds what they may hold.

Python's parsers fail in many ways on what no honest file holds: with a ``RecursionError`` on deep nesting, which may
also come later, when a value is walked through; with an ``OverflowError`` where a number of hundreds of digits becomes
a float; with gigabytes of memory on a TOML key of thousands of dots. Here all of these end in a ``ValueError``.
"""

import json
import re
import tokenize
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

MOST_LEVELS = 100
"""Tables and lists within each other; hvdbench's own files have fewer than ten."""
_MOST_DIGITS = 18
_LEAST_NUMBER, _MOST_NUMBER = -(2**63), 2**64 - 1
# A dotted key of TOML takes memory that grows with the square of its parts. The quantifiers give nothing back, and a
# match begins at the first letter of a part alone, so that this takes time in proportion to the text.
_PART = r"""(?:(?<![\w-])[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+"""
_LONG_KEY = re.compile(f"(?:{_PART}){{{MOST_LEVELS}}}")


def read_json(path: Path) -> Any:
    """Return what a JSON file in UTF-8 holds.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is not UTF-8, or under the conditions of :func:`parse_json`.
    """
    return parse_json(path.read_text(encoding="utf-8"))


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a TOML file holds.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is not UTF-8, or under the conditions of :func:`parse_toml`.
    """
    return parse_toml(path.read_text(encoding="utf-8"))


def parse_json(text: str | bytes) -> Any:
    """Return the value that a text of JSON stands for.

    Raises:
        ValueError: if it is not JSON, has a key twice in one object, a whole number that no 64 bits hold, half of a
            pair of surrogates, or more than 100 levels.
    """
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except RecursionError:
        raise ValueError(f"it is nested more than {MOST_LEVELS} levels deep") from None
    _check(found)
    if (r"\ud" if isinstance(text, str) else rb"\ud") in text.lower():  # type: ignore[operator]
        json.dumps(found, ensure_ascii=False).encode()  # half of a pair cannot be written, nor be part of a path
    return found


def parse_toml(text: str) -> dict[str, Any]:
    """Return the table that a text of TOML stands for.

    Raises:
        ValueError: if it is not TOML (which also forbids a key twice), has a whole number that no 64 bits hold, or more
            than 100 levels.
    """
    if _LONG_KEY.search(text):
        raise ValueError(f"a key has more than {MOST_LEVELS} parts")
    try:
        found = tomllib.loads(text)
    except RecursionError:
        raise ValueError(f"it is nested more than {MOST_LEVELS} levels deep") from None
    _check(found)
    return found


def is_count(text: str) -> bool:
    """Return whether a text is a whole number of 0 or more, in 18 digits at most, so that ``int`` reads it."""
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS


def load_array(path: Path) -> Any:
    """Return what a file of NumPy's holds; nothing is unpickled, and no more memory is taken than the file has bytes.

    Returns:
        The array in memory; for an archive of several, NumPy's own mapping.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is damaged, or holds Python objects.
    """
    import numpy as np  # here, since commands that list others read TOML and need no arrays

    try:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)  # compares the size of the file with the header's
    except (tokenize.TokenError, SyntaxError, EOFError, TypeError, RecursionError, OverflowError, MemoryError) as error:
        raise ValueError(f"its header is damaged ({type(error).__name__})") from error
    return np.array(mapped) if isinstance(mapped, np.ndarray) else mapped


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON; of a key that stands twice, Python would take the last value in silence."""
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice[:40]!r} occurs twice in one object")
    return found


def _check(value: Any) -> None:
    """Refuse what is nested too deeply and whole numbers that are too large, one level after another."""
    level: list[Any] = [value]
    for _ in range(MOST_LEVELS + 1):
        if any(type(one) is int and not _LEAST_NUMBER <= one <= _MOST_NUMBER for one in level):
            raise ValueError("a whole number in it needs more than 64 bits")
        level = [inner for one in level if isinstance(one, dict | list) for inner in _within(one)]
        if not level:
            return
    raise ValueError(f"it is nested more than {MOST_LEVELS} levels deep")


def _within(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value
