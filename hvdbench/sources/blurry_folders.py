"""Refuse blurry frames that a source would take as sharp ones, since they would become a false truth."""

import re
from collections.abc import Iterable
from pathlib import Path

from hvdbench.errors import InputError
from hvdbench.sources.clip_tree import Clip
from hvdbench.sources.scene import SourceOptions

# The folders of blurry frames in GOPRO_Large, REDS, BSD and RealBlur, and in the arrangements of MPRNet and NAFNet.
_BLURRY = re.compile(r"((train|val|valid|test)_)?blur(ry|red)?(_(gamma|comp|bicubic|jpeg|noise))?", re.IGNORECASE)
_INPUT = frozenset({"input", "inputs", "lq"})  # blurry only beside a folder of truth
_TRUTH = frozenset({"sharp", "gt", "target", "targets", "groundtruth"})


def refuse_blurry(options: SourceOptions, clips: Iterable[Clip]) -> None:
    """Refuse clips of which one lies in a folder that is named as those of blurry frames are.

    Args:
        options: what the dataset asks of the source; clips that are not requested are not checked.
        clips: all that were found below its root.

    Raises:
        InputError: if a folder of blurry frames is among them.
    """
    for clip in clips:
        if not clip.files or (options.names and clip.name not in options.names):
            continue
        for folder in (clip.place, clip.place.parent) if clip.place != options.root else (clip.place,):
            if _is_blurry(folder):
                raise InputError(
                    f"{options.root} contains blurry frames ({folder.name}), which cannot be a sharp source: name the "
                    "folder of sharp frames alone as --src folder with its rate (--source-fps), or import pairs with "
                    "'hvdbench dataset import'"
                )


def _is_blurry(folder: Path) -> bool:
    if _BLURRY.fullmatch(folder.name):
        return True
    beside = {path.name.lower() for path in folder.parent.iterdir() if path.is_dir()}
    return folder.name.lower() in _INPUT and bool(beside & _TRUTH)
