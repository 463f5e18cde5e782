"""Cut a photograph with known depth into flat layers without holes between them."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from hvdbench.frames import Image

REACH_PX = 14  # how far a layer goes on behind nearer ones, px of the photograph
EDGE_SIGMA_PX = 0.6
SPECKLE_PX = 9  # median window that joins specks to the plane around them


def fill_disparity(disparity: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fill what has no disparity (not finite) from its row: the smaller, that is farther, of its two neighbours.

    Occlusions lie beside near things and belong to what is behind them.
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

    Each plane holds its own pixels and goes on a little behind nearer ones, with colours of its nearest own pixels;
    the farthest is opaque everywhere. Composited where they stand, they give the photograph back.

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
