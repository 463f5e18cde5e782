"""Compute how far points of a frame travel during its exposure: what blur truly is, before any picture is made."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hvdbench.synth.exposure.shutter import Shutter
from hvdbench.synth.exposure.view import View
from hvdbench.synth.exposure.warp import Array, project
from hvdbench.synth.oracle import OracleSettings

SAMPLES = 33  # uniform samples of the path inside an exposure, ends included
GRID = (9, 5)  # points of the displacement field across and down the frame
_DEFAULT = OracleSettings()


@dataclass(frozen=True)
class Displacement:
    """How far points of a frame travel during its exposure.

    Args:
        track_px: (M, P, 2) place of each grid point at M uniform times.
        extent_px: (P,) ``max over t1, t2 of |x(t1) − x(t2)|``.
        centre_px: (M, 2) path of the frame's centre relative to mid-exposure, by the camera alone.
        hand_px: (M, 2) the same with the lens at rest.
    """

    track_px: Array
    extent_px: Array
    centre_px: Array
    hand_px: Array

    @property
    def swept_px(self) -> float:
        """What the fastest point would travel if it kept its top speed throughout the exposure, px."""
        steps = np.linalg.norm(np.diff(self.track_px, axis=0), axis=2)
        return float(steps.max() * len(steps))

    def label(self, width: int, settings: OracleSettings = _DEFAULT) -> int:
        """Classify a frame ``width`` px wide: 0 sharp, 1 mild, 2 blurry."""
        return settings.classify(self.extent_px, width)


def grid_points(size: tuple[int, int]) -> Array:
    """Return the displacement field's points, (45, 2) px: 9 x 5 from corner to corner, the centre in the middle."""
    x, y = np.meshgrid(np.linspace(0, size[0] - 1, GRID[0]), np.linspace(0, size[1] - 1, GRID[1]))
    return np.stack([x.ravel(), y.ravel()], axis=1)


def measure_displacement(view: View, t_mid_s: float, exposure_s: float, *, readout_s: float = 0.0) -> Displacement:
    """Follow the grid's points through an exposure, each on the frontmost layer that it shows at mid-exposure.

    With a rolling shutter each point is followed from the mid-exposure of its own row, for as long as that row is open.
    Motion in a video's own frames is taken as even over the exposure.

    Args:
        view: scene and motion.
        t_mid_s: mid-exposure of the frame.
        exposure_s: how long the shutter is open.
        readout_s: from the first row to the one after the last.
    """
    shutter = Shutter(t_mid_s, exposure_s, view.scene.size[1], readout_s)
    layers = view.scene.layers(t_mid_s)
    points = grid_points(view.scene.size)
    times = shutter.uniform_times(SAMPLES)
    middles = t_mid_s + shutter.delay_s(points[:, 1])
    owner = view.owners(layers, points, middles)
    places = view.places(layers, owner, points, middles)
    velocity = view.own_velocity(layers, owner, places, t_mid_s)

    def follow(which: NDArray[np.int64], moved: Array, stabilised: bool) -> Array:
        """Map texture places (M or 1, P', 2) of some points to the frame at their times: (M, P', 2)."""
        delays, column = np.unique(middles[which] - t_mid_s, return_inverse=True)
        maps = view.homographies(layers, times[:, None] + delays, stabilised=stabilised)
        track = np.empty((len(times), len(which), 2))
        for index in np.unique(owner[which]):
            mine = owner[which] == index
            track[:, mine] = project(maps[index][:, column[mine]], moved[:, mine])
        return track

    everywhere = np.arange(len(points))
    moved = places[None]
    if velocity is not None:
        moved = moved + velocity * (times - t_mid_s)[:, None, None]
    track = follow(everywhere, moved, True)
    centre = everywhere[len(points) // 2 : len(points) // 2 + 1]
    at_rest = view.places(layers, owner[centre], points[centre], middles[centre], stabilised=False)
    centre_track = track[:, centre] if velocity is None else follow(centre, places[None, centre], True)
    x, y = np.ascontiguousarray(np.moveaxis(track, 2, 0))
    apart = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2
    return Displacement(
        track_px=track,
        extent_px=np.sqrt(apart.max(axis=(0, 1))),
        centre_px=centre_track[:, 0] - points[centre],
        hand_px=follow(centre, at_rest[None], False)[:, 0] - points[centre],
    )
