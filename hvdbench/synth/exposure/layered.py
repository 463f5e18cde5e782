"""Expose several layers, one in front of another, by compositing each sub-frame on its own."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hvdbench.frames import Image
from hvdbench.sources.scene import Layer
from hvdbench.synth.exposure.shutter import Shutter
from hvdbench.synth.exposure.view import View
from hvdbench.synth.exposure.warp import Array, render, render_alpha

Band = tuple[int, int, float]


@dataclass(frozen=True)
class Layered:
    """Layers in front of a moving camera.

    Args:
        view: the scene and the camera's motion.
        shutter: the shutter of the exposure.
        layers: the layers at mid-exposure.
        is_held: whether the layers stay unchanged throughout the exposure.
        bands: bands of rows that share one time: first row, the row after the last, delay.
    """

    view: View
    shutter: Shutter
    layers: Sequence[Layer]
    is_held: bool
    bands: Sequence[Band]

    def average(self, times_s: Array) -> Image:
        """Average the sub-frames at (N,) times of a row without delay; one time gives the picture at that instant."""
        size = self.view.scene.size
        total = np.zeros((size[1], size[0], 3), np.float32)
        for top, bottom, delay in self.bands:
            times = times_s + delay
            maps = self.view.homographies(self.layers, times)
            for index, time in enumerate(times):
                now = self.layers if self.is_held else self.view.scene.layers(float(time))
                if _stand_alike(now, self.layers):
                    here = [H[index] for H in maps]
                else:
                    here = [H[0] for H in self.view.homographies(now, times[index : index + 1])]
                total[top:bottom] += render(now, here, size, rows=(top, bottom))
        return np.asarray(total / np.float32(len(times_s)), np.float32)

    def centroid(self, times_s: Array) -> Image:
        """Return mid-exposure's layers at their mean pose, lens shift and place over N times, each row at its own."""
        parts = []
        for top, bottom, delay in self.bands:
            maps = self.view.centroid_homographies(self.layers, times_s[:, None] + delay)
            parts.append(render(self.layers, [H[0] for H in maps], self.view.scene.size, rows=(top, bottom)))
        return np.concatenate(parts)

    def object_mask(self) -> NDArray[np.uint8] | None:
        """Mark the moving object where it is seen at mid-exposure: (H, W) 0/1; None where nothing moves by itself."""
        if not any(layer.is_object for layer in self.layers):
            return None
        parts = []
        for top, bottom, delay in self.bands:
            maps = [H[0] for H in self.view.homographies(self.layers, np.array([self.shutter.t_mid_s + delay]))]
            mask = np.zeros((bottom - top, self.view.scene.size[0]), np.uint8)
            covers = render_alpha(self.layers, maps, self.view.scene.size, rows=(top, bottom))
            for layer, cover in zip(self.layers, covers, strict=True):
                mask = np.where(cover > 0.5, np.uint8(layer.is_object), mask)
            parts.append(mask)
        return np.concatenate(parts)


def _stand_alike(layers: Sequence[Layer], others: Sequence[Layer]) -> bool:
    """Return whether two times' layers stand in the same planes, so that one time's maps hold for the other."""
    if layers is others:
        return True
    return len(layers) == len(others) and all(
        one.inverse_depth_1_m == other.inverse_depth_1_m
        and one.relative_inverse_depth == other.relative_inverse_depth
        and (one.K is other.K or np.array_equal(one.K, other.K))
        for one, other in zip(layers, others, strict=True)
    )
