"""List the known weights, check them, put one in its place, and identify a file, as ``hvdbench weights`` does."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hvdbench import catalog
from hvdbench.errors import WeightsError
from hvdbench.weights.checkpoints import SUFFIXES, Checkpoint, check_whole, read_checkpoint
from hvdbench.weights.fitting import (
    Fit,
    find_fits,
    guess_network,
    looks_like,
    misfit,
    network_shapes,
    not_finite,
    pick,
    shapes_of,
)
from hvdbench.weights.registry import KNOWN, KnownWeights, check_sha256, known_weights, weights_status
from hvdbench.workspace.atomic import atomic_path
from hvdbench.workspace.manifest import file_sha256
from hvdbench.workspace.marks import is_partial
from hvdbench.workspace.paths import weights_folder

if TYPE_CHECKING:
    from torch import Tensor

_OTHER_KINDS = (".safetensors", ".mat")
_HEAD_BYTES = 16
_SHOWN_FITS = 3
_SHOWN_KEYS = 3


@dataclass(frozen=True)
class Checked:
    """The result of a check of known weights.

    Attributes:
        name: of the weights.
        state: ``ok``; ``note``: the file is missing; ``problem``: the file is not what it should be.
        text: one sentence.
    """

    name: str
    state: Literal["ok", "note", "problem"]
    text: str


def list_lines() -> list[str]:
    """Return a few lines for every known weight file: there or missing, network, size, path, licence, page.

    Imports no torch.
    """
    status = weights_status()
    width = max(len(known.name) for known in KNOWN)
    networks = max(len(known.network) for known in KNOWN)
    there = sum(present for _, _, present in status)
    lines = [f"folder: {weights_folder()} ({there} of {len(status)} there)"]
    for known, path, present in status:
        size = _size(path) if present else "-"
        mark = "there  " if present else "missing"
        lines.append(f"{mark}  {known.name:{width}}  {known.network:{networks}}  {size:>9}  {known.file_name}")
        lines.append(f"         {known.licence}; {known.page}")
        colours = f"; colours in the order {known.channel_order.upper()}" if known.channel_order else ""
        lines.append(f"         {known.note}{colours}")
    others = _other_files({path for _, path, _ in status})
    if others:
        lines.append(f"also there: {', '.join(others)}; 'hvdbench weights identify FILE' says what a file is")
    return lines


def check_weights(names: Iterable[str] = ()) -> list[Checked]:
    """Check the known weights that exist: the digest where known, then every key and shape of the network.

    Args:
        names: of the weights; none: all.

    Raises:
        UnknownNameError: if there is no such name.
    """
    return [_check(known) for known in [known_weights(name) for name in names] or KNOWN]


def add_weights(name: str, file: Path, *, overwrite: bool = False) -> str:
    """Verify a downloaded file and copy it to its place in the folder of weights, whole or not at all.

    Args:
        name: of known weights.
        file: as downloaded, whatever it is called.
        overwrite: whether to replace another file in its place.

    Returns:
        A sentence that states where it is and what was verified.

    Raises:
        UnknownNameError: if there is no such name.
        WeightsError: if the file is not the published one, or another file is already in its place.
    """
    known = known_weights(name)
    target = weights_folder() / known.file_name
    if not file.is_file():
        raise WeightsError(f"{file} is not a file: name the file that you downloaded from {known.page}")
    if _kind(file) != target.suffix and (_kind(file) or target.suffix in _OTHER_KINDS):
        raise WeightsError(
            f"{file} is not a {target.suffix} file, as {name} is published: download it from {known.page}"
        )
    verified, digest = _verify(known, file)
    if target.exists() and target.samefile(file):
        return f"{target} is in its place; {verified}"
    if target.is_file() and file_sha256(target) == digest:
        return f"{target} already exists and is the same file; {verified}"
    if target.exists() and not overwrite:
        raise WeightsError(f"{target} already exists and is another file: replace it with --overwrite")
    with atomic_path(target) as temporary:
        shutil.copyfile(file, temporary)
        if file_sha256(temporary) != digest:
            raise WeightsError(f"{file} changed while it was copied to {target}, so nothing was added: do it again")
    return f"{target} added; {verified}"


def identify_lines(file: Path) -> list[str]:
    """Describe a weight file in lines: size, container, prefixes, the networks of the catalogue that it fits.

    Raises:
        WeightsError: if the file is missing or damaged, contains code, or contains no state dict.
    """
    checkpoint = read_checkpoint(file)
    state_dict = checkpoint.state_dict
    digest = file_sha256(file)
    lines = [
        f"file:      {file}, {_size(file)}, sha256 {digest}",
        f"container: {_container(checkpoint)}",
        f"tensors:   {_tensors(state_dict)}",
    ]
    lines += [f"warning:   {text}" for text in [not_finite(state_dict)] if text]
    fits = _fits(state_dict)
    strict = [fit for fit in fits if fit.is_strict]
    whole = [fit for fit in fits if fit.is_whole and not fit.is_strict]
    shown = strict + whole if strict else list(dict.fromkeys([*fits[:_SHOWN_FITS], *whole]))
    lines += [f"{fit.network}: {fit.sentence}" for fit in shown]
    if not fits:
        lines.append("no network of the catalogue shares a key with it")
    if not strict:
        lines.append(f"its keys begin with {', '.join(list(state_dict)[:_SHOWN_KEYS])}")
    published = [known.name for known in KNOWN if known.sha256 and digest.startswith(known.sha256)]
    fitting = {fit.network for fit in strict}
    candidates = published or [known.name for known in KNOWN if known.network in fitting and not known.sha256]
    if candidates:
        sure = "by its digest" if published else "by its keys alone, which cannot tell them apart from others' training"
        lines.append(
            f"known as:  {' or '.join(candidates)} ({sure}); 'hvdbench weights add NAME FILE' puts it in place"
        )
    colours = _colours(fitting)
    return [*lines, f"colours:   {colours}"] if colours else lines


def _colours(fitting: set[str]) -> str | None:
    """Describe in which order a network is fed its colours; the numbers in a file do not show it."""
    orders: dict[str, str] = {}
    others: list[str] = []
    for known in KNOWN:
        if known.channel_order and known.network in fitting:
            usual = orders.setdefault(known.network, known.channel_order)
            others += [f"; {known.name} takes {known.channel_order.upper()}"] if known.channel_order != usual else []
    told = [f"{name} is fed {order.upper()}" for name, order in orders.items() if name in fitting]
    if not told:
        return None
    told_of = (
        f"{', '.join(told)}, as its published weights are; no number in a file shows it, so check copies of others"
    )
    return told_of + "".join(others)


def _other_files(known: set[Path]) -> list[str]:
    """List the weight files of the folder that have no known name, such as that of a download."""
    folder = weights_folder()
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return [
        path.name for path in files if path.suffix.lower() in SUFFIXES and path not in known and not is_partial(path)
    ]


def _check(known: KnownWeights) -> Checked:
    path = weights_folder() / known.file_name
    if not path.exists():
        return Checked(known.name, "note", f"missing: {known.how_to_get}")
    try:
        return Checked(known.name, "ok", f"{path}, {_verify(known, path)[0]}")
    except WeightsError as error:
        return Checked(known.name, "problem", str(error))


def _verify(known: KnownWeights, path: Path) -> tuple[str, str]:
    """Compare a file with what is known of it; return what was verified, in words, and the file's digest."""
    check_whole(path)
    if known.sha256:
        digest = check_sha256(path, known.sha256)
        told = f"sha256 {digest}, as published" + (f" ({known.sha256}…)" if len(known.sha256) < len(digest) else "")
    else:
        digest = file_sha256(path)
        told = f"sha256 {digest}, and no digest is published"
    if known.module is None:
        return f"not compared with a network: only pyiqa reads it; {told}", digest
    state_dict = read_checkpoint(path).state_dict
    own = network_shapes(known.module)
    wrong = misfit(own, shapes_of(pick(own, state_dict, path)))
    if wrong:
        raise WeightsError(f"{path} does not fit {known.network}: {wrong}; {_what_it_fits(state_dict)}")
    bad = not_finite(state_dict)
    if bad:
        raise WeightsError(f"{path} fits {known.network}, but {bad}: download it again")
    return f"fits {known.network} in every key and shape ({len(own)}); {told}", digest


def _what_it_fits(state_dict: "dict[str, Tensor]") -> str:
    """Find the networks of the catalogue that a misplaced state dict fits, else those that it looks like."""
    strict = [fit.network for fit in _fits(state_dict) if fit.is_strict]
    return f"it fits {' and '.join(strict)}" if strict else looks_like(state_dict)


def _fits(state_dict: "dict[str, Tensor]") -> list[Fit]:
    """Compare with the networks of the catalogue, the presets of the likeliest one, and those of known weights."""
    others = {known.network: known.module for known in KNOWN if known.module and known.module != known.network}
    guess = guess_network(state_dict)
    presets = catalog.resolve("network", guess).presets if guess else ()
    return find_fits(shapes_of(state_dict), others | {f"{guess}@{name}": f"{guess}@{name}" for name in presets})


def _container(checkpoint: Checkpoint) -> str:
    return "; ".join((checkpoint.form, *(checkpoint.steps or ("a bare state dict",))))


def _tensors(state_dict: "dict[str, Tensor]") -> str:
    kinds = sorted({str(value.dtype).removeprefix("torch.") for value in state_dict.values()})
    numbers = f"{sum(value.numel() for value in state_dict.values()):,}".replace(",", " ")
    return f"{len(state_dict)}, {numbers} numbers, {', '.join(kinds)}"


def _kind(path: Path) -> str:
    """Return the ending under which such a file is published, by its first bytes; files of torch.save have many."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith(b"MATLAB"):
        return ".mat"
    return ".safetensors" if head[8:9] == b"{" else ""


def _size(path: Path) -> str:
    size = path.stat().st_size
    return f"{size / 2**20:.1f} MiB" if size >= 2**20 / 10 else f"{size / 2**10:.1f} KiB"
