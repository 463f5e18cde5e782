"""GoPro's clips as they are downloaded: ``GOPRO_Large_all`` at 240 fps, or ``GOPRO_Large`` (Nah et al., CVPR 2017)."""

from pathlib import Path

from hvdbench.errors import InputError
from hvdbench.frames import list_folders
from hvdbench.sources.clip_tree import SPLITS, Clip, choose, clips_below, frame_files, require_root
from hvdbench.sources.frame_sequence import FileFrames
from hvdbench.sources.high_speed import VideoScene, open_video_scene
from hvdbench.sources.release import AVERAGED, GOPRO_FPS, averaged_frames
from hvdbench.sources.scene import SourceOptions

# As its author states where SeungjunNah/DeepDeblur_release is asked about it, and on the data set's page.
LICENCE = "CC BY 4.0"
WHOLE, PAIRS = "GOPRO_Large_all", "GOPRO_Large"
_HOLDS = f"the folder of {WHOLE}, which holds train and test"


class GoProSource:
    """``<root>/{train,test}/<clip>/000001.png`` at 240 fps, the split kept; ``<root>/<clip>/*.png`` is test.

    Of GOPRO_Large (``<clip>/{blur,blur_gamma,sharp}/*.png``) the sharp frames are taken: the middle ones of the 7 to 13
    that a blurry frame averages, so their rate is 240 over that number, which is in the clip's name. They are no
    high-speed frames, and the provenance says so. A folder that holds the data set's folder will do as well.

    Raises:
        InputError: no root is given, or it is no folder.
    """

    def __init__(self, options: SourceOptions) -> None:
        self._options = options
        self._root = require_root(options, "gopro", _HOLDS)
        if not self._root.is_dir():
            raise InputError(f"{self._root} is not a folder: the source 'gopro' needs {_HOLDS}")

    def scenes(self) -> list[VideoScene]:
        """List the clips, ``train`` before ``test``.

        Raises:
            InputError: no clip folders with frames, or several data sets below the folder.
            UnknownNameError: a clip is asked for that is not there.
        """
        found = _clips(self._root) or _clips_one_level_down(self._root)
        if not found:
            raise InputError(_nothing(self._root))
        return [self._scene(clip) for clip in choose(found, self._options, "GoPro clip")]

    def _scene(self, clip: Clip) -> VideoScene:
        pairs = clip.place.name != clip.name
        if pairs:
            fps, source = _pairs_at(clip, self._options.fps)
        else:
            fps = self._options.fps or GOPRO_FPS
            stated = "" if fps == GOPRO_FPS else " as the user states"
            source = f"{WHOLE} {clip.split}/{clip.name}, {fps:g} fps{stated}"
        return open_video_scene(
            FileFrames(clip.files),
            self._options,
            name=clip.name,
            split=clip.split,
            fps=fps,
            licence=f"{LICENCE} ({PAIRS if pairs else WHOLE})",
            source=source,
            where=clip.place,
        )


def _clips(root: Path) -> list[Clip]:
    """List the clips of a root that holds splits, that is one split, or that holds clips."""
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
        raise InputError(f"{root} holds several folders of GoPro clips ({', '.join(below)}): name one of them")
    return next(iter(below.values()), [])


def _pairs_at(clip: Clip, given_fps: float | None) -> tuple[float, str]:
    """Give the rate of GOPRO_Large's frames, and what the provenance says."""
    named = averaged_frames(clip.name)
    fps = GOPRO_FPS / (named or AVERAGED)
    rate = f"about {GOPRO_FPS:g}/{named or AVERAGED} fps" + ("" if named else " (240 over 7 to 13)")
    source = f"{PAIRS} {clip.split}/{clip.name}, sharp frames, {rate}: no high-speed source"
    if given_fps is None:
        return fps, source
    return given_fps, f"{source}, read at {given_fps:g} fps as asked"


def _nothing(root: Path) -> str:
    if len(frame_files(root)) >= 2:
        return f"{root} holds frames and no clip folders: name the folder above it, or use the source 'folder'"
    return (
        f"{root} holds no GoPro clips: expected {root.name}/train/<clip>/000001.png ({WHOLE} at 240 fps), "
        f"{root.name}/train/<clip>/sharp/000001.png ({PAIRS}) or <clip> folders of frames"
    )
