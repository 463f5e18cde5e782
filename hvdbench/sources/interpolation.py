"""Interpolate pictures between two frames along symmetric optical flows, also where one of the two is occluded."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.flow import Flow, flow_dis, grid
from hvdbench.frames import Gray, Image

FLOW_WIDTH_PX = 640  # the most that flows are estimated at
MOTION_PERCENTILE = 99.0
FIXED_POINT_STEPS = 2
AGREEMENT_PX, AGREEMENT_SHARE = 1.0, 0.1  # how far two flows may differ, and that as a share of their length
LEAST_TRUST = 0.005  # below, the plain blend takes over


@dataclass(frozen=True, eq=False)
class FlowPair:
    """The flows between two frames a and b, (h, w, 2) px of their own resolution.

    Args:
        flow_ab, flow_ba: each from its first frame to its second.
    """

    flow_ab: Flow
    flow_ba: Flow


def estimate_pair(gray_a: Gray, gray_b: Gray) -> FlowPair:
    """Estimate both flows by DIS on display values, at a width of at most 640 px."""
    a, b = shrink_gray(gray_a, FLOW_WIDTH_PX), shrink_gray(gray_b, FLOW_WIDTH_PX)
    return FlowPair(flow_dis(a, b), flow_dis(b, a))


def shrink_gray(gray: Gray, width: int) -> Gray:
    """Shrink a gray picture to a width by area averages; a smaller one stays as it is."""
    if gray.shape[1] <= width:
        return gray
    size = (width, max(1, round(width * gray.shape[0] / gray.shape[1])))
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)


def motion_of(flow: Flow) -> float:
    """Measure the length that 99 in 100 vectors of a flow stay below, in its unit."""
    return float(np.percentile(np.hypot(flow[..., 0], flow[..., 1]), MOTION_PERCENTILE))


def between(a: Image, b: Image, flows: FlowPair, share: float) -> Image:
    """Interpolate the picture at a share of the time from a to b.

    A pixel x of the new picture moves by u from a to b, found by fixed-point steps from either flow:
    ``u = flow_ab(x - s u)`` or ``u = -flow_ba(x + (1 - s) u)``, whichever both flows agree on better. Each frame is
    warped along u and counts by its nearness in time times how far its own flow agrees with u where it is sampled: a
    frame that shows something else there counts nothing. Where neither agrees, u goes to zero and the weights to
    those of the plain blend.

    Args:
        a, b: (H, W, C) float32, not negative.
        flows: between them, of any resolution.
        share: 0 at a, 1 at b.

    Returns:
        (H, W, C) float32, within the range of a and b.
    """
    flow, weight_a, weight_b = _motion_at(flows, float(share))
    size = (a.shape[1], a.shape[0])
    scale = (size[0] / flow.shape[1], size[1] / flow.shape[0])
    flow, weight_a, weight_b = (_enlarge(one, size) for one in (flow, weight_a, weight_b))
    here = grid(size[1], size[0])
    to_a = np.array([-share * scale[0], -share * scale[1]], np.float32)
    to_b = np.array([(1 - share) * scale[0], (1 - share) * scale[1]], np.float32)
    from_a = _sample(a, here + to_a * flow, cv2.INTER_CUBIC)
    from_b = _sample(b, here + to_b * flow, cv2.INTER_CUBIC)
    picture = cv2.blendLinear(from_a, from_b, weight_a, weight_b)
    return np.asarray(np.clip(picture, 0.0, max(a.max(), b.max())), np.float32)


def _motion_at(flows: FlowPair, share: float) -> tuple[Flow, Image, Image]:
    """Find the motion (h, w, 2) at an instant, and the weights (h, w) of frames a and b, 1 in sum."""
    here = grid(*flows.flow_ab.shape[:2])
    back = -flows.flow_ba
    to_a, to_b = np.float32(-share), np.float32(1 - share)
    found = []
    for source, step in ((flows.flow_ab, to_a), (back, to_b)):
        flow = source
        for _ in range(FIXED_POINT_STEPS):
            flow = _sample(source, here + step * flow)
        trust_a = _agreement(flow, _sample(flows.flow_ab, here + to_a * flow))
        trust_b = _agreement(flow, _sample(back, here + to_b * flow))
        found.append((flow, trust_a, trust_b))
    (flow, trust_a, trust_b), (other, other_a, other_b) = found
    better = other_a + other_b > trust_a + trust_b
    flow = np.where(better[..., None], other, flow)
    trust_a, trust_b = np.where(better, other_a, trust_a), np.where(better, other_b, trust_b)
    # One frame alone is believed where the other's flow leads nowhere, but not where each of the two flows is trusted
    # in another frame only.
    apart = found[0][1] * (1 - found[0][2]) * found[1][2] * (1 - found[1][1])
    trust_a, trust_b = trust_a * (1 - apart), trust_b * (1 - apart)
    total = np.square(trust_a + trust_b)
    flow = flow * (total / (total + np.float32(LEAST_TRUST**2)))[..., None]
    weight_a, weight_b = to_b * (trust_a + np.float32(LEAST_TRUST)), -to_a * (trust_b + np.float32(LEAST_TRUST))
    weights = weight_a + weight_b
    return flow, np.asarray(weight_a / weights, np.float32), np.asarray(weight_b / weights, np.float32)


def _agreement(flow: Flow, other: Flow) -> Image:
    """Measure how far two flows agree: 1 where they are equal, to 0, by a Gaussian of their distance."""
    distance = np.square(flow - other)
    length = np.square(flow)
    allowed = AGREEMENT_PX**2 + AGREEMENT_SHARE**2 * (length[..., 0] + length[..., 1])
    return np.asarray(cv2.exp(-(distance[..., 0] + distance[..., 1]) / allowed), np.float32)


def _sample(picture: NDArray[np.float32], where: NDArray[np.float32], flags: int = cv2.INTER_LINEAR) -> Image:
    return np.asarray(cv2.remap(picture, where, None, flags, borderMode=cv2.BORDER_REPLICATE), np.float32)  # type: ignore[call-overload]


def _enlarge(picture: NDArray[np.float32], size: tuple[int, int]) -> Image:
    if size == (picture.shape[1], picture.shape[0]):
        return picture
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), np.float32)
