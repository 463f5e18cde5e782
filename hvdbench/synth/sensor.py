"""From light to 8-bit frames: noise, gamma, rounding."""

import numpy as np

from hvdbench.frames import Frame, Image
from hvdbench.synth.settings import NoiseSettings


def expose_sensor(light: Image, noise: NoiseSettings, generator: np.random.Generator, gamma: float = 2.2) -> Frame:
    """Turn linear light into an 8-bit frame with noise.

    Shot noise is added in linear light, read noise after the gamma, where a phone's own denoising leaves it about even.

    Args:
        light: (H, W, 3) float32 linear light; clipped to [0, 1].
        noise: variance per light, and standard deviation after the gamma.
        generator: draws both.
        gamma: of the display.
    """
    clipped = np.clip(light, 0.0, 1.0)
    if noise.shot:
        noisy = clipped + np.sqrt(noise.shot * clipped) * generator.standard_normal(light.shape, np.float32)
        clipped = np.clip(noisy, 0.0, 1.0)
    shown = np.power(clipped, np.float32(1.0 / gamma))
    if noise.read:
        shown = shown + np.float32(noise.read) * generator.standard_normal(light.shape, np.float32)
    return np.asarray(np.rint(255.0 * np.clip(shown, 0.0, 1.0)), np.uint8)
