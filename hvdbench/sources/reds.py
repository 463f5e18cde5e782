"""Read REDS at 120 fps as it is downloaded, ``train_orig`` and ``val_orig`` (Nah et al., NTIRE 2019)."""

from pathlib import Path

from hvdbench.errors import InputError
from hvdbench.frames import is_wanted_folder
from hvdbench.sources.blurry_folders import refuse_blurry
from hvdbench.sources.clip_tree import Clip, choose, clips_below, require_root
from hvdbench.sources.frame_sequence import FileFrames
from hvdbench.sources.high_speed import VideoScene, open_video_scene
from hvdbench.sources.layout import load_layout
from hvdbench.sources.scene import SourceOptions

VALIDATION = "val_"  # begins the names of validation clips, since both parts of REDS count from 000
_HOLDS = "the folder of REDS at 120 fps, which contains train/train_orig and val/val_orig"
_PARTS = (("train_orig", "train", ""), ("val_orig", "test", VALIDATION))
_FLAT = (("train", "train", ""), ("val", "test", VALIDATION))
_SLOW = ("train_sharp", "val_sharp", "train_blur", "val_blur", "test_blur")


class RedsSource:
    """The source ``reds``: clips in ``<root>/train/train_orig/<clip>/00000000.png`` and ``<root>/val/val_orig/…``.

    The folders ``train_orig`` and ``val_orig`` may lie up to two levels below the root, as they do if each zip file was
    unpacked in a folder of its own, or one of them may be the root. If there are none, ``train/<clip>`` and
    ``val/<clip>`` are read. Validation clips form the split ``test`` and are called ``val_<clip>``. Names, rate and
    licence come from the layout ``reds-120fps``; a clip whose name is not like ``000`` is refused.

    Raises:
        InputError: if no root is given, or it is not a folder.
    """

    def __init__(self, options: SourceOptions) -> None:
        self._options = options
        self._root = require_root(options, "reds", _HOLDS)
        if not self._root.is_dir():
            raise InputError(f"{self._root} is not a folder: the source 'reds' needs {_HOLDS}")

    def scenes(self) -> list[VideoScene]:
        """List the clips, ``train`` before ``test``.

        Raises:
            InputError: if there are no clip folders with frames, only clips at 24 fps, or clips of other names.
            UnknownNameError: if a clip is asked for that is not there.
        """
        found = _clips(self._root)
        if not found:
            raise InputError(_nothing(self._root))
        refuse_blurry(self._options, found)
        return [self._scene(clip) for clip in choose(found, self._options, "REDS clip")]

    def _scene(self, clip: Clip) -> VideoScene:
        layout = load_layout("reds-120fps")[1]
        fps = layout.fps_of(clip.place.name)
        if fps is None or not layout.names_fit([clip.place.name]):
            raise InputError(
                f"{self._root}: clip '{clip.place.name}' is not named like the clips of {layout.title} (000), so it is "
                "not read as one: for frames of your own, use --src folder and state their rate with --source-fps"
            )
        return open_video_scene(
            FileFrames(clip.files),
            self._options,
            name=clip.name,
            split=clip.split,
            fps=fps,
            licence=layout.licence,
            source=_source(clip),
            where=clip.place,
        )


def _clips(root: Path) -> list[Clip]:
    found = []
    for name, split, prefix in _PARTS:
        folders = [root] if root.name == name else []
        for pattern in (name, f"*/{name}", f"*/*/{name}"):
            folders = folders or sorted(filter(is_wanted_folder, root.glob(pattern)))
        found += [clip for folder in folders for clip in clips_below(folder, split, prefix=prefix)]
    if not found:
        for name, split, prefix in _FLAT:
            found += clips_below(root if root.name == name else root / name, split, prefix=prefix)
    return found


def _source(clip: Clip) -> str:
    if clip.split == "train":
        return f"REDS 120 fps, train clip {clip.name}"
    return f"REDS 120 fps, validation clip {clip.name.removeprefix(VALIDATION)}, here in the split test"


def _nothing(root: Path) -> str:
    slow = [name for name in _SLOW if (root / name).is_dir() or (root / name.partition("_")[0] / name).is_dir()]
    if slow or root.name in _SLOW:
        return (
            f"{root} contains REDS at 24 fps ({', '.join(slow) or root.name}): the source 'reds' needs the frames at "
            "120 fps, train_orig and val_orig"
        )
    return (
        f"{root} contains no REDS clips: expected {root.name}/train/train_orig/<clip>/00000000.png, "
        f"{root.name}/train_orig/<clip>/… or {root.name}/train/<clip>/… at 120 fps"
    )
