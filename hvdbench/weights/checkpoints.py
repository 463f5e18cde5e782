"""Read weight files: no code of theirs is run, and what training code wraps around a state dict is taken off."""

import io
import lzma
import os
import pickle
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hvdbench.errors import WeightsError
from hvdbench.weights.finding import missing_sentence
from hvdbench.weights.plain_data import stand_ins
from hvdbench.weights.registry import check_sha256
from hvdbench.weights.unpacking import PICKLE, ZIP, most_bytes, unpacked
from hvdbench.weights.unwrapping import strip_prefixes, unwrap

if TYPE_CHECKING:
    from torch import Tensor

SUFFIXES = (".pth", ".pt", ".tar", ".ckpt", ".bin", ".pkl", ".h5", ".safetensors")
"""Endings under which weights are usually published; what a file is, its bytes say."""
_CODE_PHRASES = (
    "unsupported global",
    "unsupported class",
    "trying to call reduce",
    "can only build",
    "can only create",
)
_GLOBAL = re.compile(r"GLOBAL ([\w.]+)")
_HEAD_BYTES = 512
_BLOCK_BYTES = 1 << 20
_BEFORE_16 = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the number that torch.save wrote first until 1.6
_OTHER_FILES = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes it"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\x93NUMPY", "an array of NumPy's"),
    (b"MATLAB", "a file of MATLAB's"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive, which you can unpack"),
    (b"Rar!", "a RAR archive, which you can unpack"),
    (b"GGUF", "a GGUF file"),
    (b"%PDF", "a PDF"),
    (b"{", "a text, as the index beside several weight files is: name one of those"),
    (PICKLE, "a plain pickle, which torch.save did not write: save the state dict with torch.save or as .safetensors"),
)
_LIGHTNING = "pytorch-lightning_version"
# What zipfile raises where offsets, methods of compression or packed bytes are damaged.
_DAMAGED_ARCHIVE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error,
    EOFError, NotImplementedError, RuntimeError, ValueError, OSError, OverflowError,
)  # fmt: skip


@dataclass(frozen=True)
class Checkpoint:
    """A weight file that was read.

    Attributes:
        path: the file.
        state_dict: tensors on the CPU by parameter name, bare of containers and prefixes.
        form: how the file is written: ``safetensors``, ``torch.save`` or ``torch.save, before 1.6``.
        steps: what was taken off, one phrase each; empty: a bare state dict.
    """

    path: Path
    state_dict: "dict[str, Tensor]"
    form: str
    steps: tuple[str, ...]


def load_checkpoint(path: Path, *, expected_sha256: str | None = None) -> "dict[str, Tensor]":
    """Read a state dict from a weight file, without the containers and prefixes that training code puts around it.

    Nothing in the file is executed: pickles are read with ``weights_only=True``.

    Args:
        path: a file of ``torch.save`` or of safetensors, whatever its name.
        expected_sha256: digest of the file in hex, or its first digits.

    Returns:
        Tensors on the CPU by parameter name.

    Raises:
        WeightsError: if the file does not exist, has another digest, is damaged or packed, contains code, or contains
            no state dict.
    """
    if path.is_file() and expected_sha256 is not None:
        check_sha256(path, expected_sha256)
    return read_checkpoint(path).state_dict


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a weight file, as :func:`load_checkpoint`, and list what was taken off.

    Raises:
        WeightsError: if the file does not exist, is damaged or packed, contains code, or contains no state dict.
    """
    if not path.is_file():
        raise WeightsError(missing_sentence(str(path)))
    head = _head(path)
    _check_place(path, head)
    with unpacked(path) as (file, packed):
        head = _head(file)
        _check_archive(path, file, head)
        form = _form(path, file, head)
        whole = _read(path, file, form)
    content, steps = unwrap(whole, path)
    state_dict, more = strip_prefixes(content, is_lightning=isinstance(whole, Mapping) and _LIGHTNING in whole)
    if not state_dict:
        raise WeightsError(f"{path} does not contain a state dict, only counters of a training")
    held = sum(value.numel() * value.element_size() for value in state_dict.values())
    if held > most_bytes(path):  # a few numbers stand for many, which every look at them would spread out
        raise WeightsError(
            f"{path} has {path.stat().st_size} bytes and claims {held} bytes of numbers: it is no weight file"
        )
    return Checkpoint(path, state_dict, form, (*packed, *steps, *more))


def check_whole(path: Path) -> None:
    """Refuse a file that is plainly not the intended download, whoever reads it later; nothing is unpickled.

    The archive of ``torch.save`` has a checksum for each tensor, which ``torch.load`` does not look at.

    Raises:
        WeightsError: if the file is empty, something else was saved in its place, or its archive is cut off or altered.
    """
    head = _head(path)
    _check_place(path, head)
    _check_archive(path, path, head)


def _check_place(path: Path, head: bytes) -> None:
    place = _what_stands_there(head)
    if place:
        raise WeightsError(f"{path} is damaged or not a weight file ({place}): download it again")


def _check_archive(path: Path, file: Path, head: bytes) -> None:
    try:
        broken = head.startswith(ZIP) and _archive_is_broken(file)
    except _DAMAGED_ARCHIVE:
        broken = True
    if broken:
        raise WeightsError(_damaged_message(path))


def _archive_is_broken(path: Path) -> bool:
    """Return whether some entries differ from their checksums; all do where torch was told to write none."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        return 0 < sum(not _entry_is_whole(archive, entry) for entry in entries) < len(entries)


def _entry_is_whole(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bool:
    try:
        with archive.open(entry) as file:
            while file.read(_BLOCK_BYTES):
                pass
    except zipfile.BadZipFile:
        return False
    return True


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}") from error


def _form(path: Path, file: Path, head: bytes) -> str:
    """Return how a file is written, by its first bytes; its name says little, since anybody renames.

    Raises:
        WeightsError: it is plainly something else.
    """
    header_bytes = int.from_bytes(head[:8], "little")  # safetensors: the length of the JSON that follows
    if head[8:9] == b"{" and header_bytes < file.stat().st_size:
        return "safetensors"
    if head.startswith(_BEFORE_16):
        return "torch.save, before 1.6"
    if head.startswith(ZIP):
        with zipfile.ZipFile(file) as archive:
            if any(name.endswith("/constants.pkl") for name in archive.namelist()):
                raise WeightsError(f"{path} is TorchScript, a network with its code: give --method torchscript:{path}")
        return "torch.save"
    for magic, words in _OTHER_FILES:
        if head.startswith(magic):
            raise WeightsError(f"{path} is no weight file of torch.save or safetensors, but {words}")
    raise WeightsError(_damaged_message(path))


class _Bounded(io.BufferedReader):
    """A file of which no more is asked than it has left: a damaged length would take memory before it shows."""

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(0, os.fstat(self.fileno()).st_size - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left))


def _read(path: Path, file: Path, form: str) -> Any:
    """Read what a weight file holds, without running any of it."""
    import torch

    try:
        if form == "safetensors":
            from safetensors.torch import load_file

            return load_file(file, device="cpu")
        with (
            torch.serialization.safe_globals(stand_ins()),
            _Bounded(io.FileIO(file)) as opened,
            warnings.catch_warnings(),
        ):
            warnings.filterwarnings(
                "ignore", message="Detected pickle protocol"
            )  # an error follows, or nothing is wrong
            # torch.load judges a path by its name too, so it gets the open file
            return torch.load(opened, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(_unpickling_message(path, str(error))) from error
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}") from error
    except (MemoryError, ImportError):
        raise
    except Exception as error:  # damaged bytes can make the readers fail in any way
        raise WeightsError(_damaged_message(path)) from error


def _unpickling_message(path: Path, reason: str) -> str:
    """Return the sentence for a pickle that torch refuses: what it would have run, or that it cannot be read."""
    if any(phrase in reason.lower() for phrase in _CODE_PHRASES):
        named = _GLOBAL.search(reason)
        would = f", which would run {named[1].rstrip('.')}" if named else ""
        return (
            f"{path} contains pickled code beside its tensors{would}; it is never run: "
            "save the state dict alone (model.state_dict()), best as .safetensors"
        )
    if "unsupported operand" in reason.lower():
        return (
            f"{path} is written in another pickle protocol than torch.save's own, which cannot be read without running "
            "code: save it with torch.save's defaults, or as .safetensors"
        )
    return _damaged_message(path)


def _damaged_message(path: Path) -> str:
    return f"{path} is damaged or not a weight file: download it again"


def _what_stands_there(head: bytes) -> str | None:
    start = head.lstrip().lower()
    if not head:
        return "it is empty"
    if start.startswith((b"<!doctype", b"<html")):
        return "a web page was saved in its place"
    if start.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer stands in its place"
    return None
