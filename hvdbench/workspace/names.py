"""Names that are never paths: the one rule for datasets, splits, clips, boards, methods and annotators.

Such names come from other people's files (``dataset.json``, result files, board rows) and turn into folders and files
here, so each is checked where it is read and again where it is written. ``docs/decisions/0006-names-and-locks.md`` says
why the rule is what it is.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from hvdbench.errors import HvdbenchError, InputError

LONGEST_BYTES = 100
"""In UTF-8. File systems take 255, and a leftover's or a lock's name adds about 60 to that of its file."""

DRIVE = ":"
"""Windows reads ``C:x`` and ``a:b`` as places of their own, so it may stand in no name that becomes a folder."""

REFUSED_BY_OTHERS = DRIVE + '*?"<>|'
"""Windows takes none of them in a file's name; a board's rows may name methods with them."""

_SEPARATORS = "/\\"
_HIDDEN = frozenset({"Cc", "Cs", "Zl", "Zp"})  # controls, halves of a pair, line and paragraph ends
# These turn the direction of the text round them, so that a name reads as another one.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_SHOWN = 60
_DIGITS = 8

ALLOWED = (
    f"a name has 1 to {LONGEST_BYTES} bytes, no separator, none of {' '.join(REFUSED_BY_OTHERS)}, no control "
    "characters, and neither a dot in front nor a space at an end"
)


def name_fault(name: object, *, also: str = "") -> str | None:
    """Return what keeps a text from being a name, as the rest of a sentence; None where nothing does.

    Args:
        name: what was found.
        also: characters that are allowed although other systems refuse them in files.
    """
    if not isinstance(name, str):
        return f"is no text but {type(name).__name__}"
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
    """Return a name as it is.

    Args:
        name: what was found.
        what: the field or option that holds it, for the sentence, e.g. ``name`` or ``--board``.
        where: the file that was read, for the sentence.
        also: as for :func:`name_fault`.
        error: the class to raise.

    Raises:
        HvdbenchError: of the class ``error``: it cannot be a name.
    """
    fault = name_fault(name, also=also)
    if fault is None:
        return str(name)
    place = f"{where}: " if where else ""
    raise error(f"{place}{what} {_shown(name)} {fault}: {ALLOWED}")


def checked_key(key: object, what: str, *, where: Path | str = "", error: type[HvdbenchError] = InputError) -> str:
    """Return a clip's key as it is: exactly ``<split>/<clip>``, both of them names.

    Args:
        key: what was found.
        what: the field that holds it, for the sentence.
        where: the file that was read, for the sentence.
        error: the class to raise.

    Raises:
        HvdbenchError: of the class ``error``: it is no key.
    """
    parts = key.split("/") if isinstance(key, str) else []
    if len(parts) != 2:
        place = f"{where}: " if where else ""
        raise error(f"{place}{what} {_shown(key)} is no clip's key: a key is exactly <split>/<clip>")
    for part in parts:
        fault = name_fault(part)
        if fault:
            place = f"{where}: " if where else ""
            raise error(f"{place}{what} {_shown(key)}: {_shown(part)} {fault}: {ALLOWED}")
    return str(key)


def checked_keys(
    keys: Iterable[object], what: str, *, where: Path | str = "", error: type[HvdbenchError] = InputError
) -> None:
    """Refuse the first key that is none; see :func:`checked_key`."""
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
    """Shorten a name to so many bytes; its hash keeps what was cut apart from others of the same beginning.

    Args:
        name: one that is right but perhaps too long.
        most: bytes in UTF-8.
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
        return f"holds the separator {sign}"
    if unicodedata.category(sign) in _HIDDEN or sign in _TURNING:
        return f"holds the control character U+{ord(sign):04X}"
    if sign in REFUSED_BY_OTHERS and sign not in also:
        return f"holds {sign}, which other systems refuse in a file's name"
    return None


def _shown(name: object) -> str:
    """Return what was found in quotes, short, with every control character escaped."""
    text = ascii(name) if isinstance(name, str) and not name.isprintable() else repr(name)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
