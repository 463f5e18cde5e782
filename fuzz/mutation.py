"""Damage valid files, the same way for the same seed: bits, cuts, splices, numbers, words, and values within JSON.

:mod:`fuzz.structure` damages what lies behind checksums and headers.
"""

import json
import random
import re
from collections.abc import Callable, Sequence
from typing import Any

MOST_BYTES = 1 << 18
"""The longest input that is made; a reader that is slow with a quarter of a megabyte is found by fewer bytes too."""
_NUMBERS = """
0 1 -1 2 3 7 255 256 65535 65536 -32769 2147483647 2147483648 -2147483649 4294967296 9223372036854775807
9223372036854775808 -9223372036854775809 18446744073709551616 1e9 1e18 1e300 -1e300 1e308 1e-300 1e-9 5e-324 0.5 -0.0
nan NaN inf -inf Infinity 1_000 0x10 1e 1. .5 00 - + 1e400 ١ ² ½
"""
_LONG_NUMBERS = (b"9" * 400, b"9" * 5000, b"0." + b"0" * 400 + b"1", b"")
NUMBERS = (*(text.encode() for text in _NUMBERS.split()), *_LONG_NUMBERS)
_SIGNS = """
' " \\ / .. ../x /x a/b ~ $HOME %s {} {x} [ ] { } ( ) , ; : = # null None true false [] "" [[]] [""] é con nul . - --x
"""
_BYTES = (
    b"", b" ", b"\n", b"\r\n", b"\r", b"\t", b"\0", b"\x1b[31m", b"\xff", b"\xfe\xff", b"\xed\xa0\x80", b"\xc0\x80",
    b"a" * 300,
    *(sign.encode() for sign in ("\u202e", "\ufeff", "\U0001f600", "\x85", "\u2028")),
    b"[" * 3000, b"(" * 500, b'{"a":' * 1500, b"a." * 3000 + b"a=1\n",
)  # fmt: skip
WORDS = (*(text.encode() for text in _SIGNS.split()), *_BYTES)
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**63, 2**64, 10**400, 1e308, -1e308, 1e-300, 0.5, float("nan"), float("inf"),
    "", "x", "1", "nan", "../x", "/x", "a/b", "\0", "\ud800", "é", "a" * 300, "\n", [], {}, [[]], [None], [1], ["x"],
    [{}], {"x": 1}, {"": None}, [[1, 2], [3, 4]], [0] * 100,
)  # fmt: skip
_NUMBER = re.compile(rb"[-+]?\d[\d.]*(?:[eE][-+]?\d+)?")
_KEY = re.compile(rb'"[^"\n]*":')
_WORD = re.compile(rb"[^\s,=:;\"'\[\]{}()]+")
_WIDTHS = (1, 2, 4, 8)


class Mutator:
    """Makes damaged inputs of valid ones.

    Args:
        seeds: valid inputs; those that a reader takes well may be added later.
        tokens: what has a meaning for the reader, such as the names of its keys.
        seed: of the pseudo-random choices; the same one makes the same inputs in the same order.
        change: damage that keeps the form of the file; about half of the inputs are made by it.
    """

    def __init__(
        self,
        seeds: Sequence[bytes],
        tokens: Sequence[bytes],
        seed: int | str,
        change: Callable[[bytes, random.Random], bytes] | None = None,
    ) -> None:
        self._form = change
        self._seeds = list(seeds)
        self._words = [*WORDS, *NUMBERS, *tokens, *tokens]
        self._drawn = random.Random(seed)
        self._text = (
            self._number,
            self._word,
            self._lines,
            self._value,
            self._json,
            self._insert,
            self._splice,
            self._twice,
            self._whole,
        )
        self._binary = (self._flip, self._bytes, self._cut, self._remove, self._repeat, self._splice)

    def make(self) -> bytes:
        """Return one damaged input; one in a hundred is a seed as it is."""
        data = self._drawn.choice(self._seeds)
        if self._drawn.random() < 0.01:
            return data
        if self._form is not None and self._drawn.random() < 0.5:
            for _ in range(self._drawn.choice((1, 1, 1, 2, 3))):
                data = self._form(data, self._drawn)[:MOST_BYTES]
            return data
        is_text = b"\0" not in data[:1000] and data[:1000].isascii()
        for _ in range(self._drawn.choice((1, 1, 1, 2, 2, 3, 5, 8))):
            change: Callable[[bytes], bytes] = self._drawn.choice(
                self._text if is_text and self._drawn.random() < 0.8 else self._binary
            )
            data = change(data)[:MOST_BYTES]
        return data

    def _span(self, data: bytes, longest: int = 64) -> tuple[int, int]:
        start = self._drawn.randrange(len(data) + 1)
        return start, min(len(data), start + self._drawn.randrange(1, longest + 1))

    def _flip(self, data: bytes) -> bytes:
        changed = bytearray(data)
        for _ in range(self._drawn.choice((1, 1, 2, 8)) if data else 0):
            changed[self._drawn.randrange(len(data))] ^= 1 << self._drawn.randrange(8)
        return bytes(changed)

    def _bytes(self, data: bytes) -> bytes:
        """Write a number that is often wrong over some bytes, in either order of bytes."""
        width = self._drawn.choice(_WIDTHS)
        at = self._drawn.randrange(len(data) + 1)
        most = (1 << 8 * width) - 1
        number = self._drawn.choice(
            (0, 1, 2, most, most >> 1, (most >> 1) + 1, 1 << 4 * width, self._drawn.randint(0, most))
        )
        return data[:at] + number.to_bytes(width, self._drawn.choice(("little", "big"))) + data[at + width :]

    def _cut(self, data: bytes) -> bytes:
        return data[: self._drawn.randrange(len(data) + 1)]

    def _remove(self, data: bytes) -> bytes:
        start, end = self._span(data)
        return data[:start] + data[end:]

    def _repeat(self, data: bytes) -> bytes:
        start, end = self._span(data)
        return data[:end] + data[start:end] * self._drawn.choice((1, 1, 2, 30)) + data[end:]

    def _splice(self, data: bytes) -> bytes:
        other = self._drawn.choice(self._seeds)
        return data[: self._drawn.randrange(len(data) + 1)] + other[self._drawn.randrange(len(other) + 1) :]

    def _insert(self, data: bytes) -> bytes:
        at = self._drawn.randrange(len(data) + 1)
        return data[:at] + self._drawn.choice(self._words) + data[at:]

    def _replaced(self, data: bytes, pattern: "re.Pattern[bytes]", by: Sequence[bytes]) -> bytes:
        at = self._drawn.randrange(len(data) + 1)
        found = pattern.search(data, at) or pattern.search(data)
        return data if found is None else data[: found.start()] + self._drawn.choice(by) + data[found.end() :]

    def _number(self, data: bytes) -> bytes:
        return self._replaced(data, _NUMBER, NUMBERS)

    def _word(self, data: bytes) -> bytes:
        return self._replaced(data, _WORD, self._words)

    def _value(self, data: bytes) -> bytes:
        """Replace what stands behind an equals sign, of a TOML file or a header."""
        lines = data.split(b"\n")
        at = [number for number, line in enumerate(lines) if b"=" in line or b": " in line]
        if not at:
            return self._word(data)
        number = self._drawn.choice(at)
        sign = b"=" if b"=" in lines[number] else b":"
        value = (
            self._drawn.choice(self._words)
            if self._drawn.random() < 0.7
            else json.dumps(self._drawn.choice(_VALUES[3:])).encode()
        )
        lines[number] = lines[number].partition(sign)[0] + sign + b" " + value
        return b"\n".join(lines)

    def _lines(self, data: bytes) -> bytes:
        """Remove, repeat, exchange or empty lines."""
        lines = data.split(b"\n")
        a, b = (self._drawn.randrange(len(lines)) for _ in range(2))
        kind = self._drawn.randrange(4)
        if kind == 0:
            del lines[min(a, b) : max(a, b) if self._drawn.random() < 0.3 else min(a, b) + 1]
        elif kind == 1:
            lines.insert(b, lines[a])
        elif kind == 2:
            lines[a], lines[b] = lines[b], lines[a]
        else:
            lines[a] = b""
        return b"\n".join(lines)

    def _twice(self, data: bytes) -> bytes:
        """Write a key of JSON twice, with two values."""
        found = list(_KEY.finditer(data))
        if not found:
            return self._lines(data)
        key = self._drawn.choice(found)
        value = json.dumps(self._drawn.choice(_VALUES)).encode()
        return data[: key.start()] + key.group() + b" " + value + b", " + data[key.start() :]

    def _whole(self, data: bytes) -> bytes:
        """Write the text as other systems and editors would: with a mark of order, in UTF-16, with other line ends."""
        text = data.decode("latin-1")
        return self._drawn.choice((
            b"\xef\xbb\xbf" + data, text.encode("utf-16"), text.encode("utf-32-be"), data.replace(b"\n", b"\r\n"),
            data.replace(b"\n", b"\r"), data.replace(b"\n", b""), data.replace(b" ", b"\xc2\xa0"), data + b"\0" * 64,
            data.upper(), data + data, data.replace(b"\n", b"\n\n"),
        ))  # fmt: skip

    def _json(self, data: bytes) -> bytes:
        """Change a value within JSON, or within a line of JSON; other text gets another word."""
        lines = data.split(b"\n") if data.count(b"\n{") else [data]
        at = self._drawn.randrange(len(lines))
        try:
            found = json.loads(lines[at])
            lines[at] = json.dumps(changed_value(found, self._drawn)).encode()
        except (ValueError, RecursionError):
            return self._word(data)
        return b"\n".join(lines)


def changed_value(value: Any, drawn: random.Random, depth: int = 0) -> Any:
    """Return a value of JSON, in which one place is removed, repeated, renamed, or has another value."""
    if isinstance(value, dict) and value and (depth == 0 or drawn.random() < 0.7):
        key = drawn.choice(sorted(value))
        kind = drawn.random()
        if kind < 0.1:
            return {name: one for name, one in value.items() if name != key}
        if kind < 0.2:
            return value | {drawn.choice(("", "x", "../x", "a/b", "\0", key + "x")): value[key]}
        return value | {key: changed_value(value[key], drawn, depth + 1)}
    if isinstance(value, list) and value and drawn.random() < 0.7:
        at = drawn.randrange(len(value))
        kind = drawn.random()
        if kind < 0.15:
            return value[:at] + value[at + 1 :]
        if kind < 0.3:
            return [*value, value[at]]
        return [*value[:at], changed_value(value[at], drawn, depth + 1), *value[at + 1 :]]
    return drawn.choice(_VALUES)
