"""Put the names of frames into the order in which a person counts them."""

import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby

from hvdbench.errors import InputError

Place = tuple[object, ...]

# What stands before the last number, its whole part, and the part after a decimal point or comma.
_NUMBER = re.compile(r"(?P<before>(?:.*[^\d.,])?)(?P<whole>\d+)(?:[.,](?P<part>\d+))?", re.DOTALL)
_FLOAT = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]\d+)?", re.IGNORECASE)  # 1e-05 is how Python prints 0.00001
_MINUS = "-−"
_BEFORE_A_SIGN = "_=("


def places_of(stems: Sequence[str]) -> list[Place]:
    """Return a sort key for each name: ``2`` before ``10``, ``0.05`` before ``0.1``, and ``-1`` before ``0``.

    Two names whose numbers and letters are the same, as ``1`` and ``01``, ``A`` and ``a``, or one name in two Unicode
    spellings, get one key, so that their order is unknown.

    Args:
        stems: names without suffixes.

    Raises:
        InputError: if the order is unknown because of numerals such as ``十一`` or because of a minus that may be a
            hyphen.
    """
    names = [unicodedata.normalize("NFC", stem).casefold() for stem in stems]
    _refuse_numerals(names)
    values = _values(names)
    return [(value,) for value in values] if values is not None else [_by_numbers(name) for name in names]


def _values(names: Sequence[str]) -> list[Decimal] | None:
    """Return the numbers that all names stand for, or None where they are counters rather than numbers."""
    if any("e" in name for name in names) and all(_FLOAT.fullmatch(name) for name in names):
        return [Decimal(name) for name in names]
    found = [number for name in names if (number := _NUMBER.fullmatch(name))]
    if len(found) < len(names):
        return None
    prefixes = {number["before"] for number in found}
    signed = {prefix for prefix in prefixes if prefix[-1:] in _MINUS and prefix[:-1][-1:] in _BEFORE_A_SIGN} - {""}
    if signed == prefixes and len(names) > 1:
        raise InputError(f"the number of '{names[0]}', as of all names, follows a minus or a hyphen: rename the frames")
    if signed and prefixes - signed == {prefix[:-1] for prefix in signed} and len(prefixes - signed) == 1:
        return [Decimal(f"{'-' if number['before'] in signed else ''}{_plain(number)}") for number in found]
    parts = {number["part"] or "" for number in found}
    # Programs write 0.05, 0.1, 0.15 without trailing zeros, so v1.9 and v1.10 are taken for two
    # counters; parts of one length are in order either way.
    decimal = len({len(part) for part in parts}) > 1 and not any(len(part) > 1 and part[-1] == "0" for part in parts)
    return [Decimal(_plain(number)) for number in found] if decimal and len(prefixes) == 1 else None


def _plain(number: re.Match[str]) -> str:
    return f"{number['whole']}.{number['part'] or '0'}"


def _by_numbers(name: str) -> Place:
    """Split a name into numbers and texts; a digit is any that Unicode gives a value from 0 to 9, such as ``²``."""
    place: list[tuple[int, int, str]] = []
    for kind, signs in groupby(name, key=_kind):
        text = "".join(signs)
        if kind == "text":
            place.append((1, 0, text))
        else:
            place.append((0, int("".join(str(unicodedata.digit(sign)) for sign in text)), ""))
    return tuple(place)


def _kind(sign: str) -> str:
    return "decimal" if sign.isdecimal() else "digit" if sign.isdigit() else "text"


def _refuse_numerals(names: Sequence[str]) -> None:
    """Refuse names that differ in numerals without digits: in the order of Unicode, ``三`` comes before ``二``."""
    found: dict[str, str] = {}
    for name in names:
        found.setdefault("".join(sign for sign in name if sign.isnumeric() and not sign.isdigit()), name)
    if len(found) > 1:
        first, second = list(found.values())[:2]
        raise InputError(f"the names '{first}' and '{second}' count in numerals that are no digits: use digits")
