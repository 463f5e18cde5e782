"""What the blur kernel is measured against: scripts as they are commonly written, and exact references in float64."""

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.frames import Frame, Image

Array = NDArray[np.float64]

GAMMA = 2.2
_FLAGS = cv2.WARP_INVERSE_MAP


def decode(frame: Frame) -> Image:
    """Undo the display gamma with NumPy in float32."""
    return np.asarray((frame.astype(np.float32) / np.float32(255.0)) ** np.float32(GAMMA), np.float32)


def encode(light: Image) -> Frame:
    """Apply the display gamma with NumPy in float32, rounded."""
    clipped = np.clip(light, np.float32(0), np.float32(1))
    return np.asarray(np.rint(np.float32(255.0) * clipped ** np.float32(1.0 / GAMMA)), np.uint8)


def warp(light: Image, H: Array, interpolation: int = cv2.INTER_LINEAR) -> Image:
    """Look up a whole picture by OpenCV; H maps the frame's pixels to the picture's."""
    size = light.shape[1::-1]
    flags = interpolation | _FLAGS
    return np.asarray(cv2.warpPerspective(light, H, size, flags=flags, borderMode=cv2.BORDER_REFLECT_101), np.float32)


def naive32(frame: Frame, maps: Array) -> Frame:
    """Blur as scripts do: decode and warp for each sub-frame, stack, mean."""
    return encode(np.stack([warp(decode(frame), H) for H in maps]).mean(axis=0))


def careful32(frame: Frame, maps: Array, interpolation: int = cv2.INTER_LINEAR) -> Frame:
    """Blur with care: decode once, add each warp to a running sum."""
    light = decode(frame)
    total = np.zeros_like(light)
    for H in maps:
        total += warp(light, H, interpolation)
    return encode(total / np.float32(len(maps)))


def naive_dynamic(frames: list[Frame], maps: Array) -> Frame:
    """Blur distinct source frames as scripts do."""
    pairs = zip(frames, maps, strict=True)
    return encode(np.stack([warp(decode(frame), H) for frame, H in pairs]).mean(axis=0))


def _weights(offset: Array, cubic: bool) -> Array:
    distance = np.abs(offset)
    if not cubic:
        return np.clip(1.0 - distance, 0.0, 1.0)
    a = -0.75
    near = (a + 2.0) * distance**3 - (a + 3.0) * distance**2 + 1.0
    far = a * (distance**3 - 5.0 * distance**2 + 8.0 * distance - 4.0)
    return np.where(distance <= 1.0, near, np.where(distance < 2.0, far, 0.0))


def _reflect(index: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    index = np.abs(index) % (2 * size - 2)
    return np.where(index < size, index, 2 * size - 2 - index)


def exact(frame: Frame, maps: Array, *, cubic: bool) -> Array:
    """Average sub-frames in float64 at exact places; levels 0 to 255, not rounded, (H, W, 3)."""
    light = ((np.arange(256) / 255.0) ** GAMMA)[frame]
    height, width = frame.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64))
    total = np.zeros(light.shape)
    flat = light.reshape(-1, 3)
    for H in maps:
        scale = H[2, 0] * x + H[2, 1] * y + H[2, 2]
        u = (H[0, 0] * x + H[0, 1] * y + H[0, 2]) / scale
        v = (H[1, 0] * x + H[1, 1] * y + H[1, 2]) / scale
        column, row = np.floor(u), np.floor(v)
        for j in range(-1 if cubic else 0, 3 if cubic else 2):
            down = _weights(v - row - j, cubic)
            line = _reflect(row.astype(np.int64) + j, height) * width
            for i in range(-1 if cubic else 0, 3 if cubic else 2):
                here = line + _reflect(column.astype(np.int64) + i, width)
                total += (down * _weights(u - column - i, cubic))[..., None] * flat.take(here, axis=0)
    return np.asarray(255.0 * np.clip(total / len(maps), 0.0, 1.0) ** (1.0 / GAMMA))
