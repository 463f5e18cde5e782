"""Read your own sharp material: frames, clip folders of frames, a video, or a folder of videos."""

import logging
from pathlib import Path

from hvdbench.errors import InputError
from hvdbench.sources.blurry_folders import is_truth_of_pairs, refuse_blurry
from hvdbench.sources.clip_tree import FEWEST_FRAMES, SPLITS, Clip, choose, clips_below, frame_files, require_root
from hvdbench.sources.frame_sequence import FileFrames, FrameSequence, find_depth_files
from hvdbench.sources.high_speed import VideoScene, open_video_scene
from hvdbench.sources.movie import open_movie
from hvdbench.sources.scene import SourceOptions
from hvdbench.video.container import FILM_SUFFIXES, films_in
from hvdbench.workspace.names import kept_name

FPS = 240.0  # of pictures, where no rate is given
RATE_TOLERANCE = 0.005  # 29.97 is 30
_HOLDS = "a folder of sharp frames or videos, or a video"
_LOG = logging.getLogger(__name__)


class FolderSource:
    """Read ``<root>/*.png`` or a video as one clip, ``<root>/<clip>/*.png`` and ``<root>/<clip>.mp4`` as several.

    Clips below ``<root>/train`` and ``<root>/test`` keep that split; all others are ``test``. Films are read as
    ``deblur`` reads them. The rate is the one that is given; else a film's own, and 240 fps for pictures. Slow motion
    is often stored at 30 fps: a given rate wins over the film's, with a warning. A clip whose name cannot be one here
    gets a slug with digits of its hash, and the provenance keeps its own name. Pictures with a depth map each
    (``depth/<stem>.npy``, or ``<stem>.npy`` beside them as MonST3R writes) bring depth.

    Raises:
        InputError: if no root is given, or it does not exist.
    """

    def __init__(self, options: SourceOptions) -> None:
        self._options = options
        self._root = require_root(options, "folder", _HOLDS)

    def scenes(self) -> list[VideoScene]:
        """List the clips by split and name.

        Raises:
            InputError: if there are neither frames nor videos, a folder contains blurry frames, a video cannot be
                opened, or only some frames have depth.
            UnknownNameError: if a requested clip does not exist.
        """
        found = _clips(self._root)
        if not found:
            raise InputError(
                f"{self._root} contains neither frames, nor clip folders of at least two frames, nor videos "
                f"({', '.join(sorted(FILM_SUFFIXES))})"
            )
        refuse_blurry(self._options, found, of_release=False)
        return [self._scene(clip) for clip in choose(found, self._options, "clip")]

    def _scene(self, clip: Clip) -> VideoScene:
        frames: FrameSequence
        if clip.files:
            frames, fps = FileFrames(clip.files, find_depth_files(clip.files)), _rate_of_frames(clip, self._options.fps)
            source = f"folder of frames '{clip.name}' at {fps:g} fps"
            if frames.depth_files:
                source += ", with a depth map each"
        else:
            frames, stated_fps = open_movie(clip.place)
            fps, source = _rate_of_film(clip.place.name, stated_fps, self._options.fps)
        return open_video_scene(
            frames,
            self._options,
            name=kept_name(clip.name),
            split=clip.split,
            fps=fps,
            licence="the owner's",
            source=source,
            where=clip.place,
        )


def _rate_of_frames(clip: Clip, given_fps: float | None) -> float:
    """Return the rate that is given, else the usual one of high-speed frames, which is said.

    Raises:
        InputError: none is given for the sharp frames of pairs, whose blurry ones average several of another rate.
    """
    if given_fps is None and is_truth_of_pairs(clip.place):
        raise InputError(
            f"{clip.place} contains the sharp frames of pairs and states no rate: give it with --source-fps"
        )
    if given_fps is None:
        _LOG.warning("%s states no rate and is taken at %g fps: give it with --source-fps", clip.place, FPS)
    return given_fps or FPS


def _clips(root: Path) -> list[Clip]:
    if root.is_file():
        return [Clip(root.stem, "test", root)]
    files = frame_files(root)
    if len(files) >= FEWEST_FRAMES:
        if films := films_in(root):
            raise InputError(
                f"{root} contains {len(files)} pictures beside the video {films[0].name}, which may be a camera's "
                f"photos: "
                "name the video as --root, or the frames in a folder of their own"
            )
        return [Clip(root.resolve().name, "test", root, files)]
    found = [clip for split in SPLITS for clip in _clips_of_folder(root / split, split)]
    return found + _clips_of_folder(root, "test")


def _clips_of_folder(folder: Path, split: str) -> list[Clip]:
    if not folder.is_dir():
        return []
    films = [Clip(file.stem, split, file) for file in films_in(folder)]
    return sorted([*clips_below(folder, split), *films], key=lambda clip: (clip.name, clip.place))


def _rate_of_film(name: str, stated_fps: float, given_fps: float | None) -> tuple[float, str]:
    if given_fps is None or abs(given_fps / stated_fps - 1.0) <= RATE_TOLERANCE:
        return stated_fps, f"film '{name}' at {stated_fps:g} fps"
    _LOG.warning("%s states %g fps and is read at %g fps, as the recipe says", name, stated_fps, given_fps)
    return given_fps, f"film '{name}', which states {stated_fps:g} fps, read at {given_fps:g} fps as asked"
