"""What a user asks ``deblur`` for, where it goes, and whether it may go there."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hvdbench.errors import HvdbenchError, InputError
from hvdbench.frames import FRAME_SUFFIXES
from hvdbench.methods.inference.options import InferenceOptions
from hvdbench.video.stream import BitDepth
from hvdbench.video.whole import Crop, Size
from hvdbench.workspace.atomic import atomic_write_text, check_replaceable, recover, sweep
from hvdbench.workspace.locks import locked
from hvdbench.workspace.marks import is_partial, is_restoration

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".mkv"})
UNWRITTEN_SUFFIXES = frozenset({".avi", ".flv", ".gif", ".m4v", ".mpeg", ".mpg", ".ts", ".webm", ".wmv"})


@dataclass(frozen=True)
class DeblurRequest:
    """What a user asked ``deblur`` for.

    Attributes:
        source: a video file or a folder of frames.
        output: a folder, or a video file.
        crop: x, y, w, h of the part to restore.
        size: width and height to reduce to first.
        minutes: how long to fit, about; None leaves the recipe's steps.
        method: a recipe, a network, or a model of others.
        seed: of the fit.
        device: ``cpu`` or ``cuda``.
        weights: of a network.
        inference: how a network is run; None: windows and tiles by memory, in float32.
        bit_depth: 8, or 10 for 10-bit video or 16-bit pictures, through a network only.
    """

    source: Path
    output: Path
    crop: Crop | None = None
    size: Size | None = None
    minutes: float | None = None
    method: str = "selfhvd_rc_fusion"
    seed: int = 0
    device: str = "cpu"
    weights: Path | None = None
    inference: InferenceOptions | None = None
    bit_depth: BitDepth = 8

    @property
    def page(self) -> Path:
        """Where the page goes."""
        return self._beside(".html")

    @property
    def manifest(self) -> Path:
        """Where it is told what was done."""
        return self._beside(".json")

    @property
    def is_video(self) -> bool:
        """Whether a video is asked for."""
        return self.output.suffix.lower() in VIDEO_SUFFIXES

    def _beside(self, suffix: str) -> Path:
        """Name a file beside the output: ``OUT.html`` for the folder ``OUT`` and for ``OUT.mp4``."""
        return self.output.with_name((self.output.stem if self.is_video else self.output.name) + suffix)


@dataclass(frozen=True)
class DeblurResult:
    """What was written, and what a terminal says about it."""

    output: Path
    page: Path
    manifest: Path
    lines: tuple[str, ...]


def already_done(request: DeblurRequest) -> DeblurResult:
    """Give the result of a command that finished before."""
    line = f"{request.output}: already restored by the same command, left as it is"
    return DeblurResult(request.output, request.page, request.manifest, (line,))


def check_output(request: DeblurRequest, *, has_rate: bool) -> None:
    """Refuse an output that cannot be.

    Args:
        request: names input and output.
        has_rate: whether the input tells a frame rate.

    Raises:
        InputError: it is the input or holds it, lies below a file, or is of a kind that is not written.
    """
    suffix = request.output.suffix.lower()
    output, source = request.output.resolve(), request.source.resolve()
    if output == source or output in source.parents:
        what = "is the input itself" if output == source else "holds the input"
        raise InputError(f"{request.output} {what}: name another output")
    blocked = next((folder for folder in output.parents if folder.exists() and not folder.is_dir()), None)
    if blocked is not None:
        raise InputError(f"{request.output} cannot be made, since {blocked} is a file: name another output")
    if suffix in UNWRITTEN_SUFFIXES:
        raise InputError(f"{request.output}: videos are written as {', '.join(sorted(VIDEO_SUFFIXES))}, not {suffix}")
    if suffix in FRAME_SUFFIXES or (suffix and suffix not in VIDEO_SUFFIXES and request.output.is_file()):
        raise InputError(
            f"{request.output} is one file: name a folder, or a video ({', '.join(sorted(VIDEO_SUFFIXES))})"
        )
    if suffix in VIDEO_SUFFIXES and not has_rate:
        raise InputError(f"{request.source} is a folder and tells no frame rate: name a folder for the output")


def is_done(request: DeblurRequest, digest: str, names: Sequence[str] | None, overwrite: bool) -> bool:
    """Return whether the same command finished before; a stopped run of it, or nothing, may be written over.

    Args:
        request: names the output.
        digest: of the command.
        names: of the frames; None: numbered, as many as the manifest says.
        overwrite: replace what came from something else.

    Raises:
        InputError: the output is there and came from something else, or holds what no run of this writes.
    """
    output, path = request.output, request.manifest
    recover(output)
    found = _read_manifest(path)
    if found.get("digest") == digest:
        whole = output.is_file() or (output.is_dir() and {p.name for p in output.iterdir()} == _names(names, found))
        return found.get("state") == "done" and whole and request.page.is_file() and not overwrite
    taken = next((p for p in (output, path) if p.is_file() or (p.is_dir() and any(p.iterdir()))), None)
    if taken is not None and not overwrite and not (taken == path and found.get("state") == "running"):
        raise InputError(f"{taken} is there and came from something else: choose another output, or --overwrite it")
    if not request.is_video:
        check_replaceable(output)
    if path.is_file() and not is_restoration(path):
        raise InputError(f"{path} is no manifest of hvdbench's, and is not replaced: choose another output")
    strange = next((p for p in _entries(output) if p.is_dir() or p.suffix.lower() not in FRAME_SUFFIXES), None)
    if strange is not None:
        raise InputError(
            f"{output} holds {strange.name}, which is no frame, and is not replaced: choose another output"
        )
    return False


@contextmanager
def claimed(request: DeblurRequest, digest: str) -> Iterator[None]:
    """Mark the output as being made while the block runs; where an error says that nothing was made, take that back.

    What a killed run of before left half-written is removed. Two processes never make one output at once.
    """
    path = request.manifest
    with locked(path):
        former = path.read_text(encoding="utf-8") if path.is_file() else None
        sweep(request.output.parent)
        running = {"state": "running", "digest": digest, "process": os.getpid()}
        atomic_write_text(path, json.dumps(running) + "\n")
        try:
            yield
        except HvdbenchError:
            if former is None:
                path.unlink()
            else:
                atomic_write_text(path, former)
            raise


def finish(request: DeblurRequest, digest: str, manifest: dict[str, Any]) -> None:
    """Write the manifest that says it is done; the last thing that a run writes."""
    values = manifest | {"state": "done", "digest": digest}
    atomic_write_text(request.manifest, json.dumps(values, indent=1, sort_keys=True) + "\n")


def _names(names: Sequence[str] | None, found: dict[str, Any]) -> set[str]:
    return set(names) if names is not None else {f"{index:08d}.png" for index in range(found.get("frame_count", 0))}


def _entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not is_partial(path)) if folder.is_dir() else []


def _read_manifest(path: Path) -> dict[str, Any]:
    """Read what a run left beside its output; nothing where it is absent or no manifest."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
