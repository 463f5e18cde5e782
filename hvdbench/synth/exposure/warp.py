"""Compute plane homographies, and the picture that a shaken camera takes of layers at one instant."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hvdbench.frames import Image
from hvdbench.sources.scene import Layer

Array = NDArray[np.float64]


def plane_homography(
    rotation_vector_wc: Array,
    position_w_m: Array,
    lens_shift_px: Array,
    *,
    K: Array,
    K_texture: Array,
    inverse_depth_1_m: float,
) -> Array:
    """Map texture pixels of a plane to frame pixels: ``K(t) Rᵀ (I − p nᵀ / Z) K_texture⁻¹``, n = (0, 0, 1).

    The plane is parallel to the reference view's sensor (Hartley & Zisserman, 2nd ed., 13.1). ``K(t)`` is K with the
    lens shift added to its principal point.

    Args:
        rotation_vector_wc: (N, 3) rotation vectors, rad, camera-to-world.
        position_w_m: (N, 3) camera centres, m.
        lens_shift_px: (N, 2) lens shifts, px.
        K: 3x3 intrinsics of the frame.
        K_texture: 3x3 intrinsics of the texture.
        inverse_depth_1_m: the inverse distance 1 / Z, per m.

    Returns:
        The homographies, (N, 3, 3).
    """
    rotation = np.asarray(Rotation.from_rotvec(rotation_vector_wc).as_matrix())
    moved = np.broadcast_to(np.eye(3), rotation.shape).copy()
    moved[:, :, 2] -= inverse_depth_1_m * position_w_m
    shifted = np.broadcast_to(K, rotation.shape).copy()
    shifted[:, :2, 2] += lens_shift_px
    return np.asarray(shifted @ rotation.transpose(0, 2, 1) @ moved @ np.linalg.inv(K_texture))


def shift_homography(H: Array, offset_px: Array) -> Array:
    """Move the picture within its plane: ``H · translate(offset)``; (N, 3, 3) and (N, 2) texture px."""
    shifted = np.array(H)
    shifted[:, :, 2] += np.einsum("nij,nj->ni", H[:, :, :2], offset_px)
    return shifted


def apply_homography(H: Array, points_px: Array) -> Array:
    """Map points (P, 2) by N homographies: (N, P, 2)."""
    homogeneous = np.column_stack([points_px, np.ones(len(points_px))])
    mapped = np.einsum("nij,pj->npi", H, homogeneous)
    return np.asarray(mapped[..., :2] / mapped[..., 2:])


def inverse(H: Array) -> Array:
    """Invert homographies (..., 3, 3)."""
    return np.asarray(np.linalg.inv(H), np.float64)


def project(H: Array, points_px: Array) -> Array:
    """Map points (..., 2) by homographies (..., 3, 3), broadcast together: one map for all points or one for each."""
    x, y = points_px[..., 0], points_px[..., 1]
    scale = H[..., 2, 0] * x + H[..., 2, 1] * y + H[..., 2, 2]
    across = H[..., 0, 0] * x + H[..., 0, 1] * y + H[..., 0, 2]
    down = H[..., 1, 0] * x + H[..., 1, 1] * y + H[..., 1, 2]
    return np.stack([across / scale, down / scale], axis=-1)


def render(
    layers: Sequence[Layer], H: Sequence[Array], size: tuple[int, int], *, rows: tuple[int, int] | None = None
) -> Image:
    """Composite the layers at one instant, in linear light.

    The first layer fills the frame (reflected past its border), and those in front are drawn over it. Each is sampled
    once, straight from its texture, within the window that it reaches.

    Args:
        layers: the layers from back to front, the first one opaque.
        H: the 3x3 map of each layer from texture to frame px.
        size: width and height, px.
        rows: the first row and the one after the last, if only these are wanted.

    Returns:
        The picture (height, width, 3) float32, or only the wanted rows; a bicubic kernel may overshoot [0, 1] by a
        little.
    """
    H, size = _band(H, size, rows)
    first = _sample(layers[0], layers[0].texture, H[0], (0, 0), size, cv2.BORDER_REFLECT_101)
    picture = _colour(first)
    for layer, homography in zip(layers[1:], H[1:], strict=True):
        left, top, width, height = window_of(layer, homography, size)
        if width <= 0 or height <= 0:
            continue
        sample = _sample(layer, layer.texture, homography, (left, top), (width, height), cv2.BORDER_CONSTANT)
        clear = cv2.cvtColor(1.0 - sample[..., 3], cv2.COLOR_GRAY2RGB)
        below = picture[top : top + height, left : left + width]
        below *= clear
        below += _colour(sample)
    return picture


def _colour(sample: NDArray[np.float32]) -> NDArray[np.float32]:
    """Drop a coverage channel by OpenCV's copy, which is several times as fast as adding a strided view."""
    if sample.shape[2] == 3:
        return sample
    return np.asarray(cv2.cvtColor(sample, cv2.COLOR_RGBA2RGB), np.float32)


def render_alpha(
    layers: Sequence[Layer], H: Sequence[Array], size: tuple[int, int], *, rows: tuple[int, int] | None = None
) -> NDArray[np.float32]:
    """Return each layer's coverage of the frame or its ``rows``, (L, height, width); hidden parts count as covered."""
    H, size = _band(H, size, rows)
    covers = [np.ones((size[1], size[0]), np.float32)]
    for layer, homography in zip(layers[1:], H[1:], strict=True):
        alpha = np.ascontiguousarray(layer.texture[..., 3])
        covers.append(_sample(layer, alpha, homography, (0, 0), size, cv2.BORDER_CONSTANT))
    return np.stack(covers)


def _band(
    H: Sequence[Array], size: tuple[int, int], rows: tuple[int, int] | None
) -> tuple[Sequence[Array], tuple[int, int]]:
    if rows is None or rows == (0, size[1]):
        return H, size
    top, bottom = rows
    up = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, -top], [0.0, 0.0, 1.0]])
    return [up @ homography for homography in H], (size[0], bottom - top)


def window_of(layer: Layer, H: Array, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the window (left, top, width, height) of the frame that a layer reaches; width and height may be 0."""
    left, top, right, bottom = layer.bounds_px
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)
    where = apply_homography(H[None], corners)[0]
    low = np.clip(np.floor(where.min(axis=0)).astype(np.int64), 0, size)
    high = np.clip(np.ceil(where.max(axis=0)).astype(np.int64) + 1, 0, size)
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


def _sample(
    layer: Layer, texture: Image, H: Array, corner: tuple[int, int], size: tuple[int, int], border: int
) -> NDArray[np.float32]:
    """Sample the window of the frame whose top left pixel is ``corner``."""
    window = np.linalg.inv(H)
    window[:, 2] += window[:, 0] * corner[0] + window[:, 1] * corner[1]
    flags = (cv2.INTER_CUBIC if layer.sampling == "cubic" else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpPerspective(texture, window, size, flags=flags, borderMode=border), np.float32)
