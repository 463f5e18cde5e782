"""Read the clips of ``GOPRO_Large_all`` (240 fps) or ``GOPRO_Large`` as they are downloaded (Nah et al., CVPR 2017)."""

from pathlib import Path

from hvdbench.errors import InputError
from hvdbench.frames import list_folders
from hvdbench.sources.blurry_folders import is_sharp_half, refuse_blurry
from hvdbench.sources.clip_tree import SPLITS, Clip, choose, clips_below, frame_files, require_root
from hvdbench.sources.frame_sequence import FileFrames
from hvdbench.sources.high_speed import VideoScene, open_video_scene
from hvdbench.sources.layout import Layout, load_layout
from hvdbench.sources.scene import SourceOptions

WHOLE = "GOPRO_Large_all"
_HOLDS = f"the folder of {WHOLE}, which contains train and test"


class GoProSource:
    """The source ``gopro``: clips in ``<root>/{train,test}/<clip>/000001.png`` at 240 fps, which keep their split.

    Of GOPRO_Large (``<clip>/{blur,blur_gamma,sharp}/*.png``, or ``sharp/<clip>/*.png`` as some rearrange it) the sharp
    frames are taken: the middle ones of the 7 to 13 that a blurry frame averages, so their rate is 240 over that
    number, which is in the clip's name. They are no high-speed frames, and the provenance says so. A folder that holds
    the data set's folder will do as well. Names, rates and licences are those of the layouts ``gopro-all`` and
    ``gopro``: clips of other names are not taken for GoPro's.

    Raises:
        InputError: if no root is given, or it is not a folder.
    """

    def __init__(self, options: SourceOptions) -> None:
        self._options = options
        self._root = require_root(options, "gopro", _HOLDS)
        if not self._root.is_dir():
            raise InputError(f"{self._root} is not a folder: the source 'gopro' needs {_HOLDS}")

    def scenes(self) -> list[VideoScene]:
        """List the clips, ``train`` before ``test``.

        Raises:
            InputError: if there are no clip folders with frames, if blurry frames or clips of other names are among
                them, or if the folder holds several data sets.
            UnknownNameError: if a clip is asked for that is not there.
        """
        found = _clips(self._root) or _clips_one_level_down(self._root)
        if not found:
            raise InputError(_nothing(self._root))
        refuse_blurry(self._options, found)
        return [self._scene(clip) for clip in choose(found, self._options, "GoPro clip")]

    def _scene(self, clip: Clip) -> VideoScene:
        pairs = is_sharp_half(clip.place, self._root)
        layout = load_layout("gopro" if pairs else "gopro-all")[1]
        own = layout.fps_of(clip.name)
        if own is None or not layout.names_fit([clip.name]):
            raise InputError(
                f"{self._root}: clip '{clip.name}' is not named like the clips of {layout.title} (GOPR0372_07_00), so "
                "it is not read as one: for frames of your own, use --src folder and state their rate with --source-fps"
            )
        fps = self._options.fps or own
        if pairs:
            source = _source_of_pairs(clip, layout, own, self._options.fps)
        else:
            stated = "" if fps == own else " as the user states"
            source = f"{layout.title} {clip.split}/{clip.name}, {fps:g} fps{stated}"
        return open_video_scene(
            FileFrames(clip.files),
            self._options,
            name=clip.name,
            split=clip.split,
            fps=fps,
            licence=layout.licence,
            source=source,
            where=clip.place,
        )


def _clips(root: Path) -> list[Clip]:
    """List the clips of a root, which holds splits, is itself one split, or holds clips."""
    found = [clip for split in SPLITS for clip in _clips_of_split(root / split, split)]
    return found or _clips_of_split(root, root.name if root.name in SPLITS else "test")


def _clips_of_split(folder: Path, split: str) -> list[Clip]:
    return clips_below(folder, split) or clips_below(folder, split, inside="sharp")


def _clips_one_level_down(root: Path) -> list[Clip]:
    """List the clips of the one data set below ``root``; GOPRO_Large_all comes before all others."""
    whole = _clips(root / WHOLE) if (root / WHOLE).is_dir() else []
    if whole:
        return whole
    below = {folder.name: clips for folder in list_folders(root) if (clips := _clips(folder))}
    if len(below) > 1:
        raise InputError(f"{root} contains several folders of GoPro clips ({', '.join(below)}): name one of them")
    return next(iter(below.values()), [])


def _source_of_pairs(clip: Clip, layout: Layout, fps: float, given_fps: float | None) -> str:
    """Return what the provenance says of the sharp frames of GOPRO_Large."""
    high_speed = layout.averaged.fps if layout.averaged else fps
    rate = f"about {high_speed:g}/{high_speed / fps:g} fps"
    source = f"{layout.title} {clip.split}/{clip.name}, sharp frames, {rate}: no high-speed source"
    return source if given_fps is None else f"{source}, read at {given_fps:g} fps as asked"


def _nothing(root: Path) -> str:
    if len(frame_files(root)) >= 2:
        return f"{root} contains frames but no clip folders: name the folder above it, or use the source 'folder'"
    return (
        f"{root} contains no GoPro clips: expected {root.name}/train/<clip>/000001.png ({WHOLE} at 240 fps), "
        f"{root.name}/train/<clip>/sharp/000001.png (GOPRO_Large) or <clip> folders of frames"
    )
