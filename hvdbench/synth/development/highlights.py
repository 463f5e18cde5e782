"""Raise highlights above full scale, so that a moving lamp can draw a streak.

A picture has no light above full scale, so a lamp that moves during the exposure would fade into its surroundings as a
sheet of paper does. Its light is therefore estimated before the average, and clipped after it.
"""

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from hvdbench.frames import Image
from hvdbench.recipe import Settings
from hvdbench.sources.scene import Layer, Scene, SceneKind, Times

_KEPT = 16  # textures

Gain = Annotated[float, Field(ge=0, le=1000)]


class HighlightSettings(Settings):
    """How far highlights rise above full scale before sub-frames are averaged."""

    gain: tuple[Gain, Gain] = (0.25, 5.0)
    """Range of the light that is added at full scale, in units of full scale; drawn evenly for each clip."""
    knee: float = Field(default=0.9, ge=0, lt=1)
    """Linear light from which on light is added, rising smoothly to full scale."""

    @model_validator(mode="after")
    def _ordered(self) -> "HighlightSettings":
        if self.gain[0] > self.gain[1]:
            raise ValueError(f"gain must rise, found {self.gain[0]:g} before {self.gain[1]:g}")
        return self

    def draw_gain(self, generator: np.random.Generator) -> float:
        """Draw the gain of one clip."""
        return float(generator.uniform(*self.gain))


def expand_highlights(light: Image, gain: float, knee: float = 0.9) -> Image:
    """Raise light above a knee: ``x (1 + gain m)``, ``m = s² (3 − 2 s)``, ``s = (x − knee) / (1 − knee)``.

    This is a smooth form of RSBlur's saturation synthesis (Rim et al., ECCV 2022, arXiv:2202.08771). Each colour
    channel is raised by itself. So whatever does not move is, once clipped again, the colour that it was; only between
    knee and full scale is it brighter. The truth must be rendered from the same light, then clipped.

    Args:
        light: (H, W, 3) linear light, or (H, W, 4) with coverage last and colour multiplied by it; float32.
        gain: light added at full scale, in units of full scale.
        knee: the linear light from which on light is added, at least 0 and below 1.

    Returns:
        The raised light, of the same shape; where nothing lies above the knee, ``light`` itself.
    """
    channels, expanded = light.shape[-1], light
    for channel in range(3 if gain else 0):
        plane = np.ascontiguousarray(light[..., channel])
        limit = np.float32(knee) if channels == 3 else np.float32(knee) * light[..., 3]
        bright = np.flatnonzero(plane > limit)
        if not len(bright):
            continue
        expanded = light.copy() if expanded is light else expanded
        pixels = expanded.reshape(-1, channels)
        straight = pixels[bright, channel] / (np.float32(1.0) if channels == 3 else pixels[bright, 3])
        share = np.clip((straight - knee) / (1.0 - knee), 0.0, 1.0)
        pixels[bright, channel] *= 1.0 + gain * share * share * (3.0 - 2.0 * share)
    return expanded


@dataclass(frozen=True)
class BrightScene:
    """A scene with highlights brighter than full scale; in all else it is the scene that it is made of.

    Args:
        scene: the scene to raise.
        gain: light added at full scale, in units of full scale.
        knee: linear light from which on light is added.
    """

    scene: Scene
    gain: float
    knee: float
    _kept: OrderedDict[int, tuple[Image, Image]] = field(default_factory=OrderedDict, repr=False, compare=False)

    @property
    def name(self) -> str:
        return self.scene.name

    @property
    def split(self) -> str:
        return self.scene.split

    @property
    def kind(self) -> SceneKind:
        return self.scene.kind

    @property
    def size(self) -> tuple[int, int]:
        return self.scene.size

    @property
    def focal_px(self) -> float:
        return self.scene.focal_px

    @property
    def duration_s(self) -> float | None:
        return self.scene.duration_s

    @property
    def licence(self) -> str:
        return self.scene.licence

    @property
    def provenance(self) -> str:
        return self.scene.provenance

    def key_times(self, start_s: float, end_s: float) -> Times | None:
        """Return the scene's own key times."""
        return self.scene.key_times(start_s, end_s)

    def own_flow(self, t_s: float) -> NDArray[np.float32] | None:
        """Return the scene's own motion."""
        return self.scene.own_flow(t_s)

    def layers(self, t_s: float) -> tuple[Layer, ...]:
        """Return the scene's layers with expanded highlights; the latest ones are kept."""
        return tuple(self._brighten(layer) for layer in self.scene.layers(t_s))

    def _brighten(self, layer: Layer) -> Layer:
        key = id(layer.texture)
        if key not in self._kept:
            # The texture is kept too, since another one may get its address once it is gone.
            self._kept[key] = (layer.texture, expand_highlights(layer.texture, self.gain, self.knee))
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        expanded = self._kept[key][1]
        return layer if expanded is layer.texture else replace(layer, texture=expanded)
