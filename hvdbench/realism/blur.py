"""Estimate extent and direction of a frame's blur, patch by patch, against a sharp picture of the same view.

In gradients a patch of the blurry frame is the sharp patch's convolved with the path of the view, so the path's density
comes out of a Wiener filter. Its covariance gives an extent, ``sqrt(12 λmax)``: the length of an even motion on a line.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, rfft2
from scipy.ndimage import label

from hvdbench.frames import Gray, Image

Array = NDArray[np.float64]

PATCH_PER_WIDTH = 1 / 6
SMALLEST_PATCH_PX, LARGEST_PATCH_PX = 96, 288
OVERLAP = 1.25  # patches in a row times their width over the frame's
TIKHONOV = 0.01  # of the mean power of the sharp gradients
SMOOTHNESS = 0.1  # of the same, times the Laplacian's response
CUT = 0.15  # of the kernel's peak: what lies below is taken for noise
TEXTURE = 0.1  # of the median patch's gradient power: patches below are too flat
LEAST_TEXTURE = 1.0  # squared gray levels
_EIGHT = np.ones((3, 3), np.int8)


@dataclass(frozen=True)
class FrameBlur:
    """The blur of one frame; NaN where no patch had enough texture.

    Attributes:
        extent_px: median over patches.
        direction_deg: of the longest axis, from x towards y, in [0, 180).
        edge_over_centre: extent of the patches in the outer thirds over that of the patches in the middle third.
    """

    extent_px: float
    direction_deg: float
    edge_over_centre: float


def frame_blur(blurry: Gray | Image, sharp: Gray | Image) -> FrameBlur:
    """Measure the blur of a frame against a sharp picture of the same view.

    Args:
        blurry: gray (H, W), uint8 or float32 in [0, 255].
        sharp: the same size and range, aligned to within an eighth of a patch.
    """
    side = patch_side(blurry.shape[0], blurry.shape[1])
    places = _places(blurry.shape[0], blurry.shape[1], side)
    gradients = {name: _gradients(picture) for name, picture in (("sharp", sharp), ("blurry", blurry))}
    cuts = [np.s_[:, y : y + side, x : x + side] for y, x in places]
    texture = np.array([float(gradients["sharp"][cut].var()) for cut in cuts])
    kept = texture > max(TEXTURE * float(np.median(texture)), LEAST_TEXTURE)
    if not kept.any():
        return FrameBlur(float("nan"), float("nan"), float("nan"))
    covariance = np.array(
        [
            kernel_covariance(estimate_kernel(gradients["sharp"][cut], gradients["blurry"][cut]))
            for cut, good in zip(cuts, kept, strict=True)
            if good
        ]
    )
    extent = np.sqrt(12.0 * np.linalg.eigvalsh(covariance)[:, -1].clip(0.0))
    typical = np.median(covariance, axis=0)
    direction = 0.5 * np.degrees(np.arctan2(2.0 * typical[0, 1], typical[0, 0] - typical[1, 1])) % 180.0
    middle = np.array([x + side / 2 for (_, x), good in zip(places, kept, strict=True) if good]) / blurry.shape[1]
    edge, centre = extent[abs(middle - 0.5) > 1 / 6], extent[abs(middle - 0.5) <= 1 / 6]
    ratio = float(np.median(edge) / np.median(centre)) if len(edge) and len(centre) else float("nan")
    return FrameBlur(float(np.median(extent)), float(direction), ratio)


def patch_side(height: int, width: int) -> int:
    """Return the side of the patches: a sixth of the width in steps of 32 px, 96 to 288, never more than the frame."""
    wanted = int(np.clip(32 * round(width * PATCH_PER_WIDTH / 32), SMALLEST_PATCH_PX, LARGEST_PATCH_PX))
    return min(wanted, height, width)


def _places(height: int, width: int, side: int) -> list[tuple[int, int]]:
    rows, columns = (
        np.linspace(0, length - side, int(np.ceil(OVERLAP * length / side)) if length > side else 1).astype(int)
        for length in (height, width)
    )
    return [(int(y), int(x)) for y in rows for x in columns]


def _gradients(picture: Gray | Image) -> Image:
    """Return forward differences (2, H, W), 0 at the last column and row."""
    values = np.asarray(picture, np.float32)
    found = np.zeros((2, *values.shape), np.float32)
    found[0, :, :-1] = np.diff(values, axis=1)
    found[1, :-1] = np.diff(values, axis=0)
    return found


def estimate_kernel(sharp: Image, blurry: Image) -> Array:
    """Estimate the kernel that blurs one patch into the other.

    ``K = Σ S* B / (Σ |S|² + mean (TIKHONOV + SMOOTHNESS |Laplacian|))`` over the two gradients under a Hann window;
    then only what lies above ``CUT`` of the peak and is joined to it is kept.

    Args:
        sharp: gradients (2, n, m).
        blurry: the same.

    Returns:
        (r, c), odd sides of about half the patch, sum 1; a single 1 where nothing can be measured.
    """
    n, m = sharp.shape[1:]
    window = np.outer(np.hanning(n), np.hanning(m)).astype(np.float32)
    sharp_f, blurry_f = rfft2(sharp * window), rfft2(blurry * window)
    power = (np.abs(sharp_f) ** 2).sum(axis=0)
    roughness = (2 - 2 * np.cos(2 * np.pi * np.fft.fftfreq(n)))[:, None] + (
        2 - 2 * np.cos(2 * np.pi * np.fft.rfftfreq(m))
    )
    least = power.mean() * (TIKHONOV + SMOOTHNESS * roughness) + 1e-12
    whole = np.fft.fftshift(irfft2((np.conj(sharp_f) * blurry_f).sum(axis=0) / (power + least), s=(n, m)))
    reach_y, reach_x = n // 4, m // 4
    kernel = whole[n // 2 - reach_y : n // 2 + reach_y + 1, m // 2 - reach_x : m // 2 + reach_x + 1]
    peak = np.unravel_index(int(np.argmax(kernel)), kernel.shape)
    if not kernel[peak] > 0:
        return np.ones((1, 1))
    parts, _ = label(kernel > CUT * kernel[peak], structure=_EIGHT)
    kept = np.where(parts == parts[peak], kernel, 0.0)
    return np.asarray(kept / kept.sum(), np.float64)


def kernel_covariance(kernel: Array) -> Array:
    """Return the covariance (2, 2), x first, px², of a kernel whose sum is 1."""
    y, x = np.mgrid[: kernel.shape[0], : kernel.shape[1]]
    x, y = x - (kernel * x).sum(), y - (kernel * y).sum()
    xy = float((kernel * x * y).sum())
    return np.array([[float((kernel * x * x).sum()), xy], [xy, float((kernel * y * y).sum())]])
