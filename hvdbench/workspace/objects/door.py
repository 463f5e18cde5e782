"""Ask the server of an address for lists and bytes, count that, and turn what goes wrong into sentences.

Nothing is cached here, and nothing is ever written to a server.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote

from hvdbench.errors import InputError
from hvdbench.workspace.objects.faults import MissingError, missing, package, sentences
from hvdbench.workspace.objects.location import Location

PIECE = 1 << 24
"""Bytes of a large file that are asked for at once."""
_TOGETHER = 64  # files of one request to fsspec, which asks the server for them at the same time
_BLOCK = 1 << 20  # of files that are read in ranges: about what eight chunks of a pack take
_BLOCKS = 64
_VERSIONS = ("ETag", "etag", "md5Hash", "content_md5", "LastModified", "last_modified", "mtime", "created", "modified")
_PATTERN = frozenset("*?[")


@dataclass
class Traffic:
    """What was asked of servers since the process began.

    A request is one that fsspec was asked for here: a list, a look at one file, a file, or a range of one. A server may
    see more of them, as for lists of over 1000 names, or after a broken connection.
    """

    requests: int = 0
    bytes: int = 0

    def note(self, count: int, size: int = 0) -> None:
        """Count requests and the bytes that they brought."""
        self.requests += count
        self.bytes += size


traffic = Traffic()
"""The traffic of this process."""


@dataclass(frozen=True)
class Entry:
    """A file at an address.

    Attributes:
        size: bytes; None where the server does not state it.
        version: a text that changes when the file is replaced; empty where the server states nothing of the kind.
        path: the file's path for fsspec.
    """

    size: int | None
    version: str
    path: str = field(repr=False)


def look(location: Location) -> Entry | None:
    """Look at one file; None if there is no file at the address, which may be a folder.

    Raises:
        InputError: if the server cannot be asked.
    """
    system, path = _open(location)
    traffic.note(1)
    try:
        with sentences(location):
            found = system.info(path)
    except MissingError:
        return None
    return None if found.get("type") == "directory" else _entry(found, path)


def find(location: Location) -> dict[str, Entry]:
    """List all files below a folder, by their names relative to it; of a single file, the file under the name ``""``.

    Raises:
        InputError: if nothing is there, a name could lead out of the folder, or the server cannot be asked.
    """
    system, path = _open(location)
    root = str(path).rstrip("/")
    traffic.note(1)
    with sentences(location):
        found: Mapping[str, Mapping[str, Any]] = system.find(path, detail=True)
    entries = {}
    for key, info in sorted(found.items()):
        name = key[len(root) :].lstrip("/")
        if not name:
            if not key.endswith("/"):
                entries[""] = _entry(info, key)
            continue
        if key.endswith("/") or "?" in name or "#" in name:
            continue  # the mark of an empty folder, or a link on a page that lists one
        name = unquote(name) if location.protocol in ("http", "https") else name
        if not key.startswith(f"{root}/") or _leads_out(name):
            raise InputError(f"'{location}' lists the name {name[:80]!a}, which is not a path below it")
        entries[name] = _entry(info, key)
    if not entries:
        with sentences(location):
            system.info(path)  # says why, where a list is only empty
        raise InputError(missing(location))
    if len(entries) > 1:
        entries.pop("", None)  # the page of a folder that is a file to its server
    for name, entry in entries.items():
        if entry.size is None:  # a web page lists names alone
            traffic.note(1)
            with sentences(location):
                entries[name] = _entry(system.info(entry.path), entry.path)
    return entries


def read(location: Location) -> bytes | None:
    """Read one small file whole; None if it does not exist.

    Raises:
        InputError: if the server cannot be asked.
    """
    system, path = _open(location)
    try:
        with sentences(location):
            found: bytes = system.cat_file(path)
    except MissingError:
        traffic.note(1)
        return None
    traffic.note(1, len(found))
    return found


def fetch(location: Location, entries: Mapping[str, Entry], target: Path) -> Iterator[int]:
    """Write files as they were listed below a folder of this machine, and yield the bytes of each step.

    Args:
        location: the folder that :func:`find` listed; or a file, under the name ``""``.
        entries: the files.
        target: the folder; or the file.

    Raises:
        InputError: if a file does not have the size that was listed, or the server cannot be asked.
    """
    system, _ = _open(location)
    # fsspec takes *, ? and [ in a list of names for patterns, so that files with such names are read one by one
    small = [
        name
        for name, entry in entries.items()
        if entry.size is not None and entry.size <= PIECE and not _PATTERN & set(entries[name].path)
    ]
    for batch in _batches(small, entries):
        with sentences(location):
            found = system.cat([entries[name].path for name in batch], on_error="raise")
        found = found if isinstance(found, dict) else {entries[batch[0]].path: found}
        size = sum(map(len, found.values()))
        traffic.note(len(batch), size)
        for name in batch:
            content = found[entries[name].path]
            _check_size(location, name, entries[name], len(content))
            _place(target, name).write_bytes(content)
        yield size
    for name in entries.keys() - set(small):
        written = 0
        with _place(target, name).open("wb") as file:
            for start, stop in _pieces(entries[name].size):
                with sentences(location):
                    content = system.cat_file(entries[name].path, start=start, end=stop)
                traffic.note(1, len(content))
                file.write(content)
                written += len(content)
                yield len(content)
        _check_size(location, name, entries[name], written)


def open_ranges(location: Location) -> IO[bytes]:
    """Open a file of which only ranges are read, each counted; up to 64 MiB of them stay in memory.

    Raises:
        InputError: if it does not exist, or the server cannot be asked.
    """
    system, path = _open(location)
    traffic.note(1)
    options = {"block_size": _BLOCK, "cache_type": "blockcache", "cache_options": {"maxblocks": _BLOCKS}}
    with sentences(location):
        file: Any = system.open(path, "rb", **options)
    cache = getattr(file, "cache", None)
    return _Ranges(location, file, None if cache is None else _counted(cache))  # type: ignore[return-value]


class _Ranges:
    """A file that is read in ranges, whose errors are sentences."""

    def __init__(self, location: Location, file: Any, counts_itself: object) -> None:
        self._location, self._file, self._counts_itself = location, file, counts_itself is not None

    def readinto(self, buffer: Any) -> int:
        with sentences(self._location):
            view = memoryview(buffer).cast("B")
            content = self._file.read(len(view))
            view[: len(content)] = content
        if not self._counts_itself:
            traffic.note(1, len(content))
        return len(content)

    def read(self, size: int = -1) -> bytes:
        with sentences(self._location):
            content: bytes = self._file.read(size)
        if not self._counts_itself:
            traffic.note(1, len(content))
        return content

    def seek(self, place: int, whence: int = 0) -> int:
        return int(self._file.seek(place, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        self._file.close()


def _counted(cache: Any) -> object:
    """Count the ranges that fsspec's cache of blocks asks for."""
    ask = cache.fetcher

    def fetcher(start: int, end: int) -> bytes:
        content: bytes = ask(start, end)
        traffic.note(1, len(content))
        return content

    cache.fetcher = fetcher
    return fetcher


def _open(location: Location) -> tuple[Any, Any]:
    """Return the file system of an address, and the path in it.

    Raises:
        InputError: if a package is missing, or the system cannot be opened.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise InputError(package(location, "fsspec")) from None
    try:
        with sentences(location):
            system, path = url_to_fs(location.url, use_listings_cache=False)
    except ImportError as error:
        raise InputError(package(location, getattr(error, "name", None) or str(error)[:80])) from None
    return system, path


def _entry(info: Mapping[str, Any], path: str) -> Entry:
    size = info.get("size", info.get("Size"))
    version = "|".join(f"{key}={info[key]}" for key in _VERSIONS if info.get(key) not in (None, ""))
    return Entry(None if size is None else int(size), version, path)


def _leads_out(name: str) -> bool:
    return "\\" in name or "\0" in name or any(part in ("", ".", "..") for part in name.split("/"))


def _check_size(location: Location, name: str, entry: Entry, found: int) -> None:
    if entry.size is not None and found != entry.size:
        where = f"{location}/{name}" if name else str(location)
        raise InputError(
            f"'{where}' was cut off or replaced while it was read: {found} bytes came, and {entry.size} were listed; "
            "run the command again"
        )


def _place(target: Path, name: str) -> Path:
    place = target / name if name else target
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _batches(names: list[str], entries: Mapping[str, Entry]) -> Iterator[list[str]]:
    """Part names so that few files, and few bytes, are in memory at once."""
    batch: list[str] = []
    size = 0
    for name in names:
        own = entries[name].size or 0
        if batch and (len(batch) == _TOGETHER or size + own > 2 * PIECE):
            yield batch
            batch, size = [], 0
        batch.append(name)
        size += own
    if batch:
        yield batch


def _pieces(size: int | None) -> Iterator[tuple[int | None, int | None]]:
    if size is None:
        yield None, None
        return
    for start in range(0, size, PIECE):
        yield start, min(start + PIECE, size)
