"""Gather the facts of one clip: measured from its frames, and read from its tracks."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import periodogram

from hvdbench.frames import to_gray
from hvdbench.metrics.sharpness import sharpness
from hvdbench.realism.motion import view_motion
from hvdbench.realism.series import path_extent
from hvdbench.store import ClipFolder

Array = NDArray[np.float64]

BANDS_HZ = ((0.0, 0.5), (0.5, 2.0), (2.0, 6.0), (6.0, 12.0), (12.0, 30.0))


@dataclass(frozen=True)
class DescribedClip:
    """The facts of one clip of T frames; None where its tracks do not contain them.

    Attributes:
        name: ``<split>/<clip>``.
        source, hand: as the clip states them.
        width_px: of the frames.
        motion_px: (T - 1,) from frame to frame, measured from the sharp frames, or the blurry ones without those.
        sharpness: (T,) variance of the Laplacian of the blurry frames.
        blur_class: (T,) 0 sharp, 1 mild, 2 blurry.
        displacement_px: ``median`` and ``max`` over the frame, (T,) each; ``extent`` of the path at its centre.
        rate_rms_deg_s: for ``hand`` and ``residual``, the rms about x and y in every band of :data:`BANDS_HZ`.
    """

    name: str
    source: str
    hand: str
    width_px: int
    motion_px: Array
    sharpness: Array
    blur_class: NDArray[np.int64] | None
    displacement_px: Mapping[str, Array]
    rate_rms_deg_s: Mapping[str, Array]


def read_facts(clip: ClipFolder) -> DescribedClip:
    """Measure one clip: motion and sharpness from its frames, the rest from its tracks."""
    blurry = clip.blurry()
    truth = clip.truth("mid")
    seen = blurry if truth is None else truth
    attributes = clip.attributes()
    blur_class = clip.track("oracle/class")
    return DescribedClip(
        name=f"{clip.split}/{clip.name}",
        source=str(attributes.get("source", "")),
        hand=str(attributes.get("hand", "")),
        width_px=blurry.shape[2],
        motion_px=np.linalg.norm(view_motion(seen).shift_px, axis=1) if len(seen) > 1 else np.zeros(0),
        sharpness=np.array([sharpness(to_gray(frame)) for frame in blurry]),
        blur_class=None if blur_class is None else np.asarray(blur_class, np.int64),
        displacement_px=_displacements(clip),
        rate_rms_deg_s=_rates(clip),
    )


def _displacements(clip: ClipFolder) -> dict[str, Array]:
    fields = {name: clip.track(f"oracle/displacement_{name}_px") for name in ("median", "max")}
    found = {name: np.asarray(values, np.float64) for name, values in fields.items() if values is not None}
    path = clip.track("exposure/residual_px")
    return found if path is None else found | {"extent": path_extent(np.asarray(path, np.float64))}


def _rates(clip: ClipFolder) -> dict[str, Array]:
    t_s = clip.track("path/t_s")
    if t_s is None or len(t_s) < 8:
        return {}
    rate_hz = (len(t_s) - 1) / float(t_s[-1] - t_s[0])
    paths = {name: clip.track(f"path/{name}_deg") for name in ("hand", "residual")}
    return {
        name: band_rms(np.gradient(np.asarray(path, np.float64)[:, :2], axis=0) * rate_hz, rate_hz)
        for name, path in paths.items()
        if path is not None
    }


def band_rms(values: Array, rate_hz: float) -> Array:
    """Return the rms of (S, C) series, each less its mean, within every band of :data:`BANDS_HZ`.

    From a periodogram under a Hann window; the mean square over the C series. A band narrower than the resolution ``1 /
    duration`` contains what the window spreads into it.
    """
    frequency, density = periodogram(values, rate_hz, window="hann", detrend="constant", axis=0)
    width_hz = frequency[1] - frequency[0]
    inside = [(frequency > low) & (frequency <= high) for low, high in BANDS_HZ]
    return np.array([np.sqrt(density[band].sum(axis=0).mean() * width_hz) for band in inside])
