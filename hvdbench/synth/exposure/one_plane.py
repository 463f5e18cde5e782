"""Expose one opaque picture by averaging all sub-frames of a source picture in one go, however many there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hvdbench.frames import Image
from hvdbench.sources.scene import Layer
from hvdbench.synth.exposure.shutter import Shutter
from hvdbench.synth.exposure.tiles import TILE, average_along, grid_of
from hvdbench.synth.exposure.view import View
from hvdbench.synth.exposure.warp import Array, inverse, project

_STILL_PX = 1e-6  # places that differ by less are treated as one
_SMALL_TILE = (16, 8)
_LONG_FOCAL_PX = 640.0  # from here on, a view turned by 2 degrees is linear across a 32 px tile to 0.015 px


def is_one_plane(layers: Sequence[Layer]) -> bool:
    """Return whether a scene is one opaque picture of about the frame's resolution, as video is."""
    first = layers[0]
    return len(layers) == 1 and first.texture.shape[2] == 3 and first.sampling == "cubic" and not first.is_object


@dataclass(frozen=True)
class OnePlane:
    """One opaque picture in front of a moving camera, changing linearly between key times.

    ``sum over keys k of average_along(picture_k, sub-frames, hat_k(their times))`` is the average of all blends, with
    every picture sampled once.

    Args:
        view: the scene and the camera's motion.
        shutter: the shutter of the exposure.
        layer: the plane, which supplies the intrinsics.
        keys_s: (K,) rising times that cover the shutter's window; with a single one the picture is held.
    """

    view: View
    shutter: Shutter
    layer: Layer
    keys_s: Array

    @property
    def _tile(self) -> tuple[int, int]:
        return TILE if self.view.scene.focal_px >= _LONG_FOCAL_PX else _SMALL_TILE

    @cached_property
    def _nodes(self) -> Array:
        return grid_of(self.view.scene.size, self._tile)[1]

    @cached_property
    def _delays(self) -> Array:
        """The delays of the grid's rows, (D,) s, or a single 0 where all rows share their time."""
        return self.shutter.delay_s(self._nodes[:, 0, 1]) if self.shutter.readout_s else np.zeros(1)

    def average(self, times_s: Array) -> Image:
        """Average the sub-frames at (N,) times of a row without delay; one time gives the picture at that instant."""
        (H,) = self.view.homographies((self.layer,), times_s[:, None] + self._delays)
        return self._average(self._places(H), times_s)

    def centroid(self, times_s: Array) -> Image:
        """Return mid-exposure's picture, seen from the mean pose and lens shift over N times, each row by its own."""
        (H,) = self.view.centroid_homographies((self.layer,), times_s[:, None] + self._delays)
        return self._average(self._places(H[None]), np.array([self.shutter.t_mid_s]))

    def _places(self, H: Array) -> Array:
        """Map the grid's nodes back through (N, D, 3, 3) homographies to places in the texture: (N, GY, GX, 2) px."""
        return project(inverse(H)[:, :, None], self._nodes)

    def _average(self, places: Array, times: Array) -> Image:
        size = self.view.scene.size
        held = len(self.keys_s) == 1
        if held or (len(times) == 1 and not self.shutter.readout_s):
            picture = self._picture(self.keys_s[0] if held else times[0])
            return _along(picture, places, np.full(len(times), 1.0 / len(times)), size, self._tile)
        total = np.zeros((size[1], size[0], 3), np.float32)
        shares = hat_weights(self.keys_s, times[:, None] + self._delays) / len(times)  # (K, N, D)
        for key, share in zip(self.keys_s, shares, strict=True):
            used = share.any(axis=1)
            if used.any():
                rows = share[used] if self.shutter.readout_s else share[used, 0]
                total += _along(self._picture(key), places[used], rows, size, self._tile)
        return total

    def _picture(self, time_s: float) -> Image:
        return self.view.scene.layers(float(time_s))[0].texture


def _along(picture: Image, places: Array, weights: Array, size: tuple[int, int], tile: tuple[int, int]) -> Image:
    """Average a picture along places (N, GY, GX, 2), weights (N,) or (N, GY); places that do not move are merged."""
    if len(places) > 1 and np.ptp(places, axis=0).max() < _STILL_PX:
        places, weights = places[:1], weights.sum(axis=0, keepdims=True)
    return average_along(picture, places, weights, size, tile=tile)


def hat_weights(keys_s: Array, times_s: Array) -> Array:
    """Return each key's share of linear blends at times of any shape: (K, *shape), 1 in sum; held past both ends."""
    place = np.interp(times_s, keys_s, np.arange(len(keys_s), dtype=np.float64))
    keys = np.arange(len(keys_s)).reshape(-1, *[1] * np.ndim(times_s))
    return np.maximum(0.0, 1.0 - np.abs(place - keys))
