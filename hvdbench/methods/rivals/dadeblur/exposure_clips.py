"""Read the clips of a training with one more stream: how each pixel of a frame moved while the shutter was open.

The datasets' own paths are those of the frame's centre. Flow between the true sharp frames is there for every pixel,
but per frame interval; the share of it that the exposure covers is chosen, frame by frame, so that the true frame
blurred along it comes nearest to the blurry one.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hvdbench.dataset.facts import Box, CheckedReader, ClipFacts, ClipReader
from hvdbench.errors import FitError
from hvdbench.frames import Frame, Frames, to_gray
from hvdbench.methods.blur.alignment import Aligner
from hvdbench.methods.blur.reblur import SHARES, exposure_motion, reblur
from hvdbench.methods.rivals.dadeblur.conditions import unit_vectors
from hvdbench.methods.rivals.dadeblur.settings import ExposureTrainingSettings
from hvdbench.methods.rivals.settings import Way
from hvdbench.recipe import digest_of
from hvdbench.store import TRUTH_FOLDERS
from hvdbench.workspace.atomic import atomic_path
from hvdbench.workspace.progress import Progress, silent

STREAM = "exposure"
_TRIED = (0.0, 0.1, *SHARES, 1.0, 1.15, 1.3)  # beyond 1 where the hand is faster than between the frames
_SEEN = ("truth", "flow", "frames_per_clip")  # the settings that the stream depends on
_FULL_PX = 256.0  # length of the largest number of the stream
_HALF = np.float32(127.5)
_EVERY = 4  # pixels along each side that the median of a frame is taken over


class ExposureClips(CheckedReader):
    """Clips with the stream ``exposure``, uint8 (T, H, W, 3), made once and kept in the run's folder.

    Its channels are x and y of a unit vector, from -1 to 1, and the root of the length, up to 256 px, whose rounding is
    finest where paths are short. Windows begin only at frames that were measured and moved enough; those that were not
    measured are 0.

    Raises:
        FitError: if no frame of any clip moved enough.

    Args:
        reader: reader of the clips.
        settings: flow, truth and unit of length.
        folder: folder of the run; None for a temporary one.
        progress: function called with (done, total, what).
    """

    def __init__(
        self,
        reader: ClipReader,
        *,
        settings: ExposureTrainingSettings,
        folder: Path | None = None,
        progress: Progress = silent,
    ) -> None:
        chosen = {clip.key: evenly_spread(clip.frame_count, settings.frames_per_clip) for clip in reader.clips}
        self._reader = reader
        self._temporary = TemporaryDirectory() if folder is None else None
        self._folder = (Path(self._temporary.name) if self._temporary else folder or Path()) / STREAM
        self._folder.mkdir(parents=True, exist_ok=True)
        self._made: dict[str, NDArray[np.uint8]] = {}
        how = settings.model_dump(mode="json", include=set(_SEEN))
        for done, clip in enumerate(reader.clips):
            file = self._folder / f"{digest_of([reader.digest, clip.key, how])}.npy"
            if not file.is_file():
                made = _measured(reader, clip, chosen[clip.key], settings)
                with atomic_path(file) as temporary, temporary.open("wb") as out:
                    np.save(out, made)
            self._made[clip.key] = np.load(file, mmap_mode="r")
            progress(done + 1, len(reader.clips), "measure the exposures")
        least = 255 * np.sqrt(settings.shortest_px / _FULL_PX)
        clips = []
        for clip in reader.clips:
            roots = np.array([np.median(self._made[clip.key][i, ::_EVERY, ::_EVERY, 2]) for i in chosen[clip.key]])
            if (roots >= least).any():
                starts = chosen[clip.key][roots >= least]
                clips.append(dataclasses.replace(clip, streams=(*clip.streams, STREAM), starts=starts))
        if not clips:
            raise FitError(f"no frame of '{reader.name}' moved by {settings.shortest_px:g} px: lower 'shortest_px'")
        super().__init__(clips, name=reader.name, origin=reader.origin, digest=reader.digest)

    def read(self, key: str, stream: str, frames: Sequence[int], box: Box | None = None) -> Frames:
        """Read frames of one clip; see :meth:`ClipReader.read`."""
        if stream != STREAM:
            return self._reader.read(key, stream, frames, box)
        wanted, box = self._check(key, stream, frames, box)
        made = self._made[key][..., box.top : box.top + box.height, box.left : box.left + box.width, :]
        return np.stack([made[i] for i in wanted])

    def close(self) -> None:
        """Close the reader of the clips, and remove what was made if no folder was named."""
        self._reader.close()
        if self._temporary is not None:
            self._temporary.cleanup()


def evenly_spread(count: int, most: int) -> NDArray[np.intp]:
    """Choose at most ``most`` evenly spread numbers below ``count``."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.intp))


def exposure_share(sharp: Frame, blurry: Frame, motion: NDArray[np.float32]) -> float:
    """Return the share of a motion along which a sharp frame, blurred, comes nearest to the blurry one.

    Args:
        sharp, blurry: uint8 (H, W, 3).
        motion: (H, W, 2) px per frame interval.
    """
    seen, wanted = (to_gray(frame).astype(np.float32) for frame in (sharp, blurry))
    errors = [float(np.square(reblur(seen, motion, share) - wanted).mean()) for share in _TRIED]
    return _TRIED[int(np.argmin(errors))]


def _measured(
    reader: ClipReader, clip: ClipFacts, chosen: NDArray[np.intp], settings: ExposureTrainingSettings
) -> NDArray[np.uint8]:
    """Measure the exposures of the chosen frames of a clip, (T, H, W, 3)."""
    blurry = reader.read(clip.key, "blur", range(clip.frame_count))
    sharp = reader.read(clip.key, TRUTH_FOLDERS[settings.truth], range(clip.frame_count))
    aligner = Aligner(sharp, settings.flow)
    made = np.zeros((clip.frame_count, clip.height, clip.width, 3), np.uint8)
    for index in chosen:
        motion = exposure_motion(aligner, int(index))
        path = np.float32(exposure_share(sharp[index], blurry[index], motion)) * motion
        length = np.hypot(path[..., 0], path[..., 1]) / np.float32(_FULL_PX)
        made[index, ..., :2] = np.rint(_HALF * (1 + unit_vectors(path)))
        made[index, ..., 2] = np.rint(255 * np.sqrt(np.minimum(length, 1)))
    return made


def decoded(exposure: Tensor, longest_px: float) -> Tensor:
    """Return unit vectors x, y and lengths of a stream that was read as floats in [0, 1], (..., 3, h, w).

    Args:
        exposure: the stream.
        longest_px: length that becomes 1; longer ones become 1 too.
    """
    vector, root = 2 * exposure[..., :2, :, :] - 1, exposure[..., 2:, :, :]
    length = (root.square() * (_FULL_PX / longest_px)).clamp(max=1)
    return torch.cat((torch.where(root > 0, vector, 0), length), dim=-3)


def turned_alike(
    pictures: Sequence[Tensor], exposure: Tensor, random: np.random.Generator, way: Way
) -> tuple[list[Tensor], Tensor]:
    """Mirror and turn pictures and the exposure that belongs to them at random.

    Args:
        pictures: each (..., C, h, w), h equal to w.
        exposure: (..., 3, h, w): x, y, length.
        random: generator that is drawn from.
        way: ``published`` turns the exposure's vectors, but leaves each where it was.
    """
    flip_x, flip_y, is_turned = random.random(3) < 0.5

    def moved(picture: Tensor) -> Tensor:
        picture = picture.flip(-1) if flip_x else picture
        picture = picture.flip(-2) if flip_y else picture
        return picture.transpose(-1, -2) if is_turned else picture

    x, y, length = (exposure[..., k : k + 1, :, :] for k in range(3))
    x, y = (-x if flip_x else x), (-y if flip_y else y)
    turned = torch.cat((y, x, length) if is_turned else (x, y, length), dim=-3)
    return [moved(picture) for picture in pictures], turned if way == "published" else moved(turned)
