"""Turn light into 8-bit frames: saturation, noise, response, rounding."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from hvdbench.frames import Frame, Image
from hvdbench.recipe import Settings
from hvdbench.response import Response, open_response

_SCATTER = 0.26  # of the log of the dark variance, given the shot variance (Brooks et al., CVPR 2019)

Variance = Annotated[float, Field(gt=0, le=1)]
Range = tuple[Variance, Variance]


class SensorSettings(Settings):
    """The settings of the blurry frames' sensor noise; the truth has none."""

    shot: float = Field(default=0.0, ge=0, le=1)
    """λ_s: variance per unit of linear light."""
    dark: float = Field(default=0.0, ge=0, le=1)
    """λ_r: variance in linear light where there is no light, which is the read noise of the sensor itself."""
    shot_range: Range | None = None
    """Range from which λ_s is drawn for each clip, log-uniformly; left out: ``shot``."""
    dark_range: Range | None = None
    """Range from which λ_r is drawn for each clip, along with λ_s; left out: ``dark``."""
    read: float = Field(default=1.0 / 255.0, ge=0, le=1)
    """Standard deviation after the response, as a share of full scale: what a phone's own denoising leaves."""

    @model_validator(mode="after")
    def _ordered(self) -> "SensorSettings":
        for name in ("shot_range", "dark_range"):
            bounds = getattr(self, name)
            if bounds is not None and bounds[0] > bounds[1]:
                raise ValueError(f"{name} must rise, found {bounds[0]:g} before {bounds[1]:g}")
        return self

    def draw(self, generator: np.random.Generator) -> "Noise":
        """Draw the noise of one clip; without ranges nothing is drawn.

        Both variances rise together, as they do with the gain. One even draw decides how far along its range each lies
        on a logarithmic scale; then λ_r is scattered by 0.26 in its natural logarithm and kept in its range.
        """
        shot, dark = self.shot, self.dark
        if self.shot_range or self.dark_range:
            along, scatter = float(generator.uniform()), _SCATTER * float(generator.standard_normal())
            shot = _between(self.shot_range, along) if self.shot_range else shot
            if self.dark_range:
                scattered = _between(self.dark_range, along) * np.exp(scatter)
                dark = float(np.clip(scattered, *self.dark_range))
        return Noise(shot=shot, dark=dark, read=self.read)


@dataclass(frozen=True)
class Noise:
    """The noise of one clip.

    Args:
        shot: variance per unit of linear light.
        dark: variance in linear light where there is no light.
        read: standard deviation after the response.
    """

    shot: float
    dark: float
    read: float

    def add_to_light(self, light: Image, generator: np.random.Generator) -> Image:
        """Add Gaussian noise of variance ``shot · max(x, 0) + dark`` to linear light x (Foi et al., IEEE TIP 2008).

        Light above 1 is past the sensor's full scale. Clip after this function, so that saturated pixels show no noise.

        Args:
            light: linear light of any shape, float32.
            generator: the random generator; it draws one number per sample, or none where there is no such noise.
        """
        if not (self.shot or self.dark):
            return light
        deviation = np.sqrt(np.float32(self.shot) * np.maximum(light, np.float32(0.0)) + np.float32(self.dark))
        deviation *= generator.standard_normal(light.shape, np.float32)
        return np.asarray(light + deviation, np.float32)

    def add_to_values(self, values: Image, generator: np.random.Generator) -> Image:
        """Add even Gaussian noise to values after the response; nothing is drawn where there is none."""
        if not self.read:
            return values
        return np.asarray(values + np.float32(self.read) * generator.standard_normal(values.shape, np.float32))


def develop(light: Image, noise: Noise, generator: np.random.Generator, response: Response) -> Frame:
    """Turn linear light into an 8-bit frame: noise, saturation, response, read noise, rounding.

    Args:
        light: (H, W, 3) float32 linear light, full scale 1; light above it saturates.
        noise: the noise of the clip.
        generator: the random generator that draws the noise.
        response: the response of the camera.
    """
    noisy = noise.add_to_light(light, generator)
    if not noise.read:
        return response.to_display(noisy)
    return round_values(noise.add_to_values(response.encode(noisy), generator))


def round_values(values: Image) -> Frame:
    """Round encoded values, clipped to [0, 1], to 8 bits."""
    return open_response("linear").to_display(values)


def _between(bounds: Range, share: float) -> float:
    low, high = np.log(bounds)
    return float(np.exp(low + share * (high - low)))
