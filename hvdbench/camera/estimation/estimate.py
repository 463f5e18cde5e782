"""Measure a camera's rotation: follow points over frames, fit a turn to each pair, and make one path of the turns.

No network and no weights. Positions are not measured: a camera that moves shows as turns where the scene is far, and
as disagreement between neighbours' residuals (:attr:`PairQuality.coherent_px`) where it is near.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hvdbench.camera.estimation.pair_rotation import PairFit, Pinhole, fit_rotation
from hvdbench.camera.estimation.rotation_graph import Edge, solve_rotations
from hvdbench.camera.estimation.tracks import Cornered, find_corners, follow
from hvdbench.camera.trajectory import Trajectory
from hvdbench.errors import TrajectoryError
from hvdbench.frames import Frame, to_gray

Array = NDArray[np.float64]

FOCAL_PER_SIDE = 0.751
"""Focal length over the longer side of a phone's video: 26 mm on a 36 mm wide frame of 4:3 used at full width."""
GAPS = (1, 3)
"""Frames between the two of a pair: the longer distances bridge a blurred frame and reduce drift."""

FEWEST_INLIERS = 30
LEAST_SHARE, LEAST_USABLE_SHARE = 0.5, 0.3
LEAST_FIELDS = 0.2
MOST_COHERENT_SHARE = 0.15  # of the motion
FLATTER = 2.0  # times better that a flat motion explains what a camera that moved sideways shows
LEAST_COHERENT = 0.0006  # of the longer side: below it neighbours agree, whatever the motion
BLURRED_SHARE = 0.3  # of the clip's median sharpness


@dataclass(frozen=True)
class PairQuality:
    """How well the turn from frame ``first`` to the next was measured.

    Args:
        first: number of the pair's first frame.
        seconds: from it to the next.
        points: how many were followed there and back.
        inliers: how many of them agree with a turn.
        share: of the picture that they represent, fields without points left out.
        rms_px: of the inliers' residuals, in pixels of the frame that was measured.
        motion_px: median way of the points.
        coherent_px: what neighbours' residuals share (see :class:`hvdbench.camera.estimation.pair_rotation.PairFit`).
        flat_px: what they share where a flat motion of the picture is fitted in place of a turn.
        expansion: growth of the picture in addition to the turn, as of a camera that moves forward.
        turn_deg: angle of the turn in the path.
        reason: why it is not trusted: ``blur`` or ``few points`` (too few to measure: the turn comes from pairs of
            frames further apart, else from the turns before and after), ``moving things``, or ``parallax`` (neighbours
            agree on another motion: the camera moved, or the focal length is off, or the lens distorts); empty where
            it is trusted.
    """

    first: int
    seconds: float
    points: int
    inliers: int
    share: float
    rms_px: float
    motion_px: float
    coherent_px: float
    flat_px: float
    expansion: float
    turn_deg: float
    reason: str


@dataclass(frozen=True)
class RotationEstimate:
    """A measured path, one pose a frame, and how well each turn was measured."""

    path: Trajectory
    pairs: tuple[PairQuality, ...]
    camera: Pinhole

    @property
    def trusted_share(self) -> float:
        return sum(not pair.reason for pair in self.pairs) / len(self.pairs)


def estimate_rotation(
    frames: Iterable[Frame],
    t_s: Sequence[float] | Array,
    *,
    focal_per_width: float | None = None,
    seed: int = 0,
    name: str = "path",
) -> RotationEstimate:
    """Measure how the camera turned over a clip.

    The camera is a pinhole whose axis meets the middle of the picture. Pairs of frames 1 and 3 apart are measured
    (:func:`hvdbench.camera.estimation.pair_rotation.fit_rotation`) and reconciled by least squares
    (:func:`hvdbench.camera.estimation.rotation_graph.solve_rotations`).

    Args:
        frames: T frames, uint8 RGB (H, W, 3), one after the other; four of them are in memory at a time.
        t_s: (T,) rising times, read after the last frame.
        focal_per_width: focal length over picture width; None: 0.751 of the longer side.
        seed: of the hypotheses.
        name: of the path.

    Returns:
        T poses, camera-to-world, the first the identity, positions 0.

    Raises:
        TrajectoryError: under 2 frames, times that do not fit, or no pair of frames that can be measured.
    """
    fits: dict[tuple[int, int], PairFit] = {}
    sharpness: list[float] = []
    held: deque[Cornered] = deque(maxlen=max(GAPS) + 1)
    camera = Pinhole(1.0, (1, 1))
    for i, frame in enumerate(frames):
        if not i:
            height, width = frame.shape[:2]
            focal_px = focal_per_width * width if focal_per_width else FOCAL_PER_SIDE * max(width, height)
            camera = Pinhole(focal_px, (width, height))
        held.append(find_corners(to_gray(frame)))
        sharpness.append(float(cv2.Laplacian(held[-1].gray, cv2.CV_64F).var()))
        _fit_pairs(fits, held, i, camera, seed)
    count, times_s = len(sharpness), np.asarray(t_s, np.float64)
    if count < 2 or len(times_s) != count:
        raise TrajectoryError(f"{name}: a path is measured between frames, and there are {count}: give two or more")
    fits = {pair: fits[pair] for pair in sorted(fits, key=lambda pair: (pair[1] - pair[0], pair[0]))}
    edges = [Edge(i, j, fit.rotation_ab, edge_weight(fit, camera)) for (i, j), fit in fits.items() if _usable(fit)]
    if not any(edge.second - edge.first == 1 for edge in edges):
        raise TrajectoryError(
            f"{name}: no two frames have {FEWEST_INLIERS} points in common that agree, so the clip is too blurred, "
            "dark or smooth to measure"
        )
    rotation = solve_rotations(times_s, edges)
    blurred = np.asarray(np.array(sharpness) < BLURRED_SHARE * np.median(sharpness))
    pairs = tuple(_judge(i, fits.get((i, i + 1)), rotation, times_s, blurred, camera) for i in range(count - 1))
    path = Trajectory(
        t_s=times_s - times_s[0],
        quaternion_wxyz=rotation.as_quat()[:, [3, 0, 1, 2]],
        position_w=np.zeros((count, 3)),
        name=name,
        focal_per_width=camera.focal_px / camera.size[0],
    )
    return RotationEstimate(path, pairs, camera)


def edge_weight(fit: PairFit, camera: Pinhole) -> Array:
    """Compute the weight (3,) of a turn about each axis, 1/rad²: noise, and a quarter of what neighbours share."""
    variance = np.diag(np.linalg.inv(fit.information + 1e-6 * np.eye(3)))
    return np.asarray(1.0 / (variance + (0.25 * fit.coherent_px / camera.focal_px) ** 2))


def _fit_pairs(
    fits: dict[tuple[int, int], PairFit], held: Sequence[Cornered], last: int, camera: Pinhole, seed: int
) -> None:
    """Fit the pairs that end with frame ``last``, the last of those held."""
    for gap in GAPS:
        if last >= gap:
            here, there = follow(held[-1 - gap], held[-1])
            fit = fit_rotation(here, there, camera, np.random.default_rng([seed, gap, last - gap]))
            if fit is not None:
                fits[last - gap, last] = fit


def _usable(fit: PairFit) -> bool:
    return fit.inliers >= FEWEST_INLIERS and fit.fields >= LEAST_FIELDS and fit.share >= LEAST_USABLE_SHARE


def _judge(
    i: int, fit: PairFit | None, rotation: Rotation, t_s: Array, blurred: NDArray[np.bool_], camera: Pinhole
) -> PairQuality:
    turn_deg = float(np.degrees((rotation[i].inv() * rotation[i + 1]).magnitude()))
    seconds = float(t_s[i + 1] - t_s[i])
    lost = "blur" if blurred[i] or blurred[i + 1] else "few points"
    if fit is None:
        return PairQuality(i, seconds, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, turn_deg, lost)
    allowed_px = min(FLATTER * fit.flat_px, MOST_COHERENT_SHARE * fit.motion_px)
    if fit.inliers < FEWEST_INLIERS or fit.fields < LEAST_FIELDS:
        reason = lost
    elif fit.coherent_px > max(LEAST_COHERENT * camera.longer_px, allowed_px):
        reason = "parallax"
    elif fit.share < LEAST_SHARE:
        reason = "moving things"
    else:
        reason = ""
    return PairQuality(
        i,
        seconds,
        fit.points,
        fit.inliers,
        fit.share,
        fit.rms_px,
        fit.motion_px,
        fit.coherent_px,
        fit.flat_px,
        fit.expansion,
        turn_deg,
        reason,
    )
