"""Check names so that they are never paths, by one rule for datasets, splits, clips, boards, methods and annotators.

Such names come from other people's files (``dataset.json``, result files, board rows) and become folders and files
here, so each is checked where it is read and again where it is written. ``docs/decisions/0006-names-and-locks.md``
explains the rule.
"""

import hashlib
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from hvdbench.errors import HvdbenchError, InputError

LONGEST_BYTES = 100
"""Most bytes of a name in UTF-8. File systems allow 255, and leftovers and locks add about 60 to a file's name."""

DRIVE = ":"
"""A sign that no name of a folder may contain, because Windows reads ``C:x`` and ``a:b`` as places of their own."""

REFUSED_BY_OTHERS = DRIVE + '*?"<>|'
"""Signs that Windows refuses in the name of a file; a board's rows may name methods with them."""

_SEPARATORS = "/\\"
_HIDDEN = frozenset({"Cc", "Cs", "Zl", "Zp"})  # controls, halves of a surrogate pair, line and paragraph ends
# These change the direction of the text around them, so that a name looks like another one.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_SHOWN = 60
_DIGITS = 8

ALLOWED = (
    f"a name has 1 to {LONGEST_BYTES} bytes, no separator, none of {' '.join(REFUSED_BY_OTHERS)}, no control "
    "characters, and neither a dot in front nor a space at an end"
)


def name_fault(name: object, *, also: str = "") -> str | None:
    """Return why a text cannot be a name, as the rest of a sentence; None if it can.

    Args:
        name: value that was found.
        also: characters that are allowed although other systems refuse them in files.
    """
    if not isinstance(name, str):
        return f"is not text but {type(name).__name__}"
    if not name:
        return "is empty"
    fault = next((found for sign in name if (found := _sign_fault(sign, also))), None)
    if fault:
        return fault
    if name.startswith("."):
        return "begins with a dot"
    if name != name.strip():
        return "begins or ends with a space"
    length = len(name.encode())
    return f"is {length} bytes long" if length > LONGEST_BYTES else None


def checked_name(
    name: object, what: str, *, where: Path | str = "", also: str = "", error: type[HvdbenchError] = InputError
) -> str:
    """Return a name as it is, or refuse it.

    Args:
        name: value that was found.
        what: field or option that contains it, for the error, e.g. ``name`` or ``--board``.
        where: file that was read, for the error.
        also: characters that are allowed too, as for :func:`name_fault`.
        error: class of the error.

    Raises:
        HvdbenchError: if it cannot be a name; the error is of the class ``error``.
    """
    fault = name_fault(name, also=also)
    if fault is None:
        return str(name)
    place = f"{where}: " if where else ""
    raise error(f"{place}{what} {_shown(name)} {fault}: {ALLOWED}")


def checked_key(key: object, what: str, *, where: Path | str = "", error: type[HvdbenchError] = InputError) -> str:
    """Return a clip's key as it is, exactly ``<split>/<clip>`` of two names, or refuse it.

    Args:
        key: value that was found.
        what: field that contains it, for the error.
        where: file that was read, for the error.
        error: class of the error.

    Raises:
        HvdbenchError: if it is not a key; the error is of the class ``error``.
    """
    parts = key.split("/") if isinstance(key, str) else []
    if len(parts) != 2:
        place = f"{where}: " if where else ""
        raise error(f"{place}{what} {_shown(key)} is not a clip's key: a key is exactly <split>/<clip>")
    for part in parts:
        fault = name_fault(part)
        if fault:
            place = f"{where}: " if where else ""
            raise error(f"{place}{what} {_shown(key)}: {_shown(part)} {fault}: {ALLOWED}")
    return str(key)


def checked_keys(
    keys: Iterable[object], what: str, *, where: Path | str = "", error: type[HvdbenchError] = InputError
) -> None:
    """Refuse the first of several keys that is not valid; see :func:`checked_key`."""
    for key in keys:
        checked_key(key, what, where=where, error=error)


def fitted_name(name: str, most: int = LONGEST_BYTES) -> str:
    """Shorten a name to a number of bytes; a hash distinguishes it from other names with the same beginning.

    Args:
        name: name that is valid, but perhaps too long.
        most: most bytes in UTF-8.
    """
    encoded = name.encode()
    if len(encoded) <= most:
        return name
    head = encoded[: most - _DIGITS - 1].decode("utf-8", "ignore").rstrip(" .-_")
    return f"{head}-{hashlib.sha256(encoded).hexdigest()[:_DIGITS]}"


def _sign_fault(sign: str, also: str) -> str | None:
    if sign in _SEPARATORS:
        return f"contains the separator {sign}"
    if unicodedata.category(sign) in _HIDDEN or sign in _TURNING:
        return f"contains the control character U+{ord(sign):04X}"
    if sign in REFUSED_BY_OTHERS and sign not in also:
        return f"contains {sign}, which other systems refuse in a file's name"
    return None


def _shown(name: object) -> str:
    """Return a value in quotes, shortened, with every control character escaped."""
    text = ascii(name) if isinstance(name, str) and not name.isprintable() else repr(name)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
