"""Cut a photograph, or the frames of a clip, with known depth into flat layers without holes between them."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from hvdbench.errors import InputError
from hvdbench.frames import Image
from hvdbench.sources.frame_sequence import FrameSequence

REACH_PX = 14  # how far a layer continues behind nearer ones, px of the photograph
EDGE_SIGMA_PX = 0.6
SPECKLE_PX = 9  # median window that joins specks to the plane around them
_FADE_PX = 4  # past which the soft edge has no weight
SLABS = 8
SCALE_FRAMES = 9  # whose depth gives a clip's scale
FLAT = 0.02  # range of relative inverse depth that one plane covers


def fill_disparity(disparity: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fill what has no disparity (not finite) from its row: the smaller, that is farther, of its two neighbours.

    Occlusions lie beside near objects and belong to what is behind them.
    """
    valid = np.isfinite(disparity)
    columns = np.broadcast_to(np.arange(disparity.shape[1]), disparity.shape)
    left = np.maximum.accumulate(np.where(valid, columns, -1), axis=1)
    last = disparity.shape[1]
    right = np.minimum.accumulate(np.where(valid, columns, last)[:, ::-1], axis=1)[:, ::-1]
    rows = np.arange(disparity.shape[0])[:, None]
    known = np.where(valid, disparity, np.inf)
    from_left = np.where(left >= 0, known[rows, np.maximum(left, 0)], np.inf)
    from_right = np.where(right < last, known[rows, np.minimum(right, last - 1)], np.inf)
    filled = np.minimum(from_left, from_right)
    filled[~np.isfinite(filled)] = np.min(disparity[valid])
    return np.asarray(cv2.medianBlur(filled.astype(np.float32), 5), np.float32)


def cut_planes(light: Image, inverse_depth: NDArray[np.float32], count: int) -> list[tuple[Image, float]]:
    """Cut a photograph into planes of even steps in inverse depth, back to front.

    Each plane contains its own pixels and continues a little behind nearer ones, with colours of its nearest own
    pixels; the farthest is opaque everywhere. Composited in place, they give the photograph back.

    Args:
        light: (H, W, 3) linear light.
        inverse_depth: (H, W) 1/m, finite.
        count: of planes.

    Returns:
        Textures and inverse depths (the mean over the plane's pixels): the first texture (H, W, 3), the others
        (H, W, 4) with colour multiplied by coverage. Empty planes are left out.
    """
    low, high = np.percentile(inverse_depth, [0.5, 99.5])
    step = max(float(high - low), 1e-9) / count
    index = np.clip(((inverse_depth - low) / step).astype(np.int64), 0, count - 1)
    index = cv2.medianBlur(index.astype(np.uint8), SPECKLE_PX).astype(np.int64)
    planes: list[tuple[Image, float]] = []
    for plane in np.unique(index):
        own = index == plane
        distance, nearest = distance_transform_edt(~own, return_indices=True)
        colour = light[nearest[0], nearest[1]]
        blurred = cv2.GaussianBlur(colour, (0, 0), 2.0)
        colour = np.where(own[..., None], light, blurred)
        depth = float(inverse_depth[own].mean())
        if not planes:
            planes.append((np.ascontiguousarray(colour, np.float32), depth))
            continue
        covered = own | ((index > plane) & (distance <= REACH_PX))
        alpha = cv2.GaussianBlur(covered.astype(np.float32), (0, 0), EDGE_SIGMA_PX)
        alpha[alpha < 1e-3] = 0.0
        planes.append((np.dstack([colour * alpha[..., None], alpha]).astype(np.float32), depth))
    return planes


@dataclass(frozen=True, eq=False)
class DepthScale:
    """What all frames of a clip share, so that its planes stay where they are.

    Args:
        median: the clip's median depth, in its maps' unit.
        edges: (N + 1,) rising: of N slabs, in inverse depth relative to 1 / median.
        inverse_depths: (N,) of each slab's plane, the mean of what lies within.
    """

    median: float
    edges: NDArray[np.float64]
    inverse_depths: NDArray[np.float64]

    def relative_inverse(self, depth: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute inverse depth, 1 at the clip's median."""
        return np.asarray(np.float32(self.median) / depth, np.float32)


def measure_depth_scale(frames: FrameSequence, count: int = SLABS) -> DepthScale:
    """Find a clip's median depth and slabs of even steps in inverse depth, from nine frames spread over it.

    Raises:
        InputError: if a depth map cannot be used, or is missing.
    """
    depths = []
    for index in np.unique(np.linspace(0, len(frames) - 1, SCALE_FRAMES).round().astype(np.int64)):
        depth = frames.depth(int(index))
        if depth is None:
            raise InputError(
                f"frame {index} has no depth map, and other frames have one: there must be one for each frame, or none"
            )
        depths.append(depth.ravel())
    median = float(np.median(np.concatenate([np.median(depth, keepdims=True) for depth in depths])))
    relative = np.concatenate([median / depth for depth in depths]).astype(np.float64)
    low, high = np.percentile(relative, [0.5, 99.5])
    edges = np.linspace(low, high, 2 if high - low < FLAT else count + 1)
    slab = np.searchsorted(edges[1:-1], relative)
    inside, total = (np.bincount(slab, weights, len(edges) - 1) for weights in (None, relative))
    middles = 0.5 * (edges[1:] + edges[:-1])
    return DepthScale(median, edges, np.where(inside > 0, total / np.maximum(inside, 1), middles))


def cut_slabs(light: Image, inverse_depth: NDArray[np.float32], edges: NDArray[np.float64]) -> list[Image]:
    """Cut a frame into the slabs of its clip, back to front: as many for every frame, each where it always is.

    As :func:`cut_planes`, but for frames by the hundred: colours behind nearer slabs are those of the nearest own
    pixel, found by OpenCV's distance transform (5 x 5 mask).

    Args:
        light: (H, W, 3) linear light.
        inverse_depth: (H, W), finite.
        edges: (N + 1,) rising; what lies outside is counted to the first or last slab.

    Returns:
        N textures: the first (H, W, 3), opaque (its colours those of the farthest slab
        that has any), the others (H, W, 4) with colour multiplied by coverage, empty where a frame has nothing there.
    """
    index = np.searchsorted(edges[1:-1], inverse_depth).astype(np.uint8)
    if len(edges) > 2:
        index = np.asarray(cv2.medianBlur(index, SPECKLE_PX), np.uint8)
    colour, _ = _extend(light, index == index.min())
    slabs = [colour]
    for slab in range(1, len(edges) - 1):
        texture = np.zeros((*index.shape, 4), np.float32)
        own = index == slab
        if own.any():
            window = _window_of(own, REACH_PX + _FADE_PX)
            texture[window] = _cut_slab(light[window], own[window], index[window] > slab)
        slabs.append(texture)
    return slabs


def _cut_slab(light: Image, own: NDArray[np.bool_], nearer: NDArray[np.bool_]) -> Image:
    colour, distance = _extend(light, own, REACH_PX + _FADE_PX)
    covered = own | (nearer & (distance <= REACH_PX))
    alpha = cv2.GaussianBlur(covered.astype(np.float32), (0, 0), EDGE_SIGMA_PX)
    alpha[alpha < 1e-3] = 0.0
    return np.asarray(cv2.multiply(cv2.cvtColor(colour, cv2.COLOR_RGB2RGBA), cv2.merge([alpha] * 4)), np.float32)


def _window_of(own: NDArray[np.bool_], margin_px: int) -> tuple[slice, slice]:
    """Find the rows and columns of the own pixels, with a margin about them."""
    rows, columns = (np.flatnonzero(own.any(axis=axis)) for axis in (1, 0))
    return (
        slice(max(int(rows[0]) - margin_px, 0), int(rows[-1]) + margin_px + 1),
        slice(max(int(columns[0]) - margin_px, 0), int(columns[-1]) + margin_px + 1),
    )


def _extend(light: Image, own: NDArray[np.bool_], reach_px: float = np.inf) -> tuple[Image, NDArray[np.float32]]:
    """Fill each pixel within reach of own ones with the colour of the nearest, and return its distance to it."""
    distance, labels = cv2.distanceTransformWithLabels(
        (~own).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    colour = light.copy()
    near = ~own & (distance <= reach_px)
    colour[near] = light[own][labels[near] - 1]  # labels count the own pixels row by row
    return colour, np.asarray(distance, np.float32)
