"""Read weight files: no code of theirs is run, and what training code wraps around a state dict is taken off."""

import argparse
import pickle
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hvdbench.errors import WeightsError
from hvdbench.weights.finding import missing_sentence
from hvdbench.weights.registry import check_sha256

if TYPE_CHECKING:
    from torch import Tensor

SUFFIXES = (".pth", ".pt", ".tar", ".ckpt", ".bin", ".pkl", ".safetensors")
"""Suffixes under which weights are usually published; the bytes of a file decide what it is."""
_CONTAINERS = (
    "state_dict",
    "params",
    "params_ema",
    "model",
    "model_state",
    "model_state_dict",
    "state_dict_ema",
    "model_ema",
    "ema",
)
_WRAPPERS = ("module.model.", "module.", "_orig_mod.")
_GENERATORS = ("generator.", "generator_ema.")
_COUNTERS = ("step_counter", "n_averaged", "total_ops", "total_params")  # of mmedit, of averaged models, of thop
_CODE_PHRASES = (
    "unsupported global",
    "unsupported class",
    "trying to call reduce",
    "can only build",
    "can only create",
)
_LISTED = 6
_HEAD_BYTES = 512
_BLOCK_BYTES = 1 << 20
_ZIP = b"PK"
_SAVED_OBJECT = ("data.pkl", "constants.pkl")  # of torch.save and of TorchScript
_GZIP = b"\x1f\x8b"
_LIGHTNING = "pytorch-lightning_version"
_LIGHTNING_MODEL = "model."


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
    check_whole(path)
    head = _head(path)
    _refuse_packed(path, head)
    form = _form(path, head)
    whole = _read(path, form, head)
    content, steps = _unwrap(whole, path)
    state_dict, more = _strip_prefixes(content, is_lightning=isinstance(whole, Mapping) and _LIGHTNING in whole)
    if not state_dict:
        raise WeightsError(f"{path} does not contain a state dict, only counters of a training: name a file of weights")
    return Checkpoint(path, state_dict, form, (*steps, *more))


def check_whole(path: Path) -> None:
    """Refuse a file that is plainly not the intended download, whoever reads it later; nothing is unpickled.

    The archive of ``torch.save`` has a checksum for each tensor, which ``torch.load`` does not look at.

    Raises:
        WeightsError: if the file is empty, something else was saved in its place, or its archive is cut off or altered.
    """
    head = _head(path)
    try:
        broken = head.startswith(_ZIP) and _archive_is_broken(path)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError):
        broken = True
    if broken or _what_stands_there(head):
        raise WeightsError(_damaged_message(path, head))


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


def _refuse_packed(path: Path, head: bytes) -> None:
    """Refuse an intact file that contains another one, which a reader of weights would call damaged.

    Raises:
        WeightsError: if the file is packed with gzip, or is a ZIP archive of something other than one saved object.
    """
    if head.startswith(_GZIP):
        raise WeightsError(f"{path} is packed with gzip: unpack it (gunzip), and name the file that comes out")
    if head.startswith(_ZIP):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        if not any(name.rpartition("/")[2] in _SAVED_OBJECT for name in names):
            raise WeightsError(f"{path} is a ZIP archive of {_some(names)}: unpack it, and name the weight file in it")


def _form(path: Path, head: bytes) -> str:
    """Return how a file is written, by its first bytes, since its name may have been changed."""
    header_bytes = int.from_bytes(head[:8], "little")  # safetensors: the length of the JSON that follows
    if head[8:9] == b"{" and header_bytes < path.stat().st_size:
        return "safetensors"
    return "torch.save" if head.startswith(_ZIP) else "torch.save, before 1.6"


def _read(path: Path, form: str, head: bytes) -> Any:
    """Read the content of a weight file, without running any of it."""
    import torch

    try:
        if form == "safetensors":
            from safetensors.torch import load_file

            return load_file(path, device="cpu")
        # torch.load judges a path by its name too, so it gets the open file
        with torch.serialization.safe_globals(_plain_data()), path.open("rb") as file:
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if any(phrase in str(error).lower() for phrase in _CODE_PHRASES):
            raise WeightsError(
                f"{path} contains pickled code beside its tensors, and hvdbench never runs it: save only the state "
                "dict, best as .safetensors"
            ) from error
        raise WeightsError(_damaged_message(path, head)) from error
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}") from error
    except (MemoryError, ImportError):
        raise
    except Exception as error:  # damaged bytes can make the readers fail in any way
        raise WeightsError(_damaged_message(path, head)) from error


def _plain_data() -> list[Any]:
    """List the types that training code saves beside weights and that are only data: Namespaces, NumPy's numbers."""
    import numpy as np

    scalar = np.float64(0).__reduce__()[0]
    kinds = {type(np.dtype(name)) for name in ("bool", "int32", "int64", "float32", "float64")}
    names = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")  # before and since NumPy 2
    return [argparse.Namespace, np.dtype, *kinds, *((scalar, name) for name in names)]


def _damaged_message(path: Path, head: bytes) -> str:
    """Return the sentence for a file that cannot be read, with what was saved in its place where that is plain."""
    place = _what_stands_there(head)
    return f"{path} is damaged or not a weight file{f' ({place})' if place else ''}: download it again"


def _what_stands_there(head: bytes) -> str | None:
    start = head.lstrip().lower()
    if not head:
        return "it is empty"
    if start.startswith((b"<!doctype", b"<html")):
        return "a web page was saved in its place"
    if start.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer stands in its place"
    return None


def _unwrap(content: Any, path: Path) -> "tuple[dict[str, Tensor], list[str]]":
    """Take the state dict out of the containers that training code saves it in; return which, in words."""
    import torch

    steps = []
    for _ in _CONTAINERS:  # one may contain another
        key = _container(content)
        if key is None:
            break
        beside = [f"'{other}'" for other in content if other != key]
        steps.append(f"taken from '{key}'" + (f" (beside it: {_some(beside)})" if beside else ""))
        content = content[key]
    if isinstance(content, Mapping) and content and all(isinstance(value, torch.Tensor) for value in content.values()):
        return {str(key): value for key, value in content.items()}, steps
    raise WeightsError(f"{path} does not contain a state dict, neither bare nor under {', '.join(_CONTAINERS)}")


def _container(content: Any) -> str | None:
    if not isinstance(content, Mapping):
        return None
    return next((key for key in _CONTAINERS if isinstance(content.get(key), Mapping)), None)


def _strip_prefixes(state_dict: "dict[str, Tensor]", *, is_lightning: bool) -> "tuple[dict[str, Tensor], list[str]]":
    """Drop counters, the prefixes of wrappers, and all but the generator where there is one; return which."""
    steps = []
    kept = {key: value for key, value in state_dict.items() if key.rpartition(".")[2] not in _COUNTERS}
    if len(kept) < len(state_dict):
        steps.append(f"counters left out: {_some([key for key in state_dict if key not in kept])}")
    while prefix := _wrapper_of(kept):  # one wrapper may contain another: a compiled model in a parallel one
        kept = {key.removeprefix(prefix): value for key, value in kept.items()}
        steps.append(f"prefix '{prefix}' taken off")
    for prefix in (*_GENERATORS, _LIGHTNING_MODEL) if is_lightning else _GENERATORS:
        if any(key.startswith(prefix) for key in kept):
            left_out = [key for key in kept if not key.startswith(prefix)]
            kept = {key.removeprefix(prefix): value for key, value in kept.items() if key.startswith(prefix)}
            others = f", others left out: {_some(left_out)}" if left_out else ""
            steps.append(f"the keys under '{prefix}' taken{others}")
            break
    return kept, steps


def _wrapper_of(keys: Iterable[str]) -> str | None:
    """Return the prefix of a wrapper that all keys share, None where there is none."""
    names = list(keys)
    return next((prefix for prefix in _WRAPPERS if names and all(name.startswith(prefix) for name in names)), None)


def _some(names: list[str]) -> str:
    """List some names, and how many more there are."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
