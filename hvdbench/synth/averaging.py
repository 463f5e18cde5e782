"""Plan which frames of a film are averaged into which blurry frame: the settings, and the windows that follow."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hvdbench.errors import DatasetError, InputError
from hvdbench.recipe import Settings

RATE_TOLERANCE = 0.005  # 29.97 is 30


class AverageSettings(Settings):
    """Settings of blur that is the mean of whole source frames; the response says in which light they are averaged."""

    window: int = Field(default=11, ge=1, le=1000)
    """Number of source frames that one blurry frame averages: 7, 11 or 13 in GOPRO_Large."""
    stride: int | None = Field(default=None, ge=1, le=100_000)
    """Source frames from the start of one window to that of the next; left out: as many as ``fps`` asks for."""
    between: int = Field(default=0, ge=0, le=63)
    """Number of pictures that are interpolated between two source frames of a window, and averaged with them."""

    def stride_at(self, source_fps: float, fps: float) -> int:
        """Return the stride: the one that is stated, or the source's rate over the frames' rate.

        Raises:
            InputError: if no stride is stated and the rates are not whole multiples of each other.
        """
        if self.stride is not None:
            return self.stride
        stride = round(source_fps / fps)
        if stride < 1 or abs(source_fps / fps / stride - 1.0) > RATE_TOLERANCE:
            raise InputError(
                f"frames at {source_fps:g} fps cannot be averaged to {fps:g} fps, since {source_fps:g} is not a whole "
                "multiple of it: state another fps, or the stride"
            )
        return stride


@dataclass(frozen=True)
class Windows:
    """Which source frames make which output frame, counted from 0 in the order of the film.

    Args:
        source_frames: (T, W) the frames of each window.
        truth_frame: (T,) the frame in the middle of each window; the later one of the two if W is even.
    """

    source_frames: NDArray[np.int64]
    truth_frame: NDArray[np.int64]


def plan_windows(film: str, frames: int, *, window: int, stride: int, most: int) -> Windows:
    """Lay windows over a film: the first begins at its first frame, and none reaches past its last.

    Args:
        film: its name, for messages.
        frames: the number of its frames.
        window: the number of frames of each window.
        stride: frames from the start of one window to that of the next.
        most: the largest number of windows.

    Raises:
        DatasetError: if the film is shorter than one window.
    """
    if frames < window:
        raise DatasetError(f"{film} has {frames} frames, fewer than the {window} that one blurry frame averages")
    first = np.arange(min(most, (frames - window) // stride + 1), dtype=np.int64) * stride
    return Windows(first[:, None] + np.arange(window, dtype=np.int64), first + window // 2)
