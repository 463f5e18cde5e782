"""Read weight files: no code of theirs is run, and what training code wraps around a state dict is taken off."""

import pickle
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hvdbench.errors import WeightsError
from hvdbench.weights.finding import missing_sentence
from hvdbench.weights.plain_data import PlainArray, stand_ins
from hvdbench.weights.registry import check_sha256
from hvdbench.weights.unpacking import PICKLE, ZIP, most_bytes, some, unpacked

if TYPE_CHECKING:
    from torch import Tensor

SUFFIXES = (".pth", ".pt", ".tar", ".ckpt", ".bin", ".pkl", ".h5", ".safetensors")
"""Endings under which weights are usually published; what a file is, its bytes say."""
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
_DEEPEST = 4
_WRAPPERS = ("module.model.", "module.", "_orig_mod.")
_WRAPPED = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")  # of torch's, wherever they stand
_GENERATORS = ("generator.", "generator_ema.")
_COUNTERS = ("step_counter", "n_averaged", "total_ops", "total_params")  # of mmedit, of averaged models, of thop
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
    head = _head(path)
    _check_place(path, head)
    with unpacked(path) as (file, packed):
        head = _head(file)
        _check_archive(path, file, head)
        form = _form(path, file, head)
        whole = _read(path, file, form)
    content, steps = _unwrap(whole, path)
    state_dict, more = _strip_prefixes(content, is_lightning=isinstance(whole, Mapping) and _LIGHTNING in whole)
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
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError):
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


def _read(path: Path, file: Path, form: str) -> Any:
    """Read what a weight file holds, without running any of it."""
    import torch

    try:
        if form == "safetensors":
            from safetensors.torch import load_file

            return load_file(file, device="cpu")
        with torch.serialization.safe_globals(stand_ins()), file.open("rb") as opened, warnings.catch_warnings():
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


def _unwrap(content: Any, path: Path) -> "tuple[dict[str, Tensor], list[str]]":
    """Take the state dict out of what training code saves it in; return which, in words.

    Several state dicts beside one another, none of them under a known name, are kept under their names as prefixes:
    which of them a network fits shows when it is loaded.
    """
    steps = []
    for _ in range(_DEEPEST):  # one container may hold another
        content = _by_name(content)
        key = next((key for key in _CONTAINERS if _state_dicts(content.get(key))), None)
        if key is None:
            break
        beside = [f"'{other}'" for other in content if other != key]
        steps.append(f"taken from '{key}'" + (f" (beside it: {some(beside)})" if beside else ""))
        content = content[key]
    found = _state_dicts(content)
    if not found:
        raise WeightsError(f"{path} does not contain a state dict, neither bare nor in anything that it contains")
    if len(found) > 1:
        steps.append(f"several state dicts, each under its name: {some([repr(name) for name in found])}")
        return {f"{name}.{key}": value for name, one in found.items() for key, value in _tensors(one).items()}, steps
    ((name, state_dict),) = found.items()
    if name:
        steps.append(f"taken from '{name}'")
    tensors = _tensors(state_dict)
    left_out = [f"'{key}'" for key in state_dict if key not in tensors]
    if left_out:
        steps.append(f"no tensors, left out: {some(left_out)}")
    return tensors, steps


def _by_name(content: Any) -> Mapping[Any, Any]:
    """Return what a container holds by name; the parts of a tuple or list go by their numbers."""
    if isinstance(content, Mapping):
        return content
    if isinstance(content, Sequence) and not isinstance(content, str | bytes):
        return {str(number): part for number, part in enumerate(content) if isinstance(part, Mapping)}
    return {}


def _state_dicts(content: Any, depth: int = _DEEPEST) -> dict[str, Mapping[Any, Any]]:
    """Find the state dicts in a container, by the names that lead to them; the name of itself is empty."""
    if isinstance(content, Mapping) and 2 * len(_tensors(content)) > len(content):
        return {"": content}
    if depth == 0:
        return {}
    found = {}
    for key, part in _by_name(content).items():
        if isinstance(key, str):
            for name, state_dict in _state_dicts(part, depth - 1).items():
                found[f"{key}.{name}" if name else key] = state_dict
    return found


def _tensors(content: Mapping[Any, Any]) -> "dict[str, Tensor]":
    """Return the tensors of a mapping by name, those among them that were saved as arrays of NumPy's too."""
    import torch

    made = {
        key: value.tensor() if isinstance(value, PlainArray) else value
        for key, value in content.items()
        if isinstance(key, str)
    }
    return {key: value for key, value in made.items() if isinstance(value, torch.Tensor)}


def _strip_prefixes(state_dict: "dict[str, Tensor]", *, is_lightning: bool) -> "tuple[dict[str, Tensor], list[str]]":
    """Drop counters, the prefixes of wrappers, and all but the generator where there is one; return which."""
    steps = []
    kept = {key: value for key, value in state_dict.items() if key.rpartition(".")[2] not in _COUNTERS}
    if len(kept) < len(state_dict):
        steps.append(f"counters left out: {some([key for key in state_dict if key not in kept])}")
    while prefix := _wrapper_of(kept):  # one wrapper may hold another: a compiled model in a parallel one
        kept = {key.removeprefix(prefix): value for key, value in kept.items()}
        steps.append(f"prefix '{prefix}' taken off")
    for wrapper in _WRAPPED:
        if any(wrapper in key.split(".") for key in kept):
            kept = {".".join(part for part in key.split(".") if part != wrapper): kept[key] for key in kept}
            steps.append(f"'{wrapper}' taken off inside the keys")
    for prefix in (*_GENERATORS, _LIGHTNING_MODEL) if is_lightning else _GENERATORS:
        if any(key.startswith(prefix) for key in kept):
            left_out = [key for key in kept if not key.startswith(prefix)]
            kept = {key.removeprefix(prefix): value for key, value in kept.items() if key.startswith(prefix)}
            others = f", others left out: {some(left_out)}" if left_out else ""
            steps.append(f"the keys under '{prefix}' taken{others}")
            break
    return kept, steps


def _wrapper_of(keys: Iterable[str]) -> str | None:
    """Return the prefix of a wrapper that all keys share, None where there is none."""
    names = list(keys)
    return next((prefix for prefix in _WRAPPERS if names and all(name.startswith(prefix) for name in names)), None)
