"""One exposure: sub-frames averaged in linear light, its two truths, and what the oracle says of its motion."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hvdbench.camera.motion import CameraPath
from hvdbench.frames import Image
from hvdbench.sources.scene import Layer, Scene, centred_K
from hvdbench.synth.warp import Array, apply_homography, plane_homography, render, render_alpha, shift_homography

SAMPLES = 33  # uniform samples of the path inside an exposure, ends included
GRID = (9, 5)  # points of the displacement field across and down the frame
SHARP_SHARE, BLURRY_SHARE = 0.003, 0.006  # of the frame's width
FEWEST, MOST = 9, 257  # sub-frames
SHARP, MILD, BLURRY = 0, 1, 2


@dataclass(frozen=True)
class View:
    """A scene in front of a moving camera.

    Args:
        scene: what is seen.
        path: how the camera moves.
        depth_m: distance of layers that have none of their own.
    """

    scene: Scene
    path: CameraPath
    depth_m: float

    def homographies(self, layers: Sequence[Layer], t_s: Array, *, stabilised: bool = True) -> list[Array]:
        """Map each layer's texture to the frame at N times, its own offset included: (N, 3, 3) a layer."""
        lens = self.path.lens_shift_at(t_s) if stabilised else np.zeros((len(t_s), 2))
        offsets = self.offsets(layers, t_s)
        rotation = self.path.rotation_at(t_s, stabilised=stabilised)
        return self._map(layers, rotation, self.path.position_at(t_s), lens, offsets)

    def centroid_homographies(self, layers: Sequence[Layer], t_s: Array) -> list[Array]:
        """Map each layer's texture under the mean rotation vector, position, lens shift and offset over N times."""
        rotation = self.path.rotation_at(t_s).mean(axis=0, keepdims=True)
        position = self.path.position_at(t_s).mean(axis=0, keepdims=True)
        lens = self.path.lens_shift_at(t_s).mean(axis=0, keepdims=True)
        offsets = [offset.mean(axis=0, keepdims=True) for offset in self.offsets(layers, t_s)]
        return self._map(layers, rotation, position, lens, offsets)

    def offsets(self, layers: Sequence[Layer], t_s: Array) -> list[Array]:
        """Give each layer's offset within its plane at N times, (N, 2) texture px."""
        still = [np.broadcast_to(np.array(layer.offset_px), (len(t_s), 2)) for layer in layers]
        if not any(layer.is_object for layer in layers):
            return still
        moving = [self.scene.layers(float(time)) for time in t_s]
        return [np.array([now[index].offset_px for now in moving]) for index in range(len(layers))]

    def _map(
        self, layers: Sequence[Layer], rotation: Array, position: Array, lens: Array, offsets: Sequence[Array]
    ) -> list[Array]:
        K = centred_K(self.scene.focal_px, *self.scene.size)
        maps = []
        for layer, offset in zip(layers, offsets, strict=True):
            inverse_depth = 1.0 / self.depth_m if layer.inverse_depth_1_m is None else layer.inverse_depth_1_m
            H = plane_homography(rotation, position, lens, K=K, K_texture=layer.K, inverse_depth_1_m=inverse_depth)
            maps.append(shift_homography(H, offset))
        return maps


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
    def path_px(self) -> float:
        """The longest path of a point, px."""
        return float(np.linalg.norm(np.diff(self.track_px, axis=0), axis=2).sum(axis=0).max())

    def label(self, width: int) -> int:
        """Classify by the median extent: 0 sharp, 1 mild, 2 blurry."""
        median = float(np.median(self.extent_px))
        return SHARP if median <= SHARP_SHARE * width else BLURRY if median > BLURRY_SHARE * width else MILD


@dataclass(frozen=True)
class Exposure:
    """What one exposure gives, in linear light.

    Args:
        blurry, mid, centroid: (H, W, 3) the average over the exposure, and the truths at mid-exposure and at the mean
            pose, lens shift and object place.
        displacement: of the exposure.
        object_mask: (H, W) uint8 0/1 at mid-exposure; None where nothing moves by itself.
        sub_frames: how many were averaged.
    """

    blurry: Image
    mid: Image
    centroid: Image
    displacement: Displacement
    object_mask: NDArray[np.uint8] | None
    sub_frames: int


def grid_points(size: tuple[int, int]) -> Array:
    """Give the displacement field's points, (45, 2) px: 9 x 5 from corner to corner, the centre in the middle."""
    x, y = np.meshgrid(np.linspace(0, size[0] - 1, GRID[0]), np.linspace(0, size[1] - 1, GRID[1]))
    return np.stack([x.ravel(), y.ravel()], axis=1)


def measure_displacement(view: View, t_mid_s: float, exposure_s: float) -> Displacement:
    """Follow the grid's points through an exposure, each on the frontmost layer that it shows at mid-exposure."""
    layers = view.scene.layers(t_mid_s)
    points = grid_points(view.scene.size)
    times = t_mid_s + exposure_s * np.linspace(-0.5, 0.5, SAMPLES)
    owner = _owners(view, layers, points, t_mid_s)
    track = _tracks(view, layers, points, owner, times, t_mid_s, stabilised=True)
    hand = _tracks(view, layers, points, owner, times, t_mid_s, stabilised=False)
    centre = len(points) // 2
    centre_px = track[:, centre] - points[centre]
    flow = view.scene.own_flow(t_mid_s)
    if flow is not None:
        track = track + _own_motion(flow, points, view.scene.size)[None] * (times - t_mid_s)[:, None, None]
    apart = np.linalg.norm(track[:, None] - track[None], axis=3)
    return Displacement(
        track_px=track,
        extent_px=apart.max(axis=(0, 1)),
        centre_px=centre_px,
        hand_px=hand[:, centre] - points[centre],
    )


def _owners(view: View, layers: Sequence[Layer], points: Array, t_mid_s: float) -> NDArray[np.int64]:
    if len(layers) == 1:
        return np.zeros(len(points), np.int64)
    maps = [H[0] for H in view.homographies(layers, np.array([t_mid_s]))]
    alpha = render_alpha(layers, maps, view.scene.size)
    column, row = np.rint(points).astype(np.int64).T
    front_first = alpha[::-1, row, column] > 0.5
    return np.asarray(len(layers) - 1 - np.argmax(front_first, axis=0), np.int64)


def _tracks(
    view: View,
    layers: Sequence[Layer],
    points: Array,
    owner: NDArray[np.int64],
    times: Array,
    t_mid_s: float,
    *,
    stabilised: bool,
) -> Array:
    now = view.homographies(layers, times, stabilised=stabilised)
    middle = view.homographies(layers, np.array([t_mid_s]), stabilised=stabilised)
    track = np.empty((len(times), len(points), 2))
    for index in np.unique(owner):
        mine = owner == index
        track[:, mine] = apply_homography(now[index] @ np.linalg.inv(middle[index]), points[mine])
    return track


def _own_motion(flow: NDArray[np.float32], points: Array, size: tuple[int, int]) -> Array:
    height, width = flow.shape[:2]
    column = np.clip(np.rint(points[:, 0] * (width - 1) / (size[0] - 1)), 0, width - 1).astype(np.int64)
    row = np.clip(np.rint(points[:, 1] * (height - 1) / (size[1] - 1)), 0, height - 1).astype(np.int64)
    return np.asarray(flow[row, column], np.float64)


def count_sub_frames(path_px: float, exposure_s: float, *, step_px: float, sub_frame_hz: float) -> int:
    """Count sub-frames: steps of at most ``step_px`` and a rate of at least ``sub_frame_hz``, from 9 to 257."""
    wanted = max(np.ceil(path_px / step_px), np.ceil(exposure_s * sub_frame_hz))
    return int(np.clip(wanted, FEWEST, MOST))


def expose(
    view: View, t_mid_s: float, exposure_s: float, *, step_px: float = 0.5, sub_frame_hz: float = 960.0
) -> Exposure:
    """Open the shutter: average sub-frames at the midpoints of even time slices, and render both truths.

    Every sub-frame is sampled once, straight from the scene's textures.

    Args:
        view: scene and motion.
        t_mid_s: the middle of the exposure; the path must reach half an exposure to both sides.
        exposure_s: how long the shutter is open.
        step_px: largest step between sub-frames.
        sub_frame_hz: least rate of sub-frames.
    """
    scene = view.scene
    displacement = measure_displacement(view, t_mid_s, exposure_s)
    count = count_sub_frames(displacement.path_px, exposure_s, step_px=step_px, sub_frame_hz=sub_frame_hz)
    times = t_mid_s + exposure_s * ((np.arange(count) + 0.5) / count - 0.5)
    layers = scene.layers(t_mid_s)
    maps = view.homographies(layers, times)
    total = np.zeros((scene.size[1], scene.size[0], 3), np.float32)
    for index, time in enumerate(times):
        now = layers if scene.is_held else scene.layers(float(time))
        total += render(now, [H[index] for H in maps], scene.size)
    middle = [H[0] for H in view.homographies(layers, np.array([t_mid_s]))]
    centroid = [H[0] for H in view.centroid_homographies(layers, times)]
    return Exposure(
        blurry=total / np.float32(count),
        mid=render(layers, middle, scene.size),
        centroid=render(layers, centroid, scene.size),
        displacement=displacement,
        object_mask=_object_mask(layers, middle, scene.size),
        sub_frames=count,
    )


def _object_mask(layers: Sequence[Layer], maps: Sequence[Array], size: tuple[int, int]) -> NDArray[np.uint8] | None:
    if not any(layer.is_object for layer in layers):
        return None
    covers = render_alpha(layers, maps, size)
    mask = np.zeros((size[1], size[0]), np.uint8)
    for layer, cover in zip(layers, covers, strict=True):
        mask = np.where(cover > 0.5, np.uint8(layer.is_object), mask)
    return mask
