"""Cut a subject out of pictures that were taken before a green screen, and lay it over another background.

The colour-difference key of Vlahos, in linear light. A pixel's excess of green, ``d = G - max(R, B)``, is that of the
screen, ``d_s``, times the share of the screen that the pixel shows, so that

    alpha = 1 - clip(d / d_s, 0, 1)    and    foreground = pixel - (1 - alpha) screen.

What is left of green above red and blue is spill, and becomes ``max(R, B)``. A subject that is green itself is lost.

The key is exact where a pixel shows the subject alone or the screen alone. A blurry pixel shows both, and a subject
with less green than red or blue then seems to cover too much. So the coverage of a blurry picture is taken from its
sharp sub-frames: it is their mean, as the light is (:func:`exchange_screen`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.frames import Image

_BORDER_SHARE = 0.06  # of the picture's sides, where only the screen is seen
_LEAST_EXCESS = 0.02  # of full light: below, there is no green screen


@dataclass(frozen=True)
class Cut:
    """A subject without its background.

    Attributes:
        foreground: (H, W, 3) float32 light, multiplied by the coverage.
        alpha: (H, W) float32, 1 where only the subject is seen.
    """

    foreground: Image
    alpha: Image

    def over(self, background: Image) -> Image:
        """Lay the subject over a background, (H, W, 3) float32 light of the same size.

        Raises:
            InputError: if the sizes differ.
        """
        if background.shape != self.foreground.shape:
            raise InputError(f"the background is {background.shape}, and the subject {self.foreground.shape}")
        return np.asarray(self.foreground + (1.0 - self.alpha)[..., None] * background, np.float32)


def screen_colour(light: Image) -> NDArray[np.float64]:
    """Return the colour of the screen, (3,) light: the median of the upper edge and of the upper halves of the sides.

    Args:
        light: (H, W, 3) float32 light.

    Raises:
        InputError: if it is not green.
    """
    height, width = light.shape[:2]
    y, x = max(1, round(_BORDER_SHARE * height)), max(1, round(_BORDER_SHARE * width))
    parts = (light[:y], light[: height // 2, :x], light[: height // 2, -x:])
    pixels = np.concatenate([part.reshape(-1, 3) for part in parts])
    colour = np.asarray(np.median(pixels, axis=0), np.float64)
    if colour[1] - max(colour[0], colour[2]) < _LEAST_EXCESS:
        raise InputError(
            f"the upper edge of the picture has the colour {np.round(colour, 3).tolist()}, which is not that of a "
            "green screen: film the subject before one, or leave the background as it is"
        )
    return colour


def cut_out(light: Image, screen: NDArray[np.float64]) -> Cut:
    """Cut the subject out of a picture.

    Args:
        light: (H, W, 3) float32 light.
        screen: the colour of the screen, (3,).
    """
    excess = light[..., 1] - np.maximum(light[..., 0], light[..., 2])
    alpha = (1.0 - np.clip(excess / (screen[1] - max(screen[0], screen[2])), 0.0, 1.0)).astype(np.float32)
    foreground = np.maximum(light - (1.0 - alpha)[..., None] * screen.astype(np.float32), 0.0)
    foreground[..., 1] = np.minimum(foreground[..., 1], np.maximum(foreground[..., 0], foreground[..., 2]))
    return Cut(np.asarray(foreground, np.float32), alpha)


def exchange_screen(light: Image, alpha: Image, screen: NDArray[np.float64], background: Image) -> Image:
    """Lay a picture whose coverage is known over another background: ``pixel + (1 - alpha) (background - screen)``.

    Args:
        light: (H, W, 3) float32 light.
        alpha: (H, W) the coverage of its subject, 0 to 1; of a blurry picture the mean over its sharp ones.
        screen: the colour of the screen, (3,).
        background: (H, W, 3) float32 light.
    """
    shown = (1.0 - alpha)[..., None] * (background - screen.astype(np.float32))
    return np.asarray(np.maximum(light + shown, 0.0), np.float32)
