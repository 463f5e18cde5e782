"""Find the clips below a folder, and choose among them: what all sources made of files share."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hvdbench.catalog import unknown
from hvdbench.errors import InputError, UnknownNameError
from hvdbench.frames import list_folders, list_frames
from hvdbench.sources.scene import SourceOptions
from hvdbench.workspace.paths import how_to_set_root

FEWEST_FRAMES = 2
SPLITS = ("train", "test")
_MONST3R_PATH, _MONST3R_FRAMES = "pred_traj.txt", "frame_*"


@dataclass(frozen=True)
class Clip:
    """A clip's files: the picture files of a folder, or one video.

    Attributes:
        name: of the scene; no other clip of its source has it.
        split: ``train`` or ``test``.
        place: its folder or video.
        files: the pictures in order; none: ``place`` is a video.
    """

    name: str
    split: str
    place: Path
    files: tuple[Path, ...] = field(default=(), repr=False)


def require_root(options: SourceOptions, source: str, holds: str) -> Path:
    """Return the folder (or file) that the options name.

    Args:
        options: what a dataset asks of the source.
        source: its name in the catalogue.
        holds: what the folder must contain, for the error.

    Raises:
        InputError: if no root is named, or it does not exist.
    """
    if options.root is None:
        raise InputError(f"the source '{source}' needs {holds}: name it with --root, {how_to_set_root(source)}")
    if not options.root.exists():
        raise InputError(f"{options.root} is not a folder: the source '{source}' needs {holds}")
    return options.root


def frame_files(folder: Path) -> tuple[Path, ...]:
    """List a clip folder's frames in the order a person counts; in MonST3R's output, without the masks beside them."""
    return tuple(list_frames(folder, _MONST3R_FRAMES if (folder / _MONST3R_PATH).is_file() else "*"))


def clips_below(root: Path, split: str, *, inside: str = "", prefix: str = "") -> list[Clip]:
    """List the clip folders directly below ``root`` that contain at least two frames.

    Args:
        root: the folder of clip folders; a missing one has none.
        split: the split of the clips.
        inside: the folder of a clip folder in which the frames lie.
        prefix: put before the folder's name.
    """
    found = []
    for folder in list_folders(root) if root.is_dir() else []:
        frames = folder / inside
        files = frame_files(frames) if frames.is_dir() else ()
        if len(files) >= FEWEST_FRAMES:
            found.append(Clip(prefix + folder.name, split, frames, files))
    return found


def choose(clips: Sequence[Clip], options: SourceOptions, what: str) -> list[Clip]:
    """Return the requested clips, in the requested order; all where none is named.

    Args:
        clips: the clips of the source.
        options: the options whose ``names`` are the requested clips.
        what: a clip's kind, for the sentence, e.g. ``GoPro clip``.

    Raises:
        InputError: if two clips have one name.
        UnknownNameError: if a requested clip does not exist.
    """
    by_name: dict[str, Clip] = {}
    for clip in clips:
        if clip.name in by_name:
            raise InputError(
                f"{by_name[clip.name].place} and {clip.place} would both be the same {what}: rename one of them"
            )
        by_name[clip.name] = clip
    for wanted in options.names:
        if wanted not in by_name:
            raise UnknownNameError(unknown(what, wanted, by_name))
    return [by_name[name] for name in options.names] if options.names else list(clips)
