"""Compute when each row of a frame is exposed (exposure time, rolling readout), and how finely both are sampled."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FEWEST, MOST = 9, 4096  # sub-frames
BAND_STEP_PX = 0.25  # largest step between bands of rows that share one time


@dataclass(frozen=True)
class Shutter:
    """An electronic shutter: row y is open for ``exposure_s`` about ``t_mid_s + (y / height - 1/2) readout_s``.

    Args:
        t_mid_s: the mid-exposure time of the frame.
        exposure_s: how long each row is open.
        height: the number of rows.
        readout_s: the readout time, from the first row to the one after the last; 0 exposes all rows at once.
    """

    t_mid_s: float
    exposure_s: float
    height: int
    readout_s: float = 0.0

    @property
    def window_s(self) -> tuple[float, float]:
        """The times at which the first row opens and the last one closes, in seconds."""
        half = 0.5 * (self.exposure_s + self.readout_s)
        return self.t_mid_s - half, self.t_mid_s + half

    def delay_s(self, rows: Array) -> Array:
        """Return how much later than the frame's middle rows are exposed, in seconds; rows may be fractions."""
        return np.asarray((rows / self.height - 0.5) * self.readout_s, np.float64)

    def times(self, count: int) -> Array:
        """Return (N,) sub-frame times of a row without delay: the midpoints of even slices."""
        return np.asarray(self.t_mid_s + self.exposure_s * ((np.arange(count) + 0.5) / count - 0.5), np.float64)

    def parts(self, count: int, parts: int) -> Array:
        """Return (parts,) times of a row without delay: of ``count`` sub-frames, the middle one of each equal part.

        Args:
            count: the number of sub-frames, an odd multiple of ``parts``; see :func:`count_in_parts`.
            parts: the number of equal parts of the exposure.
        """
        return self.times(count)[count // parts // 2 :: count // parts]

    def uniform_times(self, count: int) -> Array:
        """Return (M,) evenly spaced times from opening to closing of a row without delay, both included."""
        return np.asarray(self.t_mid_s + self.exposure_s * np.linspace(-0.5, 0.5, count), np.float64)

    def bands(self, speed_px_s: float) -> list[tuple[int, int, float]]:
        """Divide the frame into bands of rows that may share one time.

        Args:
            speed_px_s: the speed of the fastest point.

        Returns:
            For each band the first row, the row after the last, and the delay of its middle; a picture moves by 0.25 px
            or less from one band's time to the next.
        """
        wanted = int(np.ceil(speed_px_s * self.readout_s / BAND_STEP_PX))
        edges = np.rint(np.linspace(0, self.height, min(max(wanted, 1), self.height) + 1)).astype(np.int64)
        middles = np.asarray(0.5 * (edges[:-1] + edges[1:] - 1), np.float64)
        delays = self.delay_s(middles) if len(middles) > 1 else np.zeros(1)
        return [
            (int(top), int(bottom), float(delay))
            for top, bottom, delay in zip(edges[:-1], edges[1:], delays, strict=True)
        ]


def count_sub_frames(swept_px: float, exposure_s: float, *, step_px: float, sub_frame_hz: float) -> int:
    """Count the sub-frames: steps of at most ``step_px``, a rate of at least ``sub_frame_hz``, from 9 to 4096.

    The upper limit makes steps longer only where a point sweeps over 2048 px in one exposure (at 0.5 px).

    Args:
        swept_px: the distance that the fastest point travels at its top speed throughout the exposure.
        exposure_s: how long the shutter is open.
        step_px: the largest step between sub-frames.
        sub_frame_hz: the lowest rate of sub-frames.
    """
    wanted = max(np.ceil(swept_px / step_px - 1e-9), np.ceil(exposure_s * sub_frame_hz - 1e-9))
    return int(np.clip(wanted, FEWEST, MOST))


def count_in_parts(count: int, parts: int) -> int:
    """Raise a number of sub-frames to an odd multiple of a number of equal parts of the exposure.

    The middle one of the m sub-frames of each part is then the instant in the middle of that part. With ``count`` of at
    most ``parts`` there is one sub-frame a part, so that the parts' sub-frames are all of them.

    Args:
        count: the fewest sub-frames that are wanted.
        parts: the number of parts; 0 changes nothing.
    """
    if not parts:
        return count
    each = -(-count // parts)
    return parts * (each + 1 - each % 2)
