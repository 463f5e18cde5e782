"""Addresses of inputs that do not lie on a mounted disk, such as ``s3://bucket/datasets/goproshake``."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from hvdbench.errors import InputError

PROTOCOLS = ("s3", "s3a", "gs", "gcs", "az", "abfs", "http", "https", "file", "memory")
_USERS_ALLOWED = ("http", "https")  # of the others, a user in the address would be taken for a part of the bucket
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_USER = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/\s'\"]*@")
_QUERY = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^\s?'\"]*)\?[^\s'\"]*")


def is_url(text: object) -> bool:
    """Return whether a value is a text that begins as an address does, with a word and ``://``."""
    return isinstance(text, str) and _URL.match(text) is not None


def without_secrets(text: str) -> str:
    """Replace what may be secret in every address in a text: the user with the password, and everything after ``?``."""
    return _QUERY.sub(r"\1?…", _USER.sub(r"\1…@", text))


@dataclass(frozen=True)
class Location:
    """The address of a folder or file that is read through ``fsspec``.

    Its text form has no secrets. Make one with :meth:`of`.

    Attributes:
        url: the whole address, which may contain a password or a signature and is never shown.
    """

    url: str = field(repr=False)

    @classmethod
    def of(cls, text: str) -> "Location":
        """Read an address.

        Raises:
            InputError: if it is not an address of a known kind, or contains a user where none is understood.
        """
        shown, found = without_secrets(text), _URL.match(text)
        protocol = found.group(1).lower() if found else ""
        if protocol not in PROTOCOLS or "::" in text:
            raise InputError(f"'{shown}' is no address that hvdbench reads: it begins with {_listed()}")
        assert found is not None
        rest = text[found.end() :]
        place, mark, query = rest.partition("?")
        if "@" in place.partition("/")[0] and protocol not in _USERS_ALLOWED:
            raise InputError(
                f"'{shown}' contains a user or password: leave them out, and set them as the storage's own tools read "
                "them, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
        place = place if protocol == "file" and place == "/" else place.rstrip("/")
        if not place or any(part in (".", "..") for part in place.split("/")) or "\\" in place or "\0" in place:
            raise InputError(f"'{shown}' names no folder or file: write it as in s3://bucket/datasets/goproshake")
        return cls(f"{protocol}://{place}{mark}{query}")

    @property
    def protocol(self) -> str:
        return self.url.partition("://")[0]

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self._place.rpartition("/")[2]

    @property
    def parent_name(self) -> str:
        """The last part but one; empty where there is none."""
        return self._place.rpartition("/")[0].rpartition("/")[2]

    @property
    def public(self) -> str:
        """The address without user and query, which is the same for everyone who may read it."""
        protocol, _, rest = self.url.partition("://")
        return f"{protocol}://{rest.partition('?')[0].rpartition('@')[2]}"

    def __truediv__(self, name: str) -> "Location":
        """Return the address of something in the folder.

        Raises:
            InputError: if the address has a query, as signed addresses of single files have, or the name would begin
                one.
        """
        if "?" in self.url:
            raise InputError(
                f"'{self}' is the address of one file, and a folder was expected: leave out what follows '?'"
            )
        if self.protocol in ("http", "https"):
            return Location(f"{self.url}/{quote(name)}")
        if "?" in name:
            raise InputError(f"'{name}' in '{self}' contains a '?', which an address cannot: copy it to this machine")
        return Location(f"{self.url}/{name}")

    def __str__(self) -> str:
        return without_secrets(self.url)

    def __reduce__(self) -> tuple[Any, ...]:
        if self.protocol == "memory":
            raise InputError(
                f"'{self}' lies in the memory of one process, and other processes do not see it: work in one process "
                "with --engine local:1, or put the data where all workers see it"
            )
        return Location, (self.url,)

    @property
    def _place(self) -> str:
        return self.url.partition("://")[2].partition("?")[0]


Place: TypeAlias = Path | Location
"""A folder or file on a mounted disk, or at an address."""


def place_of(text: str) -> Place:
    """Return the place that a text names.

    Raises:
        InputError: under the conditions of :meth:`Location.of`.
    """
    return Location.of(text) if is_url(text) else Path(text)


def _listed() -> str:
    return f"{', '.join(f'{protocol}://' for protocol in PROTOCOLS[:-1])} or {PROTOCOLS[-1]}://"
