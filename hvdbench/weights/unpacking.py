"""Weight files inside other files: gzip, bzip2, xz, ZIP and tar are unpacked, by what their bytes say."""

import bz2
import gzip
import lzma
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from hvdbench.errors import WeightsError

ZIP = b"PK\x03\x04"
PICKLE = b"\x80"
_STREAMS: Mapping[bytes, tuple[str, Callable[[Path], Any]]] = {
    b"\x1f\x8b": ("gzip", gzip.open),
    b"BZh": ("bzip2", bz2.open),
    b"\xfd7zXZ\x00": ("xz", lzma.open),
}
_FAULTS = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError, NotImplementedError, ValueError)
_SAVED_OBJECT = ("data.pkl", "constants.pkl")  # of torch.save and of TorchScript
_MOST_LAYERS = 3
_MOST_TIMES = 20
_SPARE_BYTES = 64 << 20
_BLOCK_BYTES = 1 << 20
_HEAD_BYTES = 16
_LISTED = 6


@contextmanager
def unpacked(path: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Unpack a file for as long as the block runs.

    Args:
        path: of any file.

    Yields:
        The file itself where it is not packed, else one in a temporary folder; and how it was packed, in words.

    Raises:
        WeightsError: an archive holds no weight file or several, is damaged or locked, or grows more than weights do.
    """
    most = most_bytes(path)
    with tempfile.TemporaryDirectory(prefix="hvdbench-weights-") as folder:
        inner, layers = path, list[str]()
        try:
            while True:
                with ExitStack() as opened:
                    words, stream = _layer(inner, path, opened)
                    if stream is None:
                        break
                    if len(layers) == _MOST_LAYERS:
                        raise WeightsError(f"{path} is packed more than {_MOST_LAYERS} times over: unpack it")
                    target = Path(folder) / str(len(layers))
                    with target.open("wb") as file:
                        _copy(stream, file, most, path)
                    inner = target
                    layers.append(words)
        except RuntimeError as error:  # so zipfile says that a password is missing
            if isinstance(error, NotImplementedError):
                raise WeightsError(_damaged(path)) from error
            raise WeightsError(
                f"{path} is locked with a password: unpack it, and name the weight file in it"
            ) from error
        except (*_FAULTS, gzip.BadGzipFile) as error:
            if isinstance(error, WeightsError):
                raise
            raise WeightsError(_damaged(path)) from error
        yield inner, tuple(layers)


def most_bytes(path: Path) -> int:
    """Return how many bytes the numbers in a file may come to: weights hardly shrink when they are packed."""
    return _MOST_TIMES * path.stat().st_size + _SPARE_BYTES


def some(names: list[str]) -> str:
    """List some names, and how many more there are."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def _layer(file: Path, path: Path, opened: ExitStack) -> tuple[str, IO[bytes] | None]:
    """Open the outermost layer of a file: how it is packed, in words, and a stream of what is in it, or None."""
    with file.open("rb") as content:
        head = content.read(_HEAD_BYTES)
    for magic, (name, stream) in _STREAMS.items():
        if head.startswith(magic):
            return f"unpacked with {name}", opened.enter_context(stream(file))
    if head.startswith(ZIP):
        return _zip_member(file, path, opened)
    if head.strip(b"\0") and tarfile.is_tarfile(file):
        return _tar_member(file, path, opened)
    return "", None


def _zip_member(file: Path, path: Path, opened: ExitStack) -> tuple[str, IO[bytes] | None]:
    try:
        archive = opened.enter_context(zipfile.ZipFile(file))
    except zipfile.BadZipFile:  # most likely a cut file of torch.save, of which its reader says so
        return "", None
    if any(name.rpartition("/")[2] in _SAVED_OBJECT for name in archive.namelist()):
        return "", None
    names = [entry.filename for entry in archive.infolist() if not f"/{entry.filename}".endswith("/")]
    name = _only(names, archive.open, "a ZIP archive", path)
    return f"taken out of a ZIP archive as '{name}'", opened.enter_context(archive.open(name))


def _tar_member(file: Path, path: Path, opened: ExitStack) -> tuple[str, IO[bytes] | None]:
    archive = opened.enter_context(tarfile.TarFile.open(file))
    names = [member.name for member in archive.getmembers() if member.isreg()]

    def read(name: str) -> IO[bytes]:
        stream = archive.extractfile(name)
        assert stream is not None  # a regular file has content
        return stream

    name = _only(names, read, "a tar archive", path)
    return f"taken out of a tar archive as '{name}'", opened.enter_context(read(name))


def _only(names: list[str], read: Callable[[str], IO[bytes]], kind: str, path: Path) -> str:
    """Find the one weight file of an archive, by the first bytes of its files.

    Raises:
        WeightsError: there is none, or there are several.
    """
    found = []
    for name in names:
        parts = PurePosixPath(name).parts
        if parts and not parts[-1].startswith(".") and "__MACOSX" not in parts:
            with read(name) as stream:
                if _could_be_weights(stream.read(_HEAD_BYTES)):
                    found.append(name)
    if len(found) == 1:
        return found[0]
    if found:
        raise WeightsError(f"{path} is {kind} of {len(found)} weight files ({some(found)}): unpack it, and name one")
    raise WeightsError(f"{path} is {kind} of {some(names) or 'nothing'}, and none of its files looks like weights")


def _could_be_weights(head: bytes) -> bool:
    is_safetensors = head[8:9] == b"{"
    return is_safetensors or head.startswith((ZIP, PICKLE, *_STREAMS))


def _copy(source: IO[bytes], target: IO[bytes], most: int, path: Path) -> None:
    """Copy a stream, as far as weights of the packed size can go."""
    while block := source.read(_BLOCK_BYTES):
        target.write(block)
        if target.tell() > most:
            raise WeightsError(
                f"{path} grows over {_MOST_TIMES} times its size when it is unpacked: it is no weight file"
            )


def _damaged(path: Path) -> str:
    return f"{path} is packed and damaged: download it again"
