"""Check names so that they are never paths, by one rule for datasets, splits, clips, boards, methods and annotators.

Such names come from other people's files (``dataset.json``, result files, board rows) and become folders and files
here, so each is checked where it is read and again where it is written. ``docs/decisions/0006-names-and-locks.md``
explains the rule.
"""

import hashlib
import re
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


def slug(text: str) -> str:
    """Return a text in letters, digits, ``.``, ``_`` and ``-`` of ASCII, without accents; nothing may be left of it."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", _plain(text)).strip("-._")


def stored_name(text: str, most: int = LONGEST_BYTES) -> str:
    """Return the name under which something that a user named in any way is stored.

    It is the text's slug; where letters or digits are lost, nothing is left or it is cut, 8 hex digits of the hash of
    the text follow, so that ``测试`` and ``视频`` stay apart.

    Args:
        text: a file's name without its suffix, or a folder's.
        most: bytes of the name.
    """
    kept = slug(text)
    lost = not kept or any(sign.isalnum() and not sign.isascii() for sign in _plain(text))
    return with_digits(kept, _digest(text), most) if lost or len(kept) > most else kept


def kept_name(text: str) -> str:
    """Return a name as it is where it can be one, else its slug and 8 hex digits of its hash.

    Args:
        text: the name of somebody's clip.
    """
    return text if name_fault(text) is None else with_digits(slug(text), _digest(text))


def fitted_name(name: str, most: int = LONGEST_BYTES) -> str:
    """Shorten a name to a number of bytes; a hash distinguishes it from other names with the same beginning.

    Args:
        name: name that is valid, but perhaps too long.
        most: most bytes in UTF-8.
    """
    return name if len(name.encode()) <= most else with_digits(name, hashlib.sha256(name.encode()).hexdigest(), most)


def with_digits(name: str, digest: str, most: int = LONGEST_BYTES) -> str:
    """Return a name, cut where it is too long, with the first 8 hex digits of a digest after it.

    Args:
        name: perhaps empty.
        digest: in hex.
        most: bytes of the whole in UTF-8.
    """
    head = name.encode()[: most - _DIGITS - 1].decode("utf-8", "ignore").rstrip(" .-_")
    return f"{head or 'unnamed'}-{digest[:_DIGITS]}"


def _digest(text: str) -> str:
    """Hash a text, in whichever way Unicode spells it."""
    return hashlib.sha256(unicodedata.normalize("NFC", text).encode("utf-8", "surrogateescape")).hexdigest()


def _plain(text: str) -> str:
    """Return a text without accents, and with plain letters in place of wide ones."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))


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
