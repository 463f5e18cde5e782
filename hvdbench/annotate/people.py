"""Check the names under which people give answers."""

import re

from hvdbench.errors import InputError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


def is_person(name: str) -> bool:
    """Return whether a text can be a person's name: it is then never a path, nor a markup of a page."""
    return _NAME.fullmatch(name) is not None


def checked_person(name: str, what: str, error: type[InputError] = InputError) -> str:
    """Return a name as it is, or refuse it.

    Args:
        name: what somebody calls themselves.
        what: what it would name, such as ``an annotator``.
        error: class of the error.

    Raises:
        InputError: if the name has a sign other than letters, digits, '.', '-' and '_', or more than 40 signs.
    """
    if not is_person(name):
        shown = name if name.isprintable() and len(name) <= 60 else ascii(name[:60])
        raise error(
            f"'{shown}' cannot name {what}: use up to 40 letters, digits, '.', '-' and '_', and begin with a letter or "
            "digit"
        )
    return name
