"""Make clips with sub-frames from the films of two cameras behind a beam splitter (HyperCUT, section 4.2).

In order: the fast film is laid roughly over the slow one in time, its pictures are aligned by a homography, sub-frames
are interpolated, each blurry frame finds its position and colours (Eq. 10), and the window there is its truth (Eq. 9).
"""

import logging
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.frames import Frame, Frames, Image, read_frame, write_frame
from hvdbench.ingest.chroma_key import Cut, cut_out, exchange_screen, screen_colour
from hvdbench.ingest.film_matching import Matched, match_films
from hvdbench.ingest.two_cameras import Exposed, Matrix, SharpFilm, correct_colours
from hvdbench.response import Response, open_response
from hvdbench.store import SERIES_FOLDER, TRUTH_FOLDERS, ClipFolder, Dataset, DatasetWriter
from hvdbench.video.input import read_input
from hvdbench.workspace.atomic import atomic_folder
from hvdbench.workspace.names import checked_key, checked_name
from hvdbench.workspace.progress import Progress, silent

logger = logging.getLogger(__name__)

_RATE_TOLERANCE = 0.01


@dataclass(frozen=True)
class CameraPair:
    """What two cameras filmed, and how it is made a clip.

    Attributes:
        sharp, blurry: a film or a folder of frames of each camera.
        sharp_fps, blurry_fps: their rates; None: what the film states, which a folder does not.
        subframes: the number N of sharp sub-frames of each exposure.
        extra: pictures interpolated between two sub-frames for the made blurry frame alone.
        response: of both cameras.
        search_s: by how much the beginnings of the two films may lie apart.
        homography: of the cameras' own calibration, (3, 3), from px of the sharp picture to px of the blurry one; None:
            it is estimated from the films.
        background: a picture that replaces a green screen; None: the background stays.
    """

    sharp: Path
    blurry: Path
    sharp_fps: float | None = None
    blurry_fps: float | None = None
    subframes: int = 7
    extra: int = 2
    response: str = "gamma2.2"
    search_s: float = 1.0
    homography: Matrix | None = None
    background: Path | None = None


def pair_cameras(
    pair: CameraPair, out: Path, *, clip: str, split: str = "test", overwrite: bool = False, progress: Progress = silent
) -> tuple[Dataset, Matched]:
    """Add a clip with sub-frames to a dataset, which is made where it is absent.

    Args:
        pair: the films.
        out: the dataset's folder.
        clip: the clip's name.
        split: its split.
        overwrite: whether to replace a clip of that name.
        progress: function called with blurry frames done, their number, and the stage.

    Raises:
        InputError: if a film cannot be read, rates do not fit, the films do not overlap in time or place, the clip is
            there already, or a name could be a path.
        DatasetError: if ``out`` is another kind of dataset.
    """
    checked_name(clip, "the clip")
    checked_key(f"{split}/{clip}", "the clip")
    response = open_response(pair.response)
    sharp, sharp_fps = _read(pair.sharp, pair.sharp_fps, "--sharp-fps")
    blurry, blurry_fps = _read(pair.blurry, pair.blurry_fps, "--blurry-fps")
    exposed = Exposed(_ratio(sharp_fps, blurry_fps), pair.subframes, pair.extra)
    background = None if pair.background is None else read_frame(pair.background)
    writer = DatasetWriter(
        out,
        name=out.resolve().name,
        origin="measured",
        recipe={"kind": "clips of two cameras"},
        provenance={"pairs": "own films"},
    )
    if writer.has(split, clip) and not overwrite:
        raise InputError(f"{out} already has a clip '{split}/{clip}': replace it with --overwrite, or name another")
    search = max(1, round(pair.search_s * sharp_fps))
    matched = match_films(sharp, blurry, exposed, response, search, H=pair.homography, progress=progress)
    target = writer.clip_folder(split, clip)
    with atomic_folder(target.folder) as folder:
        _write(folder, sharp, blurry, matched, exposed, response, background)
        written = ClipFolder(folder)
        written.edit_tracks(lambda tracks: _write_facts(tracks, pair, matched, exposed, blurry_fps, sharp_fps))
        digest = written.digest()
    writer.finish(target, digest)
    return writer.dataset(), matched


def read_homography(file: Path) -> Matrix:
    """Read nine numbers of a text file, row by row.

    Raises:
        InputError: if the file does not hold a homography.
    """
    try:
        H = np.loadtxt(file, dtype=np.float64)
    except (OSError, ValueError) as error:
        raise InputError(f"{file} is not a table of numbers: {error}") from error
    if H.size != 9 or not np.isfinite(H).all() or abs(np.linalg.det(H.reshape(3, 3))) < 1e-9:
        raise InputError(f"{file} does not hold a homography: three rows of three numbers are expected")
    return np.asarray(H.reshape(3, 3), np.float64)


def _read(path: Path, fps: float | None, option: str) -> tuple[Frames, float]:
    clip = read_input(path)
    for note in clip.warnings:
        logger.warning("%s: %s", path, note)
    rate = fps if fps is not None else clip.fps
    if rate is None:
        raise InputError(f"{path} is a folder, which states no frame rate: give it with {option}")
    return clip.frames, float(rate)


def _ratio(sharp_fps: float, blurry_fps: float) -> int:
    ratio = round(sharp_fps / blurry_fps)
    if ratio < 2 or abs(sharp_fps / blurry_fps / ratio - 1.0) > _RATE_TOLERANCE:
        raise InputError(
            f"the sharp film has {sharp_fps:g} frames per second and the blurry one {blurry_fps:g}: the first must be "
            "a whole multiple of the second, twice or more"
        )
    return ratio


def _write(
    folder: Path,
    sharp: Frames,
    blurry: Frames,
    matched: Matched,
    exposed: Exposed,
    response: Response,
    background: Frame | None,
) -> None:
    """Write the blurry frames and their sub-frames, cut to what both cameras see."""
    film = SharpFilm(sharp, response, matched.H, matched.box, (blurry.shape[2], blurry.shape[1]))
    left, top, right, bottom = matched.box
    seen = [np.ascontiguousarray(blurry[index, top:bottom, left:right]) for index in matched.frames]
    behind = _Behind.of(seen[0], response, background)
    for name in ("blur", TRUTH_FOLDERS["mid"], SERIES_FOLDER):
        (folder / name).mkdir()
    for number, (frame, match) in enumerate(zip(seen, matched.matches, strict=True)):
        name = f"{number:08d}"
        light = response.to_light(frame)
        if behind is not None:
            fine = exposed.fine_places(match.start)
            alpha = np.mean([behind.cut(correct_colours(match.colours, film.picture(at))).alpha for at in fine], axis=0)
            light = exchange_screen(light, alpha, behind.screen, behind.light)
        write_frame(folder / "blur" / f"{name}.png", response.to_display(light))
        for instant, place in enumerate(exposed.places(match.start), start=1):
            sharp_light = correct_colours(match.colours, film.picture(place))
            if behind is not None:
                sharp_light = behind.cut(sharp_light).over(behind.light)
            picture = response.to_display(sharp_light)
            write_frame(folder / SERIES_FOLDER / f"{name}_{instant}.png", picture)
            if instant == exposed.subframes // 2 + 1:
                write_frame(folder / TRUTH_FOLDERS["mid"] / f"{name}.png", picture)


@dataclass(frozen=True)
class _Behind:
    """What replaces a green screen: the colour of the screen, (3,), and the background's light, (H, W, 3)."""

    screen: NDArray[np.float64]
    light: Image

    @classmethod
    def of(cls, first: Frame, response: Response, background: Frame | None) -> "_Behind | None":
        """Find the screen in a clip's first blurry frame; None where no background was given."""
        if background is None:
            return None
        size = (first.shape[1], first.shape[0])
        light = cv2.resize(response.to_light(background), size, interpolation=cv2.INTER_AREA)
        return cls(screen_colour(response.to_light(first)), np.asarray(light, np.float32))

    def cut(self, light: Image) -> Cut:
        """Cut the subject out of a sharp picture."""
        return cut_out(light, self.screen)


def _write_facts(
    tracks: h5py.File, pair: CameraPair, matched: Matched, exposed: Exposed, blurry_fps: float, sharp_fps: float
) -> None:
    source = f"{pair.blurry.name}, {pair.sharp.name}"
    tracks.attrs.update({"origin": "measured", "source": source, "trajectory": "", "scene_kind": "video"})
    places = exposed.places(Fraction(0))
    offsets = [float(place - places[exposed.subframes // 2]) / sharp_fps for place in places]
    fields: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {
        "t_s": (np.array(matched.frames) - matched.frames[0]) / blurry_fps,
        "series/offset_s": np.tile(offsets, (len(matched.frames), 1)),
        "cameras/blurry_frame": np.array(matched.frames, np.int64),
        "cameras/sharp_start": np.array([float(match.start) for match in matched.matches]),
        "cameras/colours": np.stack([match.colours for match in matched.matches]),
        "cameras/psnr_db": np.array([match.psnr for match in matched.matches]),
        "cameras/homography": matched.H,
        "cameras/box_px": np.array(matched.box, np.int64),
    }
    for name, values in fields.items():
        tracks.create_dataset(name, data=values)
