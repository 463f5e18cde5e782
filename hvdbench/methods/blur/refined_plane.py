"""Lay a plane over flow that is fitted to the pictures themselves, also where only a part of the scene follows it.

Flow between a blurry frame and a sharp one is off at edges that are blurred across, by a few tenths of a pixel and to
the same side for all of an edge. A homography that is fitted to the flow inherits some of that. One that is fitted to
the pictures instead, over all pixels that follow it, does not: blur that is even on both sides moves no edge.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.flow import Flow, round_trip_px, warp
from hvdbench.frames import Gray, Image
from hvdbench.methods.blur.planes import (
    FOLLOWS_PX,
    LEAST_SAMPLES,
    PLANAR_SHARE,
    Matrix,
    keeps_in_front,
    laid_whole,
    matches,
    misses_px,
    plane_flow,
    robust_homography,
    unit_px,
)

_SAMPLES = 8000
_LEAST_SHARE = 0.4  # a plane of less is not the camera's motion
_TIGHT_PX = 0.6
_TIGHT_SHARE = 0.9  # at 0.85 REDS 027, a walk through a street, lost 0.2 dB
_SMOOTH_PX = 1.5  # measured: more moves the plane towards what is near it, less lets noise in
_STEPS = 4
_STILL_PX = 0.01
_BORDER_PX = 2.0

_FINE_WIDTH_PX = 640  # where the plane is laid is decided on copies of up to about this width
_WINDOW_PX = 3.0
_FARTHEST_LEVELS, _FARTHEST_PX = 40.0, 3.0  # a pixel says no more than that it does not fit
_FLOW_WEIGHT = 0.5
_FLOW_HANDICAP = 4.0  # flow fits noise and blur too
_FLOOR = 4.0  # squared levels, of rounding
_MEDIAN_PX = 7


def lay_refined_plane(flow_ab: Flow, flow_ba: Flow, a: Gray, b: Gray) -> tuple[Flow, Flow]:
    """Lay the main plane of a pair of frames over its two flows, if 40 % of the matches follow one closely.

    The plane is that of :func:`fit_refined_plane`. It is laid whole, as by
    :func:`hvdbench.methods.blur.planes.lay_plane`, if 94 % follow it, and elsewhere pixel by pixel. There a pixel keeps
    its flow where the plane fits the pictures worse than the flow does by four times the usual squared error, in a
    Gaussian window of 3 px; half the squared distance of the two flows in px counts as such an error too, where the
    flows agree with each other.

    Args:
        flow_ab, flow_ba: the flows between frames a and b, (H, W, 2) px.
        a, b: uint8 gray pictures (H, W).

    Returns:
        Both flows; those given, if no plane explains so much of the pair.
    """
    fitted = fit_refined_plane(flow_ab, flow_ba, a, b)
    if fitted is None:
        return flow_ab, flow_ba
    forward, share = fitted
    backward = np.asarray(np.linalg.inv(forward), np.float64)
    lay = laid_whole if share >= PLANAR_SHARE else _laid_in_parts
    return lay(flow_ab, flow_ba, forward, a, b), lay(flow_ba, flow_ab, backward, b, a)


def fit_refined_plane(flow_ab: Flow, flow_ba: Flow, a: Gray, b: Gray) -> tuple[Matrix, float] | None:
    """Fit one homography from frame a to frame b, first to the flows between them and then to the pictures.

    Returns:
        The homography, and the share of the matches on which the flows agree that lie within 1.2 px of the first fit.
        None if that is less than 40 %; if it is less than 94 % and fewer than 90 % of those lie within 0.6 px
        (:func:`hvdbench.methods.blur.planes.unit_px`) of the final one, as where depth makes many planes of a scene; or
        if there are fewer than 50 matches.
    """
    height, width = a.shape
    here, found = matches(flow_ab, flow_ba, _SAMPLES)
    first = robust_homography(here, found, height, width)
    if first is None:
        return None
    follows = misses_px(first, here, found) < FOLLOWS_PX
    if follows.mean() < _LEAST_SHARE or follows.sum() < LEAST_SAMPLES:
        return None
    here, found = here[follows], found[follows]
    refined = _fitted_to_pictures(first, here, a, b)
    is_sound = keeps_in_front(refined, height, width) and misses_px(refined, here, found).mean() < FOLLOWS_PX
    plane, share = refined if is_sound else first, float(follows.mean())
    is_tight = (misses_px(plane, here, found) < _TIGHT_PX * unit_px(height, width)).mean() >= _TIGHT_SHARE
    return (plane, share) if share >= PLANAR_SHARE or is_tight else None


def _fitted_to_pictures(homography: Matrix, places: NDArray[np.float32], a: Gray, b: Gray) -> Matrix:
    """Improve a homography by Gauss-Newton steps on the gray levels at places of a, (N, 2) px.

    The gradient is the mean of both pictures' (efficient second-order minimisation, Benhimane and Malis 2004). A gain
    and an offset of the light are fitted along. Large differences weigh little: Cauchy's weight, at the scale of the
    median difference.
    """
    height, width = a.shape
    in_a, in_b = _with_gradient(a), _with_gradient(b)
    x, y = np.rint(places).astype(np.intp).T
    seen = in_a[y, x].astype(np.float64)
    half = 0.5 * width
    to_unit = np.array([[1 / half, 0, -1], [0, 1 / half, -0.5 * height / half], [0, 0, 1]])
    u, v = cv2.perspectiveTransform(places[:, None].astype(np.float64), to_unit)[:, 0].T
    for _ in range(_STEPS):
        moved = cv2.perspectiveTransform(places[:, None].astype(np.float64), homography).astype(np.float32)
        sampled = cv2.remap(in_b, moved, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]  # type: ignore[call-overload]
        difference = seen[:, 0] - sampled[:, 0]
        across, down = half * 0.5 * (seen[:, 1:] + sampled[:, 1:]).T
        tilt = -(across * u + down * v)
        columns = [across, across * u, across * v, down, down * u, down * v, tilt * u, tilt * v]
        jacobian = np.stack([*columns, np.ones_like(u), seen[:, 0] / 128 - 1], axis=1)
        inside = ((moved[:, 0] > _BORDER_PX) & (moved[:, 0] < np.array([width, height]) - 1 - _BORDER_PX)).all(axis=1)
        if inside.sum() < LEAST_SAMPLES:
            break
        scale = 1.5 * float(np.median(np.abs(difference[inside]))) + 0.5
        weighted = jacobian * (inside / (1 + (difference / scale) ** 2))[:, None]
        normal = weighted.T @ jacobian
        ridge = np.diag(1e-6 * (np.diag(normal) + 1))
        step = np.linalg.solve(normal + ridge, weighted.T @ difference)
        change = np.array([[1 + step[1], step[2], step[0]], [step[4], 1 + step[5], step[3]], [step[6], step[7], 1]])
        homography = homography @ np.linalg.inv(to_unit) @ change @ to_unit
        homography = homography / homography[2, 2]
        if half * np.abs(step[:8]).max() < _STILL_PX:
            break
    return np.asarray(homography, np.float64)


def _with_gradient(gray: Gray) -> NDArray[np.float32]:
    """Smooth a picture and stack it with its gradient, (H, W, 3): level, levels per px across and down."""
    smooth = cv2.GaussianBlur(gray.astype(np.float32), (0, 0), _SMOOTH_PX)
    across = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=1, scale=0.5)
    down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=1, scale=0.5)
    return np.dstack([smooth, across, down])


def _laid_in_parts(flow_ab: Flow, flow_ba: Flow, homography: Matrix, a: Gray, b: Gray) -> Flow:
    """Lay a homography over a flow where it fits about as well as the flow does."""
    height, width = a.shape
    plane = plane_flow(homography, height, width)
    factor = min(1.0, _FINE_WIDTH_PX / width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))

    def reduced(picture: Image) -> Image:
        return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)

    there, back, laid = (reduced(flow) * np.float32(factor) for flow in (flow_ab, flow_ba, plane))
    small_a, small_b = reduced(a.astype(np.float32)), reduced(b.astype(np.float32))
    of_plane, of_flow = (_squared_levels(flow, small_a, small_b) for flow in (laid, there))
    usual = 2 * float(np.median(of_plane)) + _FLOOR
    agree = round_trip_px(there, back) < factor
    apart = np.minimum(np.linalg.norm(there - laid, axis=-1) / factor, _FARTHEST_PX) ** 2 * agree
    worse = np.asarray((of_plane - of_flow) / usual + _FLOW_WEIGHT * apart, np.float32)
    keeps_flow = np.asarray(cv2.GaussianBlur(worse, (0, 0), _WINDOW_PX) > _FLOW_HANDICAP, np.uint8)
    chosen = cv2.resize(cv2.medianBlur(keeps_flow, _MEDIAN_PX), (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(np.where(chosen[..., None] > 0, flow_ab, plane), np.float32)


def _squared_levels(flow_ab: Flow, a: Image, b: Image) -> Image:
    return np.asarray(np.minimum(np.abs(warp(b, flow_ab, "linear") - a), np.float32(_FARTHEST_LEVELS)) ** 2, np.float32)
