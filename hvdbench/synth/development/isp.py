"""Model a phone's way from the sensor's RAW to a picture: colour filter, noise, demosaicing, colours, sharpening.

Noise that enters before demosaicing comes out in coloured blotches of two and more pixels, which are sharpened with the
picture. Real clips show them, whereas even noise on a finished picture does not produce them.
"""

from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from hvdbench.frames import Frame, Image
from hvdbench.recipe import Settings
from hvdbench.response import Response
from hvdbench.synth.development.sensor import Noise, round_values

Matrix3 = NDArray[np.float64]

# XYZ to camera for D65, of a Sony, an Olympus, another Sony and a phone (Nexus 6P): the four that Brooks et al. (CVPR
# 2019, arXiv:1811.11127) mix. White comes out white whatever the mixture, since rows are normalised.
_XYZ_TO_CAMERA = np.array(
    [
        [[1.0234, -0.2969, -0.2266], [-0.5625, 1.6328, -0.0469], [-0.0703, 0.2188, 0.6406]],
        [[0.4913, -0.0541, -0.0202], [-0.6130, 1.3513, 0.2906], [-0.1564, 0.2151, 0.7183]],
        [[0.8380, -0.2630, -0.0639], [-0.2887, 1.0725, 0.2496], [-0.0627, 0.1427, 0.5438]],
        [[0.6596, -0.2079, -0.0562], [-0.4782, 1.3016, 0.1933], [-0.0970, 0.1581, 0.5181]],
    ]
)
# Linear sRGB to XYZ, D65 (IEC 61966-2-1).
_RGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)

# Malvar, He and Cutler, ICASSP 2004, figure 2, times 8: bilinear plus a Laplacian of the measured colour.
_GREEN = np.array([[0, 0, -1, 0, 0], [0, 0, 2, 0, 0], [-1, 2, 4, 2, -1], [0, 0, 2, 0, 0], [0, 0, -1, 0, 0]]) / 8
_ALONG_ROW = (
    np.array([[0, 0, 0.5, 0, 0], [0, -1, 0, -1, 0], [-1, 4, 5, 4, -1], [0, -1, 0, -1, 0], [0, 0, 0.5, 0, 0]]) / 8
)
_DIAGONAL = (
    np.array([[0, 0, -1.5, 0, 0], [0, 2, 0, 2, 0], [-1.5, 0, 6, 0, -1.5], [0, 2, 0, 2, 0], [0, 0, -1.5, 0, 0]]) / 8
)


Balance = Annotated[float, Field(ge=1, le=16)]
Amount = Annotated[float, Field(ge=0, le=10)]


class IspSettings(Settings):
    """The settings of the RAW round trip. Sensor noise is added in RAW; ``noise.read`` still follows the response."""

    red_gain: tuple[Balance, Balance] = (1.9, 2.4)
    """Range of the white balance of red over green, drawn evenly for each clip."""
    blue_gain: tuple[Balance, Balance] = (1.5, 1.9)
    """Range of the white balance of blue over green, drawn evenly for each clip."""
    sharpen: tuple[Amount, Amount] = (0.3, 0.8)
    """Range of the amount of unsharp masking, drawn evenly for each clip; 0: none."""
    sharpen_radius_px: float = Field(default=1.0, gt=0, le=10)
    """Standard deviation of the Gaussian of unsharp masking."""
    denoise: float = Field(default=0.0, ge=0, le=1)
    """Differences, as a share of full scale, that a bilateral filter of 5 px removes before sharpening; 0: none."""

    @model_validator(mode="after")
    def _ordered(self) -> "IspSettings":
        for name in ("red_gain", "blue_gain", "sharpen"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} must rise, found {low:g} before {high:g}")
        return self

    def draw(self, generator: np.random.Generator) -> "Isp":
        """Draw the white balance, colours and sharpening of one clip."""
        red, blue = generator.uniform(*self.red_gain), generator.uniform(*self.blue_gain)
        weights = generator.uniform(size=len(_XYZ_TO_CAMERA))
        sharpen = generator.uniform(*self.sharpen)
        return Isp(
            red_gain=float(red),
            blue_gain=float(blue),
            rgb_to_camera=mix_colours(weights),
            sharpen=float(sharpen),
            sharpen_radius_px=self.sharpen_radius_px,
            denoise=self.denoise,
        )


@dataclass(frozen=True, eq=False)
class Isp:
    """The values of one clip's image signal processor.

    Args:
        red_gain, blue_gain: the white balance of red and blue over green.
        rgb_to_camera: 3x3, linear sRGB to camera colours, after white balance; white stays white.
        sharpen: the amount of unsharp masking.
        sharpen_radius_px: the standard deviation of its Gaussian.
        denoise: the strength of the bilateral filter, as a share of full scale.
    """

    red_gain: float
    blue_gain: float
    rgb_to_camera: Matrix3
    sharpen: float
    sharpen_radius_px: float
    denoise: float

    def develop(self, light: Image, noise: Noise, generator: np.random.Generator, response: Response) -> Frame:
        """Turn linear light into an 8-bit frame by way of RAW.

        Saturated pixels stay saturated, without noise, as in RSBlur's synthesis (Rim et al., ECCV 2022). Otherwise
        white, which is far from full scale in red and blue RAW, would turn noisy and green.

        Args:
            light: (H, W, 3) float32 linear light, full scale 1; light above it saturates.
            noise: the clip's noise; ``shot`` and ``dark`` are variances in RAW, whose full scale is 1 too.
            generator: the random generator that draws the noise.
            response: the response of the camera.
        """
        raw = noise.add_to_light(self.to_raw(light), generator)
        linear = np.where(light >= 1.0, np.float32(1.0), self.from_raw(raw))
        values = self._finish(response.encode(linear))
        return round_values(noise.add_to_values(values, generator))

    def to_raw(self, light: Image) -> Image:
        """Undo colours and white balance and apply the colour filter: (H, W, 3) to (H, W), full scale 1.

        Colours outside the camera's gamut become negative: RAW has a black level, so values may lie below it.
        """
        camera = cv2.transform(np.ascontiguousarray(np.minimum(light, np.float32(1.0))), self.rgb_to_camera)
        return np.minimum(mosaic(np.asarray(camera / self._gains(), np.float32)), np.float32(1.0))

    def from_raw(self, raw: Image) -> Image:
        """Balance white, demosaic and restore colours: (H, W) to (H, W, 3) linear light, not clipped."""
        balanced = raw.copy()
        balanced[0::2, 0::2] *= np.float32(self.red_gain)
        balanced[1::2, 1::2] *= np.float32(self.blue_gain)
        return np.asarray(cv2.transform(demosaic(balanced), np.linalg.inv(self.rgb_to_camera)), np.float32)

    def _gains(self) -> NDArray[np.float32]:
        return np.array([self.red_gain, 1.0, self.blue_gain], np.float32)

    def _finish(self, values: Image) -> Image:
        """Denoise and sharpen encoded values: ``v + amount (v − Gaussian(v))``."""
        if self.denoise:
            values = np.asarray(cv2.bilateralFilter(values, 5, self.denoise, 2.0), np.float32)
        if self.sharpen:
            even = cv2.GaussianBlur(values, (0, 0), self.sharpen_radius_px, borderType=cv2.BORDER_REFLECT_101)
            values = np.asarray(values + np.float32(self.sharpen) * (values - even), np.float32)
        return values


def mix_colours(weights: NDArray[np.float64]) -> Matrix3:
    """Mix the matrices of the four cameras by weights: 3x3, linear sRGB to camera colours, rows summing to 1."""
    matrix = np.tensordot(weights / weights.sum(), _XYZ_TO_CAMERA, axes=1) @ _RGB_TO_XYZ
    return np.asarray(matrix / matrix.sum(axis=1, keepdims=True))


def mosaic(picture: Image) -> Image:
    """Keep only the colour of each pixel that its filter passes: (H, W, 3) to (H, W), RGGB from the top left."""
    raw = picture[..., 1].copy()
    raw[0::2, 0::2] = picture[0::2, 0::2, 0]
    raw[1::2, 1::2] = picture[1::2, 1::2, 2]
    return raw


def demosaic(raw: Image) -> Image:
    """Interpolate the colours that RGGB left out: (H, W) to (H, W, 3), measured ones unchanged.

    The method is Malvar, He and Cutler's, "High-quality linear interpolation for demosaicing of Bayer-patterned color
    images", ICASSP 2004; it is exact for pictures that vary linearly with place.
    """
    red, green, blue = raw.copy(), raw.copy(), raw.copy()
    filled = _filtered(raw, _GREEN)
    green[0::2, 0::2], green[1::2, 1::2] = filled[0::2, 0::2], filled[1::2, 1::2]
    filled = _filtered(raw, _ALONG_ROW)
    red[0::2, 1::2], blue[1::2, 0::2] = filled[0::2, 1::2], filled[1::2, 0::2]
    filled = _filtered(raw, _ALONG_ROW.T)
    red[1::2, 0::2], blue[0::2, 1::2] = filled[1::2, 0::2], filled[0::2, 1::2]
    filled = _filtered(raw, _DIAGONAL)
    red[1::2, 1::2], blue[0::2, 0::2] = filled[1::2, 1::2], filled[0::2, 0::2]
    return np.dstack([red, green, blue])


def _filtered(raw: Image, kernel: NDArray[np.float64]) -> Image:
    return np.asarray(cv2.filter2D(raw, cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT_101), np.float32)
