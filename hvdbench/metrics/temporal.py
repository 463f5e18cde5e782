"""Measure steadiness over time: warping error, tOF, tLPIPS and flicker, a pair of frames at a time.

All compare the restored clip with a reference of the same instants: the truth, or, where there is none, the input. The
flow is OpenCV's DIS, preset ``medium``, at full size, whatever flow network a paper used: numbers compare within
hvdbench only. ``docs/metrics.md`` has the definitions and their sources.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.flow import Flow, flow_dis, grid, warp
from hvdbench.frames import Frame, to_gray
from hvdbench.metrics.fidelity import check_pair
from hvdbench.metrics.measure import Measure, Meter
from hvdbench.metrics.metric import Facts, Metric
from hvdbench.metrics.perceptual import lpips_measure
from hvdbench.metrics.pyiqa_files import missing_weights

FLOW = "OpenCV DIS medium, full size"
FLICKER_BLOCK_PX = 32
COLUMNS = ("frame", "warping_error", "warping_error_reference", "coverage", "tof_px", "flicker")

_SAME = (0.01, 0.5)  # of the squared lengths, and px²
_SMOOTH = (0.01, 0.002)
_BORDER_PX = 0.5

Distance = Callable[[Frame, Frame], float]
Mask = NDArray[np.bool_]


def visible(flow_ab: Flow, flow_ba: Flow) -> Mask:
    """Find the pixels of a that can be compared with b: inside b, seen by both, away from the flow's edges.

    The test of Ruder et al. (GCPR 2016) that Lai et al. use: with ``w'`` the backward flow at the match of w,
    ``|w + w'|² <= 0.01 (|w|² + |w'|²) + 0.5`` and ``|∇u|² + |∇v|² <= 0.01 |w|² + 0.002``. Pixels whose match lies
    half a pixel or more outside b are left out, which the papers do not mention.

    Args:
        flow_ab, flow_ba: (H, W, 2), x first, px.

    Returns:
        (H, W), True where they can.
    """
    back = warp(flow_ba, flow_ab, "linear")
    length, length_back = np.square(flow_ab).sum(axis=-1), np.square(back).sum(axis=-1)
    agree = np.square(flow_ab + back).sum(axis=-1) <= _SAME[0] * (length + length_back) + _SAME[1]
    slope = np.zeros_like(length)
    slope[:, :-1] += np.square(np.diff(flow_ab, axis=1)).sum(axis=-1)
    slope[:-1] += np.square(np.diff(flow_ab, axis=0)).sum(axis=-1)
    smooth = slope <= _SMOOTH[0] * length + _SMOOTH[1]
    height, width = length.shape
    where = grid(height, width) + flow_ab
    limit = np.array([width - 1, height - 1], np.float32)
    inside = ((where > -_BORDER_PX) & (where < limit + _BORDER_PX)).all(axis=-1)
    return np.asarray(agree & smooth & inside, np.bool_)


def warping_error(a: Frame, b: Frame, flow_ab: Flow, seen: Mask) -> float:
    """Return Lai et al.'s warping error (ECCV 2018) of two frames that follow each other.

    The mean over the pixels that are seen in both, and over the three colours, of the squared difference between a and
    b warped onto it (bilinear), values in [0, 1]. The paper's equation sums over the colours, which is three times
    this; their code divides as here.

    Args:
        a, b: uint8 RGB (H, W, 3).
        flow_ab: (H, W, 2), of the reference clip.
        seen: (H, W), as :func:`visible` returns it.

    Returns:
        NaN where no pixel is seen in both.
    """
    if not seen.any():
        return math.nan
    difference = (a.astype(np.float32) - warp(b, flow_ab, "linear"))[seen] / np.float32(255)
    return float(np.square(difference, dtype=np.float64).mean())


def tof_px(flow_restored: Flow, flow_reference: Flow) -> float:
    """Return tOF (Chu et al., TecoGAN, TOG 2020): the mean distance between the flows of both clips, px.

    They take Farneback's flow; here it is :data:`FLOW`.
    """
    return float(np.hypot(*np.moveaxis(flow_restored - flow_reference, -1, 0)).mean(dtype=np.float64))


def tlpips(a: tuple[Frame, Frame], b: tuple[Frame, Frame], distance: Distance) -> float:
    """Return tLPIPS (TecoGAN's tLP): how much more, or less, two frames differ than those of the reference.

    Args:
        a, b: restored frame and reference of each instant, uint8 RGB (H, W, 3).
        distance: LPIPS of two frames.
    """
    return abs(distance(a[0], b[0]) - distance(a[1], b[1]))


def flicker(error_a: NDArray[np.float64], error_b: NDArray[np.float64]) -> float:
    """Return the change of the brightness error from one frame to the next, gray levels.

    Ours: brightness errors are means over blocks of 32x32 px (:func:`block_error`), so that detail and small motion
    drop out; the mean over the blocks of the absolute change. A clip that is brighter by k in every other frame has k.
    """
    return float(np.abs(error_b - error_a).mean())


def block_error(restored: Frame, reference: Frame) -> NDArray[np.float64]:
    """Return the mean gray of blocks of 32x32 px less that of the reference; what is left at the edges is a block."""
    difference = np.subtract(to_gray(restored), to_gray(reference), dtype=np.float64)
    starts = [np.arange(0, size, FLICKER_BLOCK_PX) for size in difference.shape]
    sums = np.add.reduceat(np.add.reduceat(difference, starts[0], axis=0), starts[1], axis=1)
    lengths = [np.diff(np.append(start, size)) for start, size in zip(starts, difference.shape, strict=True)]
    return np.asarray(sums / np.multiply.outer(*lengths), np.float64)


def brightness_step(a: Frame, b: Frame, flow_ab: Flow) -> float:
    """Return how much the brightness of a clip changes from one frame to the next, gray levels.

    Ours: the mean over blocks of 32x32 px of the absolute difference between the mean gray of a and that of b warped
    onto it (bilinear). Unlike :func:`flicker` it needs no other clip to compare with.

    Args:
        a, b: uint8 RGB (H, W, 3).
        flow_ab: (H, W, 2), the motion of the clip.
    """
    warped = np.asarray(np.rint(warp(b, flow_ab, "linear")), np.uint8)
    return float(np.abs(block_error(a, warped)).mean())


@dataclass
class _Moment:
    """What is kept of a frame until the next."""

    restored: Frame
    reference: Frame
    error: NDArray[np.float64]


class TemporalScores:
    """Scores of a clip, frame after frame; two frames are in memory.

    ``coverage`` is the share of pixels in the warping error, ``warping_error_reference`` that of the reference itself,
    which is not zero, so compare the two.
    """

    def __init__(self) -> None:
        self._before: _Moment | None = None
        self._count = 0

    def add(self, restored: Frame, reference: Frame) -> dict[str, float] | None:
        """Take the next frame and return the row of :data:`COLUMNS` of it and the one before, None for the first.

        Args:
            restored: uint8 RGB (H, W, 3).
            reference: the truth, or the input, of the same instant and size.

        Raises:
            InputError: if frames are not uint8 RGB, differ in size, or have a side under 11 px.
        """
        check_pair(restored, reference)
        if self._before is not None and self._before.restored.shape != restored.shape:
            raise InputError("the frames of a clip must have one size, and one differs from the frame before it")
        now = _Moment(restored, reference, block_error(restored, reference))
        before, self._before = self._before, now
        self._count += 1
        return None if before is None else self._row(before, now)

    def _row(self, a: _Moment, b: _Moment) -> dict[str, float]:
        gray_a, gray_b = to_gray(a.reference), to_gray(b.reference)
        flow_ab = flow_dis(gray_a, gray_b)
        seen = visible(flow_ab, flow_dis(gray_b, gray_a))
        of_restored = flow_dis(to_gray(a.restored), to_gray(b.restored))
        return {
            "frame": self._count - 1,
            "warping_error": warping_error(a.restored, b.restored, flow_ab, seen),
            "warping_error_reference": warping_error(a.reference, b.reference, flow_ab, seen),
            "coverage": float(seen.mean()),
            "tof_px": tof_px(of_restored, flow_ab),
            "flicker": flicker(a.error, b.error),
        }


IDENTITY = f"temporal 1, {FLOW}"
_METRICS = ("warping_error", "warping_error_reference", "tof_px", "flicker")


def _meter() -> Meter:
    scores = TemporalScores()

    def add(restored: Frame, reference: Frame | None) -> Mapping[str, float] | None:
        return None if reference is None else scores.add(restored, reference)

    return add


class _Tlpips:
    """tLPIPS of each frame and the one before."""

    def __init__(self, distance: Distance) -> None:
        self._distance = distance
        self._before: tuple[Frame, Frame] | None = None

    def __call__(self, restored: Frame, reference: Frame | None) -> Mapping[str, float] | None:
        if reference is None:
            return None
        before, self._before = self._before, (restored, reference)
        return None if before is None else {"tlpips": tlpips(before, self._before, self._distance)}


def _open(device: str) -> Measure:
    return Measure("temporal", _METRICS, IDENTITY, _meter, "truth or input", looks_back=True)


def _open_tlpips(device: str) -> Measure:
    distance, identity, library = lpips_measure(device)
    start = partial(_Tlpips, distance)
    return Measure("tlpips", ("tlpips",), f"tlpips 1, {identity}", start, "truth or input", True, library)


WARPING_ERROR = Metric(
    "warping_error",
    "warping error",
    "",
    "lower",
    decimals=4,
    per="pair",
    opener=_open,
    needs="truth or input",
    beside=(Facts("warping_error_reference", "warping error of the reference", "", "lower", decimals=4, per="pair"),),
    together="temporal",
    identity=IDENTITY,
)
TOF_PX = Metric(
    "tof_px",
    "tOF",
    "px",
    "lower",
    decimals=3,
    per="pair",
    opener=_open,
    needs="truth or input",
    together="temporal",
    identity=IDENTITY,
)
FLICKER = Metric(
    "flicker",
    "flicker",
    "",
    "lower",
    decimals=3,
    per="pair",
    opener=_open,
    needs="truth or input",
    together="temporal",
    identity=IDENTITY,
)
TLPIPS = Metric(
    "tlpips",
    "tLPIPS",
    "",
    "lower",
    decimals=4,
    per="pair",
    opener=_open_tlpips,
    needs="truth or input",
    missing=partial(missing_weights, "lpips"),
)
