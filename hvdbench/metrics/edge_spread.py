"""Measure how wide edges are: a sharpness that no loss, no label and no choice between candidates in hvdbench uses.

Strong, straight, isolated edges are found once, on a reference (the truth, where there is one), and their width is then
read off any frame of the same view, across the edge: the distance in which the level rises from 10 to 90 % of the step
that the reference has there. A step blurred by a Gaussian of ``sigma`` px is ``2.563 sigma`` wide, one blurred by an
even motion of ``L`` px across it ``0.8 L``.

Sharpening narrows an edge by this measure as by any other, but not for free: the halo that a filter adds lies past the
step's levels, and :func:`overshoot` reads it at the same edges. A width that falls with an overshoot that does not grow
is sharpness; one that falls with it is an unsharp mask.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.frames import Frame, Image, to_gray
from hvdbench.metrics.measure import Measure
from hvdbench.metrics.metric import Facts, Metric

REACH_PX = 8.0
"""How far a profile runs to either side; widths end at twice this."""
FEWEST_EDGES = 20
"""With fewer edges, their median says nothing about a frame."""
IDENTITY = "edge_spread 2"  # 2: no overshoot below 0

_STEP_PX = 0.25
_ALONG_PX = (-1.5, -0.5, 0.5, 1.5)  # profiles beside each other are averaged: noise falls, a straight edge stays
_GRADIENT_SIGMA_PX = 1.0
_LEAST_GRADIENT = 4.0  # levels a px, after that Gaussian
_LEAST_STEP = 20.0  # levels
_EDGE_HALF_PX = 3.0  # of the reference's edge: beyond it the reference must be flat
_FLAT = 0.15  # of the step: how far the reference may stray there
_APART_PX = 3
_EXAMINED = 6000

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Edges:
    """Isolated edges of a view.

    Attributes:
        place_px: (N, 2) x and y of a point on each.
        normal: (N, 2) unit vectors across, from dark to bright.
        low, high: (N,) levels of the two sides.
    """

    place_px: Array
    normal: Array
    low: Array
    high: Array

    def __len__(self) -> int:
        return len(self.low)


def find_edges(reference: Frame, most: int = 500) -> Edges:
    """Find the steepest edges that are straight and isolated: flat to 15 % of their step from 3 to 8 px on both sides.

    Args:
        reference: uint8 RGB (H, W, 3), the sharpest picture of the view.
        most: the number of edges to keep, the steepest first, at least 3 px apart.

    Raises:
        InputError: if the picture is not uint8 RGB.
    """
    gray = _gray(reference)
    smooth = cv2.GaussianBlur(gray, (0, 0), _GRADIENT_SIGMA_PX)
    sides = [cv2.Sobel(smooth, cv2.CV_32F, *order, ksize=3) / 8 for order in ((1, 0), (0, 1))]
    gradient = np.stack(sides, axis=-1).astype(np.float32)
    places = _ridge(gradient)
    normal = gradient[places[:, 1], places[:, 0]].astype(np.float64)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    profile, offset = _profiles(gray, places.astype(np.float64), normal)
    before, after = offset < -_EDGE_HALF_PX, offset > _EDGE_HALF_PX
    low, high = profile[:, before].mean(axis=1), profile[:, after].mean(axis=1)
    step = high - low
    stray = np.maximum(
        np.abs(profile[:, before] - low[:, None]).max(axis=1), np.abs(profile[:, after] - high[:, None]).max(axis=1)
    )
    good = np.flatnonzero((step >= _LEAST_STEP) & (stray <= _FLAT * step))[:most]
    return Edges(places[good].astype(np.float64), normal[good], low[good], high[good])


def edge_spread(frame: Frame, edges: Edges) -> Array:
    """Measure the width of edges in a frame.

    From where the profile passes the middle of the reference's step, nearest to the edge's place, it is followed down
    to 10 % and up to 90 % of that step. Where one of them is not met within 8 px the width counts as 16 px, so that a
    median stays right as long as most edges are met.

    Args:
        frame: uint8 RGB (H, W, 3), of the edges' view.
        edges: of the reference.

    Returns:
        (N,) px.

    Raises:
        InputError: if the frame is not uint8 RGB.
    """
    level, _ = _levels(frame, edges)
    return np.array([_width_px(profile) for profile in level], np.float64)


def overshoot(frame: Frame, edges: Edges) -> Array:
    """Measure how far a frame goes past the levels of the edges' sides, (N,) as a share of the step.

    The larger of both sides, and 0 where the frame reaches neither level. An edge of sigma 2 px under an unsharp mask
    of amount 1 has 0.06. Noise and texture also produce a small value: compare it with the reference's own.

    Raises:
        InputError: if the frame is not uint8 RGB.
    """
    level, _ = _levels(frame, edges)
    if not len(level):
        return np.zeros(0)
    past = np.maximum(level.max(axis=1) - 1.0, -level.min(axis=1))
    return np.asarray(np.maximum(past, 0.0), np.float64)


def median_edge_spread(frame: Frame, reference: Frame) -> float:
    """Return the median width of a reference's edges in a frame, px; NaN where it has fewer than 20.

    Raises:
        InputError: if the two are not uint8 RGB, or differ in size.
    """
    if frame.shape != reference.shape:
        raise InputError(f"edges are compared between frames of one size, found {frame.shape} and {reference.shape}")
    edges = find_edges(reference)
    return float(np.median(edge_spread(frame, edges))) if len(edges) >= FEWEST_EDGES else float("nan")


def _gray(frame: Frame) -> Image:
    if frame.ndim != 3 or frame.shape[-1] != 3 or frame.dtype != np.uint8 or frame.size == 0:
        raise InputError(f"edges are measured on uint8 RGB (H, W, 3), found {frame.dtype} {frame.shape}")
    return np.asarray(to_gray(frame), np.float32)


def _ridge(gradient: Image) -> NDArray[np.int64]:
    """Find where the gradient (H, W, 2) is largest across itself: (N, 2) x and y, the steepest first, apart."""
    strength = np.hypot(gradient[..., 0], gradient[..., 1])
    height, width = strength.shape
    margin = int(REACH_PX) + 3
    inner = np.zeros_like(strength, bool)
    inner[margin : height - margin, margin : width - margin] = True
    y, x = np.nonzero(inner & (strength >= _LEAST_GRADIENT))
    unit = gradient[y, x] / strength[y, x][:, None]
    here = np.stack([x, y], axis=1).astype(np.float32)
    beside = [_sample(strength, here + sign * unit) for sign in (-1, 1)]
    peak = (strength[y, x] >= beside[0]) & (strength[y, x] > beside[1])
    order = np.argsort(-strength[y, x][peak], kind="stable")
    candidates = np.stack([x[peak], y[peak]], axis=1)[order]
    taken, kept = np.zeros_like(inner), []
    for column, row in candidates:
        if not taken[row, column]:
            kept.append((column, row))
            taken[row - _APART_PX + 1 : row + _APART_PX, column - _APART_PX + 1 : column + _APART_PX] = True
        if len(kept) == _EXAMINED:
            break
    return np.array(kept, np.int64).reshape(-1, 2)


def _sample(picture: Image, places: NDArray[np.floating], interpolation: int = cv2.INTER_LINEAR) -> Image:
    """Read a picture at places (N, 2) or (N, M, 2), any number of them: float32 (N,) or (N, M)."""
    flat = places.reshape(-1, 2).astype(np.float32)
    parts = [
        cv2.remap(picture, part[:, :1], part[:, 1:], interpolation, borderMode=cv2.BORDER_REPLICATE)[:, 0]
        for part in np.array_split(flat, max(1, -(-len(flat) // 30_000)))  # OpenCV takes fewer than 2^15 in a row
        if len(part)
    ]
    found = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    return np.asarray(found.reshape(places.shape[:-1]), np.float32)


def _profiles(gray: Image, place: Array, normal: Array) -> tuple[Array, Array]:
    """Read profiles across edges: (N, M) levels, and the (M,) offsets along the normal, px."""
    offset = np.arange(-REACH_PX, REACH_PX + _STEP_PX / 2, _STEP_PX)
    along = np.stack([-normal[:, 1], normal[:, 0]], axis=1)
    total = np.zeros((len(place), len(offset)))
    for shift in _ALONG_PX:
        start = place + shift * along
        total += _sample(gray, start[:, None] + offset[:, None] * normal[:, None], cv2.INTER_CUBIC)
    return total / len(_ALONG_PX), offset


def _levels(frame: Frame, edges: Edges) -> tuple[Array, Array]:
    """Read profiles on the scale of the reference's step, 0 its dark side and 1 its bright one."""
    profile, offset = _profiles(_gray(frame), edges.place_px, edges.normal)
    return (profile - edges.low[:, None]) / (edges.high - edges.low)[:, None], offset


def _width_px(level: Array) -> float:
    """Follow one profile (M,) from the middle of its step to 10 and 90 %."""
    rises = np.flatnonzero((level[:-1] < 0.5) & (level[1:] >= 0.5))
    if not len(rises):
        return 2 * REACH_PX
    middle = int(rises[np.argmin(np.abs(rises + 0.5 - 0.5 * (len(level) - 1)))])
    below = np.flatnonzero(level[: middle + 1] <= 0.1)
    above = np.flatnonzero(level[middle + 1 :] >= 0.9)
    if not len(below) or not len(above):
        return 2 * REACH_PX
    first, last = int(below[-1]), middle + 1 + int(above[0])
    start = first + (0.1 - level[first]) / (level[first + 1] - level[first])
    end = last - (level[last] - 0.9) / (level[last] - level[last - 1])
    return float((end - start) * _STEP_PX)


def _meter(restored: Frame, truth: Frame | None) -> Mapping[str, float] | None:
    if truth is None:
        raise InputError("the metrics of edges need a truth, and there is none")
    edges = find_edges(truth)
    if len(edges) < FEWEST_EDGES:
        return None
    return {
        "edge_spread": float(np.median(edge_spread(restored, edges))),
        "overshoot": float(np.median(overshoot(restored, edges))),
    }


def _open(device: str) -> Measure:
    return Measure("edge_spread", ("edge_spread", "overshoot"), IDENTITY, lambda: _meter, "truth")


OVERSHOOT = Facts("overshoot", "overshoot", "%", "lower", decimals=1, factor=100.0, least=0.0)
EDGE_SPREAD = Metric(
    "edge_spread",
    "edge spread",
    "px",
    "lower",
    decimals=2,
    function=median_edge_spread,
    opener=_open,
    beside=(OVERSHOOT,),
    identity=IDENTITY,
)
