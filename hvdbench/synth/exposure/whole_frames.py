"""Expose whole frames of a film: the mean of each window in linear light, before a camera that does not move at all."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hvdbench.camera.motion import CameraPath
from hvdbench.frames import Image
from hvdbench.sources.scene import FilmedScene
from hvdbench.synth.averaging import Windows
from hvdbench.synth.exposure.displacement import measure_displacement
from hvdbench.synth.exposure.one_exposure import Exposure
from hvdbench.synth.exposure.view import View


def still_path(duration_s: float, focal_px: float) -> CameraPath:
    """Return the path of a camera that stands still, with no stabiliser."""
    return CameraPath(
        t_s=np.array([0.0, duration_s]),
        rotation_vector_wc=np.zeros((2, 3)),
        position_w_m=np.zeros((2, 3)),
        lens_rad=np.zeros((2, 2)),
        focal_px=focal_px,
        kind="off",
    )


def mean_light(pictures: Iterable[Image]) -> Image:
    """Average one or more pictures in float64: (H, W, 3) linear light each, float32 in the end."""
    total, count = None, 0
    for picture in pictures:
        total = np.asarray(picture, np.float64) if total is None else total + picture
        count += 1
    assert total is not None
    return np.asarray(total / count, np.float32)


@dataclass(frozen=True)
class WholeFrames:
    """The exposures of a film's windows.

    No picture is warped: each is taken as it is, cut about its middle where the output is smaller.

    Args:
        film: the frames.
        view: the film in front of a camera that stands still.
        windows: which frames make which output frame.
        between: the number of pictures that are interpolated between two frames.
        brighten: applied to the light of each picture before it is averaged.
        kept: the number of pictures of each window that are kept: the first, the last, and those evenly between them.
    """

    film: FilmedScene
    view: View
    windows: Windows
    between: int
    brighten: Callable[[Image], Image]
    kept: int = 0

    @property
    def exposure_s(self) -> float:
        """How long one exposure lasts: each frame stands for the time to the next."""
        return float(self.windows.source_frames.shape[1] / self.film.fps)

    @property
    def t_s(self) -> NDArray[np.float64]:
        """(T,) mid-exposure times."""
        return np.asarray((self.windows.source_frames.mean(axis=1) + 0.5) / self.film.fps, np.float64)

    def exposures(self) -> Iterator[Exposure]:
        """Expose each window; the middle frame is both truths, since the camera stands still."""
        for frames, truth in zip(self.windows.source_frames, self.windows.truth_frame, strict=True):
            middle = self._picture(float(truth))
            places = np.linspace(frames[0], frames[-1], (len(frames) - 1) * (self.between + 1) + 1)
            time = (float(truth) + 0.5) / self.film.fps
            instants = places[:: (len(places) - 1) // (self.kept - 1)] if self.kept else places[:0]
            yield Exposure(
                blurry=mean_light(self._picture(float(place)) for place in places),
                mid=middle,
                centroid=middle,
                displacement=measure_displacement(self.view, time, self.exposure_s),
                object_mask=None,
                sub_frames=len(places),
                border_px=0.0,
                kept=tuple(self._picture(float(place)) for place in instants),
                kept_offsets_s=tuple(((instants - 0.5 * (frames[0] + frames[-1])) / self.film.fps).tolist()),
            )

    def _picture(self, place: float) -> Image:
        picture = self.film.picture(place)
        width, height = self.film.size
        top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
        return self.brighten(np.ascontiguousarray(picture[top : top + height, left : left + width]))
